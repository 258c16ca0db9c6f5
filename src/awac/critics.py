# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Critics as most methods have them: made from the settings, beside a policy, fitted to a target (Equations 4, 5)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.batch import Batch
from awac.errors import ConfigError
from awac.hyperparameters import Hyperparameters
from awac.networks import CriticEnsemble, GaussianActor, Networks, Sizes, lower_q
from awac.objectives import td_loss, td_target


def critics_of(key: PRNGKeyArray, sizes: Sizes, config: Hyperparameters) -> CriticEnsemble:
    """The ensemble that the settings describe.

    Raises:
        ConfigError: they ask for none.
    """
    if not config.critics:
        raise ConfigError("critics is 0; allowed: 1 or more, for the method has Q-functions")
    return CriticEnsemble(key, sizes, config.critic_hidden, config.critics, config.critic_norm, config.q_upper_bound)


def bellman_loss(
    critic: CriticEnsemble, batch: Batch, next_values: Float[Array, " batch"], config: Hyperparameters
) -> tuple[Scalar, dict[str, Scalar]]:
    """Equation 4 for the target r + gamma^n V(s') of Equation 5, where nothing terminated; every member learns it."""
    targets = td_target(
        batch.rewards, batch.terminated, batch.steps, next_values, config.discount, config.q_upper_bound
    )
    values = critic(batch.observations, batch.actions)
    return td_loss(values, targets), {"q_mean": jnp.mean(values), "target_mean": jnp.mean(targets)}


def evaluation_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Hyperparameters, key: PRNGKeyArray
) -> tuple[Scalar, dict[str, Scalar]]:
    """Equations 4 and 5: the present policy is evaluated, with one sample of it at the next observation."""
    next_actions = networks.actor(batch.next_observations).sample(key)
    next_values = lower_q(networks.target_critic, batch.next_observations, next_actions)
    return bellman_loss(critic, batch, next_values, config)


def gaussian_networks(key: PRNGKeyArray, sizes: Sizes, config: Hyperparameters) -> Networks:
    """The paper's policy, critics, and targets that start as copies of the critics."""
    actor_key, critic_key = jax.random.split(key)
    critic = critics_of(critic_key, sizes, config)
    actor = GaussianActor(actor_key, sizes, config.actor_hidden, config.std)
    return Networks(actor=actor, critic=critic, target_critic=critic)


def gaussian_networks_with_prior(key: PRNGKeyArray, sizes: Sizes, config: Hyperparameters) -> Networks:
    """The same with a second policy, in the place of the model of the data."""
    actor_key, prior_key, critic_key = jax.random.split(key, 3)
    critic = critics_of(critic_key, sizes, config)
    return Networks(
        actor=GaussianActor(actor_key, sizes, config.actor_hidden, config.std),
        behavior=GaussianActor(prior_key, sizes, config.actor_hidden, config.std),
        critic=critic,
        target_critic=critic,
    )
