#!/usr/bin/env bash
# Demonstrations and roll-outs of their clone, as the paper has them: the studies of drawer, valve, hand and HalfCheetah
# (Figure 9) in docs/reproduce.md. 25 000 offline updates (the valve's `plus` 5 000), then 30 000 environment steps of a
# robot or 100 000 of locomotion. What was interrupted goes on.
#
#   experiments/demonstrations_study.sh FOLDER [SEED ...]                         everything; networks of the presets
#   TASKS=drawer VARIANTS="plus sacfd" SMALL=1 experiments/demonstrations_study.sh FOLDER 0     two layers, batches of 256
set -euo pipefail
. "$(dirname "$0")/train_once.sh"
folder=$1
shift
seeds=${*:-0 1}
mkdir -p "$folder"

robot="--online-steps 30000 --evaluation-episodes 50"
locomotion="--online-steps 100000 --evaluation-episodes 10"
declare -A task_options=(
  [drawer]="--env awac/SawyerDrawer-v0 $robot"
  [valve]="--env awac/ClawValve-v0 $robot"
  [hand]="--env awac/HandReposition-v0 $robot"
  [halfcheetah]="--env HalfCheetah-v5 $locomotion"
  [walker2d]="--env Walker2d-v5 $locomotion"
  [ant]="--env awac/Ant-v0 $locomotion"
)
sacfd="--algorithm sac --random-steps 0 --offline-steps 25000"
declare -A options=(
  [bc]="--algorithm bc --online-steps 0"
  [sacfd]="$sacfd --entropy-backup --q-upper-bound None" # as published
  [sacfd_bounded]=$sacfd                                 # as its preset has it where no return is above 0
  [paper]="--preset paper --offline-steps 25000"
  [plus]="--preset plus"
)
small="--actor-hidden 256 256 --critic-hidden 256 256 --batch-size 256"

for task in ${TASKS:-drawer valve hand halfcheetah}; do
  data=$folder/$task-data
  for kind in demonstrations clone; do
    [ -d "$data/$kind" ] || awac data make "$task-$kind-v0" --to "$data/$kind"
  done
  for seed in $seeds; do
    for variant in ${VARIANTS:-bc sacfd paper plus}; do
      sizes=${SMALL:+$small}
      [ "$variant" = bc ] && sizes=
      # shellcheck disable=SC2086 # options are words; the later of two wins
      train_once "$folder/$task-$variant-$seed" --data "$data/demonstrations" "$data/clone" --evaluation-interval 5000 \
        ${task_options[$task]} $sizes --seed "$seed" ${options[$variant]}
    done
  done
done
