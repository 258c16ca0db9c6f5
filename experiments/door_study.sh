#!/usr/bin/env bash
# The study on awac/DoorBinary-v0 in docs/reproduce.md: the 25 human demonstrations of DAPG (of which 6 open the door to
# 1.4 rad), 500 roll-outs of their clone, 25 000 offline updates, 100 000 environment steps, 100 evaluation episodes.
#
#   experiments/door_study.sh FOLDER DEMONSTRATIONS [SEED ...]
#   VARIANTS=plus experiments/door_study.sh FOLDER DEMONSTRATIONS 0
set -euo pipefail
. "$(dirname "$0")/train_once.sh"
folder=$1 demonstrations=$2
shift 2
seeds=${*:-0 1 2}
env=awac/DoorBinary-v0
mkdir -p "$folder"

declare -A options=(
  [plus]="--preset plus"
  [bold]="--preset plus --divergence-bound 1.5"
  [paper]="--preset paper"
)

[ -d "$folder/demonstrations" ] || awac data import "demonstration=$demonstrations" --to "$folder/demonstrations" \
  --relabel $env --clip-actions
[ -d "$folder/clone" ] || awac data clone "$folder/demonstrations" --env $env --to "$folder/clone" --episodes 500
for seed in $seeds; do
  for variant in ${VARIANTS:-plus bold paper}; do
    # shellcheck disable=SC2086 # options are words
    train_once "$folder/$variant-$seed" --env $env ${options[$variant]} \
      --data "demonstration=$folder/demonstrations" "$folder/clone" \
      --online-steps 100000 --evaluation-interval 12500 --evaluation-episodes 100 --seed "$seed"
  done
done
