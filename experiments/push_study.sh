#!/usr/bin/env bash
# SawyerPush from random data (Figure 7): the study in docs/reproduce.md. 500 trajectories of the Ornstein-Uhlenbeck
# process, goals relabelled in hindsight for every method, 4 updates per step as the authors ran it, 25 000 offline
# updates. What was interrupted goes on.
#
#   experiments/push_study.sh FOLDER [SEED ...]                      100 000 environment steps, networks of the presets
#   ONLINE=20000 SMALL=1 VARIANTS="awac sac" experiments/push_study.sh FOLDER 0    two layers of 256, batches of 256
set -euo pipefail
. "$(dirname "$0")/train_once.sh"
folder=$1
shift
seeds=${*:-0 1}
mkdir -p "$folder"

env=awac/SawyerPush-v0
relabel="--relabel future 0.3 resampled 0.5 --updates-per-step 4"
declare -A options=(
  [bc]="--algorithm bc --online-steps 0"
  [sac]="--algorithm sac --random-steps 0 $relabel"
  [awac]="--preset authors"
  [plus]="--preset plus"
  [sac_aided]="--algorithm sac --random-steps 0 $relabel --return-steps 5 --normalize-observations" # as plus has it
)
small="--actor-hidden 256 256 --critic-hidden 256 256 --batch-size 256"
budget="--offline-steps 25000 --online-steps ${ONLINE:-100000} --evaluation-interval 5000 --evaluation-episodes 50"

data=$folder/data
[ -d "$data" ] || awac data make push-random-v0 --to "$data"
for seed in $seeds; do
  for variant in ${VARIANTS:-bc sac awac plus sac_aided}; do
    sizes=${SMALL:+$small}
    [ "$variant" = bc ] && sizes=
    # shellcheck disable=SC2086 # options are words; the later of two wins
    train_once "$folder/$variant-$seed" --env "$env" --data "$data" $budget $sizes --seed "$seed" ${options[$variant]}
  done
done
