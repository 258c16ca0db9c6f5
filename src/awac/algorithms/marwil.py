# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Monotonic advantage re-weighted imitation learning (Wang et al. 2018): Algorithm 1.

theta <- argmax E_{s, a ~ D}[log pi(a | s) exp(beta (R_t - V(s)) / c)], R_t the return that followed in the data and c
the root mean square of the advantages.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.figure8 import Row
from awac.hyperparameters import Hyperparameters, Positive
from awac.networks import GaussianActor, Networks, Sizes
from awac.objectives import advantage_weight, effective_sample_size, weighted_likelihood_loss
from awac.projections import running_norm_loss
from awac.returns import ValueFunction, return_scale, returns_to_go, value_loss, where_needed


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of MARWIL."""

    advantage_scale: Positive = 1.0
    """beta: towards 0 it becomes behaviour cloning (RLlib: 1)."""
    weight_cap: Positive = 100.0
    """Largest weight: keeps float32 finite; not in the paper."""
    initial_square: Positive = 100.0
    """c^2 before the first update (RLlib: `moving_average_sqd_adv_norm_start`)."""


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Actor, V, and log c^2."""
    actor_key, critic_key = jax.random.split(key)
    scale = return_scale(config.discount)
    return Networks(
        actor=GaussianActor(actor_key, sizes, config.actor_hidden, config.std),
        critic=ValueFunction(critic_key, sizes, config.critic_hidden, config.q_upper_bound, scale),
        dual=jnp.log(jnp.float32(config.initial_square)),
    )


def returns(networks: Networks, ordered: Batch, config: Config) -> Float[Array, " n"]:
    """What followed each transition, to the end of its episode; behind a time-out, V."""
    next_values = where_needed(networks.critic, ordered.next_observations, ordered.truncated)
    return returns_to_go(ordered.rewards, ordered.terminated, ordered.truncated, next_values, config.discount)


def actor_loss(
    actor: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Likelihood weighted by exp(beta A / c) (Wang et al. 2018, equation 7)."""
    del key
    advantage = batch.returns - networks.critic(batch.observations)
    temperature = jax.lax.stop_gradient(jnp.exp(0.5 * networks.dual)) / config.advantage_scale
    weight = advantage_weight(advantage / temperature, "exp", config.weight_cap)
    log_prob = actor(batch.observations).log_prob(batch.actions)
    return weighted_likelihood_loss(log_prob, weight), {
        "advantage_mean": jnp.mean(advantage),
        "log_prob": jnp.mean(log_prob),
        "temperature": temperature,
        "weight_effective_sample_size": effective_sample_size(weight),
    }


def dual_loss(
    log_square: Float[Array, ""], networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Moves c^2 towards the mean square of the advantages."""
    del config, key
    advantage = batch.returns - networks.critic(batch.observations)
    return running_norm_loss(log_square, advantage), {"advantage_norm": jnp.exp(0.5 * log_square)}


MARWIL = Algorithm(
    name="marwil",
    row=Row("MARWIL", "Q^beta", "D(Qbar||pi)", "No", "Implicit", ours=True),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=value_loss,
    dual=dual_loss,
    resting_dual=dual_loss,  # it answers to the critic
    returns=returns,
)
