# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Reinforcement learning with prior data (Ball et al. 2023): soft actor-critic, and three choices around it.

Half of each batch is prior data (`mix`), many updates follow each step (`updates_per_step`, `actor_period`), and an
ensemble of critics with layer normalisation keeps them from running away: the target is the least of a random few.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.critics import bellman_loss
from awac.figure8 import Row
from awac.hyperparameters import Count, CountFromZero
from awac.networks import CriticEnsemble, Networks, TanhGaussianActor, lower_q
from awac.pessimism import random_members
from awac.soft import (
    SoftHyperparameters,
    soft_networks,
    soft_policy_loss,
    soft_target,
    temperature_loss,
)


@dataclass(frozen=True)
class Config(SoftHyperparameters):
    """Settings of RLPD; the defaults are those of its released code for locomotion."""

    critics: CountFromZero = 10
    critic_norm: bool = True
    target_critics: Count = 2
    """Members of which the target is the least, drawn at each update: 2, for mazes 1."""
    target_entropy_per_action: float = -0.5
    """The entropy that alpha aims at, for each action dimension."""


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Algorithm 1, the critics: every member learns one target, the least of a random few of the slow members."""
    action_key, subset_key = jax.random.split(key)
    next_actions, log_prob = networks.actor(batch.next_observations).sample_and_log_prob(action_key)
    drawn = random_members(networks.target_critic, subset_key, config.target_critics)
    next_q = lower_q(drawn, batch.next_observations, next_actions)
    next_values = soft_target(next_q, log_prob, networks.dual, config)
    return bellman_loss(critic, batch, next_values, config)


def actor_loss(
    actor: TanhGaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Algorithm 1, the actor: E[alpha log pi(a | s) - Q(s, a)] with the mean of all members."""
    del config
    actions, log_prob = actor(batch.observations).sample_and_log_prob(key)
    q = jnp.mean(networks.critic(batch.observations, actions), axis=0)
    return soft_policy_loss(q, log_prob, networks.dual)


RLPD = Algorithm(
    name="rlpd",
    row=Row("RLPD", "Q^pi", "D(pi||Qbar)", "No", "None", ours=True),
    config=Config,
    networks=soft_networks,
    actor=actor_loss,
    critic=critic_loss,
    dual=temperature_loss,
)
