# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Warm-start reinforcement learning (Zhou et al. 2024): calibrated conservative values first, then plain SAC.

Offline it is Cal-QL; once the policy acts, the conservative term is gone, some thousand steps are collected before any
update (`warmup_steps`), and prior data are not used any more (`mix`). The critics are RLPD's.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.critics import bellman_loss
from awac.figure8 import Row
from awac.hyperparameters import Count, CountFromZero, NotNegative, Positive
from awac.networks import CriticEnsemble, Networks, lower_q
from awac.pessimism import earned_returns, random_members, sampled_gap
from awac.soft import (
    SoftHyperparameters,
    lesser_policy_loss,
    soft_networks,
    soft_target,
    temperature_loss,
)


@dataclass(frozen=True)
class Config(SoftHyperparameters):
    """Settings of WSRL: the ensemble of RLPD, with the rates and the weight of Cal-QL."""

    actor_learning_rate: NotNegative = 1e-4
    dual_learning_rate: NotNegative = 1e-4
    critics: CountFromZero = 10
    critic_norm: bool = True
    target_critics: Count = 2
    """Members of which the target is the least, drawn at each update."""
    entropy_backup: bool = False
    """Whether the target of the critic counts the entropy of the next action."""
    conservative_weight: NotNegative = 5.0
    """alpha of CQL, offline."""
    conservative_temperature: Positive = 1.0
    """T of T log sum exp(Q / T), offline; rewards r with T are rewards r / T with 1."""
    proposals: Count = 10
    """Actions of each of the three sources, per state."""


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """The Bellman error, and until the policy acts the calibrated gap."""
    action_key, subset_key, proposal_key = jax.random.split(key, 3)
    next_actions, log_prob = networks.actor(batch.next_observations).sample_and_log_prob(action_key)
    drawn = random_members(networks.target_critic, subset_key, config.target_critics)
    next_q = lower_q(drawn, batch.next_observations, next_actions)
    next_values = soft_target(next_q, log_prob, networks.dual, config)
    loss, metrics = bellman_loss(critic, batch, next_values, config)
    assert networks.clock is not None
    settings = config.proposals, config.conservative_temperature

    def offline_gap(critic: CriticEnsemble) -> Scalar:
        return sampled_gap(critic, networks.actor, batch, proposal_key, *settings, batch.returns)

    gap = jax.lax.cond(networks.clock.online, lambda _: jnp.zeros_like(loss), offline_gap, critic)
    return loss + config.conservative_weight * gap, {**metrics, "conservative_gap": gap / config.critics}


def offline_returns(networks: Networks, ordered: Batch, config: Config) -> Float[Array, " n"]:
    """What calibrates the gap, while there is one."""
    assert networks.clock is not None
    return jax.lax.cond(
        networks.clock.online,
        lambda: jnp.zeros_like(ordered.rewards),
        lambda: earned_returns(networks, ordered, config),
    )


WSRL = Algorithm(
    name="wsrl",
    row=Row("WSRL", "Q^pi", "D(pi||Qbar)", "No", "Conservative Q, offline", ours=True),
    config=Config,
    networks=soft_networks,
    actor=lesser_policy_loss,
    critic=critic_loss,
    dual=temperature_loss,
    returns=offline_returns,
)
