#!/usr/bin/env bash
# The study on awac/PenBinary-v0 in docs/reproduce.md: 25 bundled demonstrations, 500 roll-outs of their clone, 25 000
# offline updates, 50 000 environment steps, 100 evaluation episodes a point. A run that was interrupted goes on.
#
#   experiments/pen_study.sh FOLDER [SEED ...]          all variants
#   VARIANTS="plus n5" experiments/pen_study.sh FOLDER  some of them
#   OPTIONS="--online-steps 20000" experiments/pen_study.sh FOLDER 0  shorter, or otherwise other than they are
set -euo pipefail
. "$(dirname "$0")/train_once.sh"
folder=$1
shift
seeds=${*:-0 1 2}
env=awac/PenBinary-v0
mkdir -p "$folder"

declare -A options=(
  [bc]="--algorithm bc --data bundled:pen --offline-steps 25000"
  [paper]="--preset paper"
  [authors]="--preset authors"
  [plus]="--preset plus"
  [n20]="--preset plus --return-steps 20"
  [n5]="--preset plus --return-steps 5"
  [n1]="--preset plus --return-steps 1"
  [no_average]="--preset plus --actor-average-rate None"
  [no_norm]="--preset plus --no-critic-norm"
  [no_bound]="--preset plus --divergence-bound None --temperature 0.3"
  [no_mix]="--preset plus --mix"
)

[ -d "$folder/clone" ] || awac data clone bundled:pen --env $env --to "$folder/clone" --episodes 500
for seed in $seeds; do
  for variant in ${VARIANTS:-bc paper authors plus n20 n5 n1 no_average no_norm no_bound no_mix}; do
    # shellcheck disable=SC2086 # options are words
    train_once "$folder/$variant-$seed" --env $env --data bundled:pen "$folder/clone" --evaluation-episodes 100 \
      --seed "$seed" ${options[$variant]} ${OPTIONS:-}
  done
done
