# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Calibrated Q-learning (Nakamoto et al. 2023): conservative Q-learning whose values stay on the scale of the returns.

In CQL's gap, Q(s, a) of the policy's actions counts as max(Q(s, a), R(s)), R the return that followed s in the data.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.critics import bellman_loss
from awac.figure8 import Row
from awac.hyperparameters import Count, NotNegative, Positive
from awac.networks import CriticEnsemble, Networks, lower_q
from awac.pessimism import earned_returns, policy_proposals, sampled_gap
from awac.soft import SoftHyperparameters, lesser_policy_loss, soft_networks, soft_target, temperature_loss


@dataclass(frozen=True)
class Config(SoftHyperparameters):
    """Settings of Cal-QL; the defaults are those of its released code for mazes, without a Lagrange multiplier."""

    critic_hidden: tuple[Count, ...] = (256, 256, 256, 256)
    actor_learning_rate: NotNegative = 1e-4
    dual_learning_rate: NotNegative = 1e-4
    entropy_backup: bool = False
    """Whether the target of the critic counts the entropy of the next action."""
    conservative_weight: NotNegative = 5.0
    """alpha of CQL: 5 for mazes, 1 for hand and kitchen."""
    conservative_temperature: Positive = 1.0
    """T of T log sum exp(Q / T); rewards r with T are rewards r / T with 1, which is how the released code scales."""
    proposals: Count = 10
    """Actions of each of the three sources, per state."""
    next_candidates: Count = 10
    """Actions of the policy of which the best makes the target (`cql_max_target_backup`)."""


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 5.1: the Bellman error by the best of some next actions, and the calibrated gap."""
    next_key, proposal_key = jax.random.split(key)
    candidates = policy_proposals(networks.actor(batch.next_observations), next_key, config.next_candidates)
    next_q = lower_q(networks.target_critic, batch.next_observations, candidates[0])
    best = jnp.argmax(next_q, axis=0, keepdims=True)
    next_q, log_prob = (jnp.take_along_axis(each, best, axis=0)[0] for each in (next_q, candidates[1]))
    next_values = soft_target(next_q, log_prob, networks.dual, config)
    loss, metrics = bellman_loss(critic, batch, next_values, config)
    gap = sampled_gap(
        critic, networks.actor, batch, proposal_key, config.proposals, config.conservative_temperature, batch.returns
    )
    metrics |= {"conservative_gap": gap / config.critics, "return_mean": jnp.mean(batch.returns)}
    return loss + config.conservative_weight * gap, metrics


CAL_QL = Algorithm(
    name="cal_ql",
    row=Row("Cal-QL", "Q^pi", "D(pi||Qbar)", "No", "Conservative Q above Q^beta", ours=True),
    config=Config,
    networks=soft_networks,
    actor=lesser_policy_loss,
    critic=critic_loss,
    dual=temperature_loss,
    returns=earned_returns,
)
