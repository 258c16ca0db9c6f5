#!/usr/bin/env bash
# Every method on equal data, networks and budget: the study in docs/algorithms.md. 10 000 offline updates, 20 000
# environment steps, networks of two layers of 256, batches of 256. What was interrupted goes on.
#
#   experiments/comparison.sh FOLDER EXPERT [SEED ...]     EXPERT is the run folder of a HalfCheetah expert
#   TASKS=pointmass METHODS="awac iql" experiments/comparison.sh FOLDER EXPERT 0 1
set -euo pipefail
. "$(dirname "$0")/train_once.sh"
folder=$1 expert=$2
shift 2
seeds=${*:-0 1}
methods=${METHODS:-$(python -c "from awac.algorithms import ALGORITHMS; print(*ALGORITHMS)") sac_scratch sac_cloned bear_loose}
mkdir -p "$folder"

equal="--actor-hidden 256 256 --critic-hidden 256 256 --batch-size 256 --offline-steps 10000 --online-steps 20000"
equal="$equal --evaluation-interval 2000 --evaluation-episodes 10 --checkpoint-interval 10000 --buffer-capacity 200000"

# Mixed quality: 5 demonstrations of a policy that SAC trained, 30 roll-outs of their clone, 60 random episodes.
pointmass_data() {
  local env=awac/PointMass-v0 data=$folder/pointmass-data
  [ -d "$data/random" ] && return
  awac train --algorithm sac --env $env --online-steps 6000 --random-steps 1000 --evaluation-interval 3000 \
    --folder "$data/expert" --seed 0
  awac data collect --env $env --policy "$data/expert" --episodes 5 --provenance demonstration --to "$data/demonstrations"
  awac data clone "$data/demonstrations" --env $env --episodes 30 --steps 2000 --to "$data/clone"
  awac data collect --env $env --episodes 60 --to "$data/random"
}

# The paper's: 15 demonstrations and 100 roll-outs of their clone.
cheetah_data() {
  local env=HalfCheetah-v5 data=$folder/cheetah-data
  [ -d "$data/clone" ] && return
  awac data collect --env $env --policy "$expert" --episodes 15 --provenance demonstration --to "$data/demonstrations"
  awac data clone "$data/demonstrations" --env $env --episodes 100 --to "$data/clone"
}

pointmass="--env awac/PointMass-v0 --data $folder/pointmass-data/demonstrations $folder/pointmass-data/clone $folder/pointmass-data/random"
cheetah="--env HalfCheetah-v5 --data $folder/cheetah-data/demonstrations $folder/cheetah-data/clone"

for task in ${TASKS:-pointmass cheetah}; do
  "${task}_data"
  for seed in $seeds; do
    for method in $methods; do
      run=$folder/$task/$method-$seed
      case $method in
        bc) own="--online-steps 0" ;;
        sac) own="--random-steps 0" ;; # Figure 3's SACfD-prior, and its other two ways
        sac_cloned) own="--algorithm sac --random-steps 0 --clone-steps 10000" ;;
        sac_scratch) own="--algorithm sac --offline-steps 0 --data" ;;
        bcq) own="--behavior-hidden 256 256" ;; # the model of the data too, in place of 750 750
        bear) own="--behavior-hidden 256 256 --warm-start 4000" ;; # of 20 000, for the offline phase is short
        bear_loose) own="--algorithm bear --behavior-hidden 256 256 --warm-start 4000 --online-threshold 0.5" ;;
        brac) own="--warm-start 4000" ;;
        cql) own="--clone-steps 4000 --proposals 4" ;; # of 40 000; and of 10: two cores
        dapg) own="--interval 2000 --log-interval 2000 --updates-per-step 0.0005 --batch-size 250" ;;
        cal_ql) own="--interval 250 --proposals 4" ;; # their returns are a pass over the buffer per interval
        wsrl) own="--interval 250 --proposals 4 --critics 4" ;; # of 10 critics
        rlpd) own="--offline-steps 0 --updates-per-step 4 --actor-period 4" ;; # of 20: two cores
        *) own="" ;;
      esac
      [[ $own == *--algorithm* ]] || own="--algorithm $method $own"
      # shellcheck disable=SC2086 # options are words; the later of two wins
      train_once "$run" ${!task} $equal --seed "$seed" $own || echo "$run: exit code $?"
    done
  done
done
