# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""BRAC (Wu et al. 2019): an actor and a critic that both pay for the policy's divergence from a model of the data.

Value penalty at s' (equation 5 there) and policy penalty at s (equation 6), each by samples of the policy.
"""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics, behavior_loss
from awac.batch import Batch
from awac.behavior import density_model
from awac.critics import bellman_loss, critics_of
from awac.divergences import dual_ascent_loss, multiplier, sampled_divergence
from awac.figure8 import Row
from awac.hyperparameters import Count, CountFromZero, Hyperparameters, Multiplier, NotNegative, Positive
from awac.networks import CriticEnsemble, Networks, Sizes, TanhGaussianActor, lower_q


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of BRAC; the defaults are those of the paper's code (`brac_primal`, KL)."""

    actor_hidden: tuple[Count, ...] = (200, 200)
    critic_hidden: tuple[Count, ...] = (300, 300)
    actor_weight_decay: NotNegative = 0.0
    value_penalty: bool = True
    """Whether the target of the critic pays for the divergence at s' (BRAC-v), or the actor alone at s (BRAC-p)."""
    initial_multiplier: Multiplier = 1.0
    """alpha, and where a bound is given its start."""
    divergence_bound: Positive | None = None
    """Where given, alpha is raised while the divergence exceeds so many nats, and lowered below; else it stays."""
    divergence_samples: Count = 4
    """Actions of the policy for each estimate of the divergence."""
    behavior_components: Count = 1
    """Gaussians in the model of the data."""
    warm_start: CountFromZero = 20_000
    """First updates, in which the policy comes near the data and does not look at Q."""


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Policy, critics with targets, the model of the data, and the log-multiplier."""
    actor_key, critic_key, behavior_key = jax.random.split(key, 3)
    critic = critics_of(critic_key, sizes, config)
    return Networks(
        actor=TanhGaussianActor(actor_key, sizes, config.actor_hidden),
        critic=critic,
        target_critic=critic,
        behavior=density_model(behavior_key, sizes, config.actor_hidden, config.behavior_components),
        dual=jnp.float32(math.log(config.initial_multiplier)),
    )


def divergence(
    actor: TanhGaussianActor, behavior: Any, observations: Any, config: Config, key: PRNGKeyArray
) -> tuple[Float[Array, " batch"], Float[Array, "batch action"]]:
    """KL(pi || pi_b) at each observation, and one of the policy's actions."""
    repeated = jnp.broadcast_to(observations, (config.divergence_samples, *observations.shape))
    actions, log_prob = actor(repeated).sample_and_log_prob(key)
    return sampled_divergence(log_prob, behavior(repeated).log_prob(actions)), actions[0]


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 5: the target r + gamma (min_j Q_j(s', a') - alpha KL(pi || pi_b)(s'))."""
    found, actions = divergence(networks.actor, networks.behavior, batch.next_observations, config, key)
    next_values = lower_q(networks.target_critic, batch.next_observations, actions)
    if config.value_penalty:
        next_values = next_values - multiplier(networks.dual) * found
    return bellman_loss(critic, batch, next_values, config)


def actor_loss(
    actor: TanhGaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 6: E[alpha KL(pi || pi_b)(s) - min_j Q_j(s, a)]."""
    assert networks.clock is not None
    found, actions = divergence(actor, networks.behavior, batch.observations, config, key)
    value = jnp.mean(lower_q(networks.critic, batch.observations, actions))
    price = multiplier(networks.dual) * jnp.mean(found)
    return price - jnp.where(networks.clock.step < config.warm_start, 0.0, value), {"divergence": jnp.mean(found)}


def dual_loss(
    log_multiplier: Float[Array, ""], networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Dual ascent on E[KL(pi || pi_b)] <= the bound; without a bound nothing moves."""
    metrics = {"multiplier": multiplier(log_multiplier)}
    if config.divergence_bound is None:
        return 0.0 * log_multiplier, metrics
    found, _ = divergence(networks.actor, networks.behavior, batch.observations, config, key)
    return dual_ascent_loss(log_multiplier, jnp.mean(found) - config.divergence_bound), metrics


BRAC = Algorithm(
    name="brac",
    row=Row("BRAC", "Q^pi", "D(pi||Qbar)", "Yes", "Explicit KL penalty"),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=critic_loss,
    behavior=behavior_loss,
    dual=dual_loss,
)
