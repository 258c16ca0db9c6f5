# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""What methods share that stand on soft actor-critic (Haarnoja et al. 2018): settings, networks, temperature."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.batch import Batch
from awac.critics import bellman_loss, critics_of
from awac.hyperparameters import Count, Hyperparameters, NotNegative, Positive
from awac.networks import CriticEnsemble, Networks, Sizes, TanhGaussianActor, lower_q
from awac.objectives import entropy_dual_loss, soft_value


@dataclass(frozen=True)
class SoftHyperparameters(Hyperparameters):
    """Settings of soft actor-critic; sizes and rates are those of Haarnoja et al. 2018."""

    actor_hidden: tuple[Count, ...] = (256, 256)
    critic_hidden: tuple[Count, ...] = (256, 256)
    actor_weight_decay: NotNegative = 0.0
    initial_temperature: Positive = 1.0
    """alpha before the first update."""
    target_entropy_per_action: float = -1.0
    """The entropy that alpha aims at, for each action dimension (minus one: appendix D)."""
    entropy_backup: bool = True
    """Whether the target of the critic counts the entropy of the next action."""


def soft_networks(key: PRNGKeyArray, sizes: Sizes, config: SoftHyperparameters) -> Networks:
    """Actor, critics with targets that start as their copies, and the log-temperature."""
    actor_key, critic_key = jax.random.split(key)
    critic = critics_of(critic_key, sizes, config)
    return Networks(
        actor=TanhGaussianActor(actor_key, sizes, config.actor_hidden),
        critic=critic,
        target_critic=critic,
        dual=jnp.log(jnp.float32(config.initial_temperature)),
    )


def soft_target(
    next_q: Float[Array, " batch"],
    log_probs: Float[Array, " batch"],
    log_temperature: Float[Array, ""],
    config: SoftHyperparameters,
) -> Float[Array, " batch"]:
    """V(s') of Haarnoja et al. 2018, equation 3, for one sample; without the entropy where `entropy_backup` is off."""
    return soft_value(next_q, log_probs, jnp.exp(log_temperature)) if config.entropy_backup else next_q


def soft_policy_loss(
    q: Float[Array, " batch"], log_probs: Float[Array, " batch"], log_temperature: Float[Array, ""]
) -> tuple[Scalar, dict[str, Scalar]]:
    """E[alpha log pi(a | s) - Q(s, a)] (equation 7 of Haarnoja et al. 2018): minus the soft value."""
    loss = -jnp.mean(soft_value(q, log_probs, jax.lax.stop_gradient(jnp.exp(log_temperature))))
    return loss, {"entropy": -jnp.mean(log_probs)}


def temperature_loss(
    log_temperature: Float[Array, ""], networks: Networks, batch: Batch, config: SoftHyperparameters, key: PRNGKeyArray
) -> tuple[Scalar, dict[str, Scalar]]:
    """Equation 18 of Haarnoja et al. 2018, on samples at the batch's observations."""
    _, log_probs = networks.actor(batch.observations).sample_and_log_prob(key)
    target = config.target_entropy_per_action * batch.actions.shape[-1]
    return entropy_dual_loss(log_temperature, log_probs, target), {"temperature": jnp.exp(log_temperature)}


def soft_critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: SoftHyperparameters, key: PRNGKeyArray
) -> tuple[Scalar, dict[str, Scalar]]:
    """Equations 5 and 6 of Haarnoja et al. 2018, with the lesser of the target critics."""
    next_actions, log_prob = networks.actor(batch.next_observations).sample_and_log_prob(key)
    next_q = lower_q(networks.target_critic, batch.next_observations, next_actions)
    next_values = soft_target(next_q, log_prob, networks.dual, config)
    return bellman_loss(critic, batch, next_values, config)


def lesser_policy_loss(
    actor: TanhGaussianActor, networks: Networks, batch: Batch, config: SoftHyperparameters, key: PRNGKeyArray
) -> tuple[Scalar, dict[str, Scalar]]:
    """E[alpha log pi(a | s) - Q(s, a)] (equation 7 of Haarnoja et al. 2018) with the least of all members."""
    del config
    actions, log_prob = actor(batch.observations).sample_and_log_prob(key)
    q = lower_q(networks.critic, batch.observations, actions)
    return soft_policy_loss(q, log_prob, networks.dual)
