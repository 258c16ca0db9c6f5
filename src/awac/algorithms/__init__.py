"""The methods, one file each. This is the only list."""

from awac.algorithm import Algorithm
from awac.algorithms.algae_dice import ALGAE_DICE
from awac.algorithms.awac import AWAC
from awac.algorithms.awr import AWR
from awac.algorithms.bc import BC
from awac.algorithms.bcq import BCQ
from awac.algorithms.iql import IQL
from awac.algorithms.marwil import MARWIL
from awac.algorithms.sac import SAC
from awac.algorithms.sac_bc import SAC_BC

ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm for algorithm in (ALGAE_DICE, AWAC, AWR, BC, BCQ, MARWIL, SAC, SAC_BC, IQL)
}
