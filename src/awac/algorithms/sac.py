# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Soft actor-critic (Haarnoja et al. 2018) with an automatic temperature: trains experts, and Figure 3's baselines.

With prior data in the buffer it is the paper's SACfD: a choice of data, not another loss.
"""

from dataclasses import dataclass

from jaxtyping import PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.figure8 import Row
from awac.networks import Networks, TanhGaussianActor, lower_q
from awac.soft import (
    SoftHyperparameters,
    soft_critic_loss,
    soft_networks,
    soft_policy_loss,
    temperature_loss,
)


@dataclass(frozen=True)
class Config(SoftHyperparameters):
    """Settings of SAC; sizes and rates are those of Haarnoja et al. 2018."""


def actor_loss(
    actor: TanhGaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """E[alpha log pi(a | s) - Q(s, a)] (equation 7 of Haarnoja et al. 2018): minus the soft value."""
    del config
    actions, log_prob = actor(batch.observations).sample_and_log_prob(key)
    q = lower_q(networks.critic, batch.observations, actions)
    return soft_policy_loss(q, log_prob, networks.dual)


SAC = Algorithm(
    name="sac",
    row=Row("SAC", "Q^pi", "D(pi||Qbar)", "No", "None"),
    config=Config,
    networks=soft_networks,
    actor=actor_loss,
    critic=soft_critic_loss,
    dual=temperature_loss,
)
