# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""ReBRAC (Tarasov et al. 2023): TD3 that imitates, with a squared error of its own for actor and critic.

The policy is the mean of the shared Gaussian actor. No loss touches its deviation, which stays what `exploration_noise`
says and is how the policy explores.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.critics import bellman_loss, critics_of
from awac.figure8 import Row
from awac.hyperparameters import Count, Deviation, Hyperparameters, NotNegative
from awac.networks import CriticEnsemble, GaussianActor, Networks, Sizes, lower_q
from awac.pessimism import normalize_scale, smoothed, squared_distance
from awac.projections import start_deviation


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of ReBRAC; the defaults are its paper's for human demonstrations of the pen."""

    actor_hidden: tuple[Count, ...] = (256, 256, 256)
    critic_hidden: tuple[Count, ...] = (256, 256, 256)
    critic_norm: bool = True
    actor_period: Count = 2
    actor_weight_decay: NotNegative = 0.0
    actor_penalty: NotNegative = 0.1
    """beta_1: how much the policy's distance from the data's action counts; tuned per dataset in the paper."""
    critic_penalty: NotNegative = 0.5
    """beta_2: the same for the target's action and the one that followed in the data."""
    q_normalization: bool = True
    """Whether the policy's loss takes Q in units of its mean size in the batch (Fujimoto and Gu 2021)."""
    target_noise: NotNegative = 0.2
    """Deviation of the noise on the target's action."""
    target_noise_clip: NotNegative = 0.5
    """Largest such noise."""
    exploration_noise: Deviation = 0.1
    """Deviation of the noise on the actions that are taken, between e^-6 and 1 (Fujimoto et al. 2018)."""


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Actor and critics, and a slow copy of each."""
    actor_key, critic_key = jax.random.split(key)
    actor = GaussianActor(actor_key, sizes, config.actor_hidden, "independent", fixed=True)
    actor = start_deviation(actor, config.exploration_noise)
    critic = critics_of(critic_key, sizes, config)
    return Networks(actor=actor, critic=critic, target_actor=actor, target_critic=critic)


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 4, the critic: what the slow policy would do next is worth less, the further it is from the data."""
    next_actions = networks.target_actor(batch.next_observations).mode()
    next_actions = smoothed(next_actions, key, config.target_noise, config.target_noise_clip)
    next_q = lower_q(networks.target_critic, batch.next_observations, next_actions)
    next_values = next_q - config.critic_penalty * squared_distance(next_actions, batch.next_actions)
    return bellman_loss(critic, batch, next_values, config)


def actor_loss(
    actor: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 4, the actor: E[beta_1 |pi(s) - a|^2 - Q(s, pi(s))], Q in units of its size."""
    del key
    actions = actor(batch.observations).mode()
    q = lower_q(networks.critic, batch.observations, actions)
    distance = squared_distance(actions, batch.actions)
    value = normalize_scale(q) if config.q_normalization else q
    return jnp.mean(config.actor_penalty * distance - value), {"squared_error": jnp.mean(distance)}


REBRAC = Algorithm(
    name="rebrac",
    row=Row("ReBRAC", "Q^pi", "D(pi||Qbar)", "No", "Squared error", ours=True),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=critic_loss,
    next_actions=True,
)
