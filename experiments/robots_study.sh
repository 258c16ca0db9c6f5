#!/usr/bin/env bash
# Drawer, valve and hand: the study in docs/reproduce.md. Demonstrations of the scripted experts (10, 10, 19), roll-outs of
# their clone (500, 200, 50), 25 000 offline updates, 30 000 environment steps. What was interrupted goes on.
#
#   experiments/robots_study.sh FOLDER [SEED ...]                               everything; networks of the presets
#   TASKS=drawer VARIANTS="plus sacfd" SMALL=1 experiments/robots_study.sh FOLDER 0    two layers of 256, batches of 256
set -euo pipefail
. "$(dirname "$0")/train_once.sh"
folder=$1
shift
seeds=${*:-0 1}
mkdir -p "$folder"

declare -A env=([drawer]=awac/SawyerDrawer-v0 [valve]=awac/ClawValve-v0 [hand]=awac/HandReposition-v0)
declare -A options=(
  [bc]="--algorithm bc --online-steps 0"
  [sacfd]="--algorithm sac --random-steps 0 --offline-steps 25000"
  [paper]="--preset paper"
  [plus]="--preset plus" # the valve's says 5 000 offline updates
)
small="--actor-hidden 256 256 --critic-hidden 256 256 --batch-size 256"
budget="--online-steps 30000 --evaluation-interval 5000 --evaluation-episodes 50"

for task in ${TASKS:-drawer valve hand}; do
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
