# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Soft actor-critic (Haarnoja et al. 2018) with an automatic temperature: trains experts, and Figure 3's baselines.

With prior data in the buffer it is the paper's SACfD: a choice of data, not another loss.
"""

from dataclasses import dataclass

from awac.algorithm import Algorithm
from awac.figure8 import Row
from awac.soft import SoftHyperparameters, lesser_policy_loss, soft_critic_loss, soft_networks, temperature_loss


@dataclass(frozen=True)
class Config(SoftHyperparameters):
    """Settings of SAC; sizes and rates are those of Haarnoja et al. 2018."""


SAC = Algorithm(
    name="sac",
    row=Row("SAC", "Q^pi", "D(pi||Qbar)", "No", "None"),
    config=Config,
    networks=soft_networks,
    actor=lesser_policy_loss,
    critic=soft_critic_loss,
    dual=temperature_loss,
)
