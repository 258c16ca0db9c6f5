#!/usr/bin/env bash
# Makes the 25 pen demonstrations that ship with awac as `bundled:pen`.
#
# They are policy-generated, not human. The seed of the expert is the pen policy published with DAPG (Rajeswaran et al.
# 2018, Apache-2.0), converted to an npz of plain arrays; nothing of it is in the demonstrations but what it taught.
#
#   experiments/pen_demonstrations.sh DAPG_PEN.npz WORK_FOLDER OUTPUT_FOLDER
set -euo pipefail
policy=$1 work=$2 output=$3
env=awac/PenBinary-v0

# 1. Roll-outs of the published policy: about three quarters succeed.
awac data collect --env $env --policy "dapg:$policy" --episodes 300 --seed 10000 --to "$work/seed"
# 2. An expert of our own: AWAC on these, then online.
awac train --env $env --preset plus --data "rollout=$work/seed" --folder "$work/expert" --seed 0 \
  --offline-steps 10000 --online-steps 20000
# 3. 25 successful episodes of it, sampled, so that no two are alike.
awac data collect --env $env --policy "$work/expert" --episodes 25 --only-successful --seed 20000 \
  --provenance demonstration --to "$output" \
  --description "25 successful pen episodes of a policy trained by awac: policy-generated, not human"
