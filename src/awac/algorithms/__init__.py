"""The methods, one file each. This is the only list."""

from awac.algorithm import Algorithm
from awac.algorithms.awac import AWAC
from awac.algorithms.bc import BC
from awac.algorithms.sac import SAC

ALGORITHMS: dict[str, Algorithm] = {algorithm.name: algorithm for algorithm in (AWAC, BC, SAC)}
