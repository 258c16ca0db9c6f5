#!/usr/bin/env bash
# Locomotion (Figure 9): the study in docs/reproduce.md. 15 demonstrations of the expert that ships and 100 roll-outs of
# their clone, 25 000 offline updates, 100 000 environment steps. What was interrupted goes on.
#
#   experiments/locomotion_study.sh FOLDER [SEED ...]                      HalfCheetah, networks of the presets
#   TASKS=walker2d VARIANTS="plus sacfd" SMALL=1 experiments/locomotion_study.sh FOLDER 0    two layers of 256, batches of 256
set -euo pipefail
. "$(dirname "$0")/train_once.sh"
folder=$1
shift
seeds=${*:-0 1}
mkdir -p "$folder"

declare -A env=([halfcheetah]=HalfCheetah-v5 [walker2d]=Walker2d-v5 [ant]=awac/Ant-v0)
declare -A options=(
  [bc]="--algorithm bc --online-steps 0"
  [sacfd]="--algorithm sac --random-steps 0"
  [paper]="--preset paper"
  [plus]="--preset plus"
)
small="--actor-hidden 256 256 --critic-hidden 256 256 --batch-size 256"
budget="--offline-steps 25000 --online-steps 100000 --evaluation-interval 5000 --evaluation-episodes 10"

for task in ${TASKS:-halfcheetah}; do
  data=$folder/$task-data
  for kind in demonstrations clone; do
    [ -d "$data/$kind" ] || awac data make "$task-$kind-v0" --to "$data/$kind"
  done
  for seed in $seeds; do
    for variant in ${VARIANTS:-bc sacfd paper plus}; do
      sizes=${SMALL:+$small}
      [ "$variant" = bc ] && sizes=
      # shellcheck disable=SC2086 # options are words; the later of two wins
      train_once "$folder/$task-$variant-$seed" --env "${env[$task]}" --data "$data/demonstrations" "$data/clone" \
        $budget $sizes --seed "$seed" ${options[$variant]}
    done
  done
done
