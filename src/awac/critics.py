# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Critics as most methods have them: made from the settings, and fitted to a target (Equations 4 and 5)."""

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.batch import Batch
from awac.hyperparameters import Hyperparameters
from awac.networks import CriticEnsemble, Sizes
from awac.objectives import td_loss, td_target


def critics_of(key: PRNGKeyArray, sizes: Sizes, config: Hyperparameters) -> CriticEnsemble:
    """The ensemble that the settings describe."""
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
