# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Maximum a posteriori policy optimisation (Abdolmaleki et al. 2018), in the form of the acme library.

E-step: weights softmax(Q / eta) over samples of the slow policy at each state, eta by its dual. M-step: likelihood of
those samples, its mean and its deviation each within a bound of the slow policy's.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.critics import bellman_loss, critics_of
from awac.distributions import Gaussian
from awac.figure8 import Row
from awac.hyperparameters import Count, Deviation, Hyperparameters, Positive
from awac.networks import CriticEnsemble, GaussianActor, Networks, Sizes, lower_q
from awac.projections import (
    decoupled_likelihood_loss,
    divergence_penalty,
    mean_divergence,
    multiplier_loss,
    sample_weights,
    scale_divergence,
    start_deviation,
    temperature_dual_loss,
)


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of MPO; the defaults are those of acme."""

    samples: Count = 20
    """Actions per state."""
    divergence_bound: Positive = 0.1
    """epsilon of the E-step, nats."""
    mean_bound: Positive = 0.0025
    """epsilon of the mean, for each action dimension."""
    scale_bound: Positive = 1e-6
    """epsilon of the standard deviation, for each action dimension."""
    initial_std: Deviation = 0.7
    """The policy's standard deviation before the first update; `scale_bound` lets it change slowly."""
    initial_temperature: Positive = 10.0
    """eta before the first update."""
    initial_multipliers: tuple[float, float] = (10.0, 1000.0)
    """The multipliers of mean and deviation before the first update."""


class Multipliers(eqx.Module):
    """The duals, read through a softplus, so that they stay positive."""

    temperature: Float[Array, ""]
    mean: Float[Array, " action"]
    scale: Float[Array, " action"]


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Actor and critics with slow copies, and the multipliers."""
    actor_key, critic_key = jax.random.split(key)
    actor = start_deviation(GaussianActor(actor_key, sizes, config.actor_hidden, config.std), config.initial_std)
    critic = critics_of(critic_key, sizes, config)
    mean, scale = (jnp.full(sizes.action, start) for start in config.initial_multipliers)
    dual = Multipliers(jnp.float32(config.initial_temperature), mean, scale)
    return Networks(actor=actor, critic=critic, dual=dual, target_critic=critic, target_actor=actor)


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Squared Bellman error, with the mean of the slow critics over samples of the slow policy."""
    actions = networks.target_actor(batch.next_observations).sample(key, (config.samples,)).clip(-1.0, 1.0)
    next_values = jnp.mean(lower_q(networks.target_critic, batch.next_observations, actions), axis=0)
    return bellman_loss(critic, batch, next_values, config)


def sampled(
    networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Gaussian, Float[Array, "samples batch action"], Float[Array, "samples batch"]]:
    """The slow policy at the batch's observations, its samples there, and their slow Q: of what can be played."""
    old = networks.target_actor(batch.observations)
    actions = old.sample(key, (config.samples,))
    return old, actions, lower_q(networks.target_critic, batch.observations, actions.clip(-1.0, 1.0))


def actor_loss(
    actor: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """The M-step, decoupled: the mean learns beside the old deviation, the deviation around the old mean."""
    old, actions, q = sampled(networks, batch, config, key)
    new = actor(batch.observations)
    dual = jax.tree.map(jax.nn.softplus, networks.dual)
    mean, scale = mean_divergence(old, new), scale_divergence(old, new)
    penalty = divergence_penalty(dual.mean, mean) + divergence_penalty(dual.scale, scale)
    loss = decoupled_likelihood_loss(old, new, actions, sample_weights(q, dual.temperature)) + penalty
    return loss, {"mean_divergence": jnp.mean(mean), "scale_divergence": jnp.mean(scale)}


def dual_loss(
    dual: Multipliers, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """The duals of the three bounds."""
    old, _, q = sampled(networks, batch, config, key)
    new = networks.actor(batch.observations)
    dual = jax.tree.map(jax.nn.softplus, dual)
    loss = multiplier_loss(dual.mean, mean_divergence(old, new), config.mean_bound)
    loss = loss + multiplier_loss(dual.scale, scale_divergence(old, new), config.scale_bound)
    loss = loss + temperature_dual_loss(dual.temperature, q, config.divergence_bound)
    return loss, {"temperature": dual.temperature, "mean_multiplier": jnp.mean(dual.mean)}


MPO = Algorithm(
    name="mpo",
    row=Row("MPO", "Q^pi", "D(Qbar||pi)", "Yes*", "Prior"),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=critic_loss,
    dual=dual_loss,
)
