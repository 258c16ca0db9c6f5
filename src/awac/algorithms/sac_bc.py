# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""SAC+BC: soft actor-critic whose policy also imitates the demonstrations (Nair et al. 2018, equation 5, with SAC).

The term reads transitions of provenance `demonstration` alone; whatever else is in the batch is not imitated.
"""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch, Provenance
from awac.figure8 import Row
from awac.hyperparameters import Hyperparameters
from awac.networks import CriticEnsemble, Networks, Sizes, TanhGaussianActor, lower_q
from awac.objectives import entropy_dual_loss, soft_value, td_loss, td_target


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of SAC+BC; those of SAC are of Haarnoja et al. 2018."""

    actor_hidden: tuple[int, ...] = (256, 256)
    critic_hidden: tuple[int, ...] = (256, 256)
    actor_weight_decay: float = 0.0
    initial_temperature: float = 1.0
    """alpha before the first update."""
    target_entropy_per_action: float = -1.0
    """The entropy that alpha aims at, for each action dimension (minus one: appendix D)."""
    entropy_backup: bool = True
    """Whether the target of the critic counts the entropy of the next action."""
    cloning_weight: float = 1.0
    """Weight of the imitation beside the soft value; 1 as the AWAC authors ran it."""
    likelihood: Literal["log_likelihood", "squared_error"] = "log_likelihood"
    """Imitation by likelihood (hand tasks as run) or by the squared error of the mean action (an option of theirs)."""


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Actor, critics with targets, and the log-temperature."""
    actor_key, critic_key = jax.random.split(key)
    critic = CriticEnsemble(
        critic_key, sizes, config.critic_hidden, config.critics, config.critic_norm, config.q_upper_bound
    )
    return Networks(
        actor=TanhGaussianActor(actor_key, sizes, config.actor_hidden),
        critic=critic,
        target_critic=critic,
        dual=jnp.log(jnp.float32(config.initial_temperature)),
    )


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equations 5 and 6 of Haarnoja et al. 2018, with the lesser of the target critics."""
    next_actions, log_prob = networks.actor(batch.next_observations).sample_and_log_prob(key)
    next_q = lower_q(networks.target_critic, batch.next_observations, next_actions)
    next_values = soft_value(next_q, log_prob, jnp.exp(networks.dual)) if config.entropy_backup else next_q
    targets = td_target(
        batch.rewards, batch.terminated, batch.steps, next_values, config.discount, config.q_upper_bound
    )
    values = critic(batch.observations, batch.actions)
    return td_loss(values, targets), {"q_mean": jnp.mean(values), "target_mean": jnp.mean(targets)}


def actor_loss(
    actor: TanhGaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """E[alpha log pi(a | s) - Q(s, a)] + w E_demonstrations[-log pi(a | s)], or its squared error."""
    distribution = actor(batch.observations)
    actions, log_prob = distribution.sample_and_log_prob(key)
    q = lower_q(networks.critic, batch.observations, actions)
    value = soft_value(q, log_prob, jax.lax.stop_gradient(jnp.exp(networks.dual)))
    if config.likelihood == "log_likelihood":
        errors = -distribution.log_prob(batch.actions)
    else:
        errors = jnp.sum(jnp.square(distribution.mode() - batch.actions), axis=-1)
    demonstrations = batch.provenance == Provenance.DEMONSTRATION
    cloning = jnp.sum(jnp.where(demonstrations, errors, 0.0)) / jnp.maximum(jnp.sum(demonstrations), 1)
    return config.cloning_weight * cloning - jnp.mean(value), {
        "entropy": -jnp.mean(log_prob),
        "cloning_loss": cloning,
        "demonstration_share": jnp.mean(demonstrations, dtype=errors.dtype),
    }


def dual_loss(
    log_temperature: Float[Array, ""], networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 18 of Haarnoja et al. 2018, on samples at the batch's observations."""
    _, log_prob = networks.actor(batch.observations).sample_and_log_prob(key)
    target = config.target_entropy_per_action * batch.actions.shape[-1]
    return entropy_dual_loss(log_temperature, log_prob, target), {"temperature": jnp.exp(log_temperature)}


SAC_BC = Algorithm(
    name="sac_bc",
    row=Row("SAC+BC", "Q^pi", "Mixed", "No", "None"),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=critic_loss,
    dual=dual_loss,
)
