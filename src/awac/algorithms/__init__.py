"""The methods, one file each. This is the only list."""

from awac.algorithm import Algorithm
from awac.algorithms.abm import ABM
from awac.algorithms.abm_as_run import ABM_AS_RUN
from awac.algorithms.algae_dice import ALGAE_DICE
from awac.algorithms.awac import AWAC
from awac.algorithms.awr import AWR
from awac.algorithms.bc import BC
from awac.algorithms.bcq import BCQ
from awac.algorithms.bear import BEAR
from awac.algorithms.brac import BRAC
from awac.algorithms.brac_as_run import BRAC_AS_RUN
from awac.algorithms.cal_ql import CAL_QL
from awac.algorithms.cql import CQL
from awac.algorithms.dapg import DAPG
from awac.algorithms.iql import IQL
from awac.algorithms.marwil import MARWIL
from awac.algorithms.mpo import MPO
from awac.algorithms.mpo_as_run import MPO_AS_RUN
from awac.algorithms.rebrac import REBRAC
from awac.algorithms.rlpd import RLPD
from awac.algorithms.sac import SAC
from awac.algorithms.sac_as_run import SAC_AS_RUN
from awac.algorithms.sac_bc import SAC_BC
from awac.algorithms.wsrl import WSRL

ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        ALGAE_DICE,
        AWAC,
        AWR,
        BC,
        BCQ,
        BEAR,
        BRAC,
        BRAC_AS_RUN,
        DAPG,
        MARWIL,
        SAC,
        SAC_BC,
        IQL,
        MPO,
        MPO_AS_RUN,
        ABM,
        ABM_AS_RUN,
        SAC_AS_RUN,
        CQL,
        CAL_QL,
        RLPD,
        WSRL,
        REBRAC,
    )
}
