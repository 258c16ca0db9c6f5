# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Advantage-weighted regression (Peng et al. 2019): Algorithm 1, with what its released code adds.

theta <- argmax E_{s, a ~ D}[log pi(a | s) exp((R(s, a) - V(s)) / beta)], with TD(lambda) returns of the whole buffer D:
its critic values the policies that made the data, not the one that learns.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.figure8 import Row
from awac.hyperparameters import Deviation, Hyperparameters, Positive, Share
from awac.networks import GaussianActor, Networks, Sizes
from awac.objectives import advantage_weight, effective_sample_size, weighted_likelihood_loss
from awac.projections import advantage_std, normalize_advantage, start_deviation
from awac.returns import ValueFunction, in_chunks, lambda_returns, return_scale, value_loss


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of AWR; its own step sizes, sizes and fixed deviation are in the preset."""

    temperature: Positive = 1.0
    """beta, in units of the advantages' standard deviation: 1 in the released code, 0.05 of raw advantages in the
    paper."""
    weight_cap: Positive = 20.0
    """Largest weight (Peng et al. 2019, section 5)."""
    trace_decay: Share = 0.95
    """lambda of TD(lambda)."""
    action_std: Deviation | None = None
    """Where given, the policy's standard deviation is this and stays so (0.2 to 0.4 in the released code)."""


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Actor and V. Nothing bootstraps from V but returns that are computed once per call: it needs no target."""
    actor_key, critic_key = jax.random.split(key)
    actor = GaussianActor(actor_key, sizes, config.actor_hidden, config.std, fixed=config.action_std is not None)
    if config.action_std is not None:
        actor = start_deviation(actor, config.action_std)
    scale = return_scale(config.discount)
    return Networks(
        actor=actor, critic=ValueFunction(critic_key, sizes, config.critic_hidden, config.q_upper_bound, scale)
    )


def returns(networks: Networks, ordered: Batch, config: Config) -> Float[Array, " n"]:
    """TD(lambda) returns of the whole buffer, by V as it is."""
    next_values = in_chunks(networks.critic, ordered.next_observations)
    ends = ordered.terminated, ordered.truncated
    return lambda_returns(ordered.rewards, *ends, next_values, config.discount, config.trace_decay)


def actor_loss(
    actor: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Likelihood weighted by exp(A / beta), A = R - V normalised over the batch."""
    del key
    advantage = batch.returns - networks.critic(batch.observations)
    weight = advantage_weight(normalize_advantage(advantage) / config.temperature, "exp", config.weight_cap)
    log_prob = actor(batch.observations).log_prob(batch.actions)
    return weighted_likelihood_loss(log_prob, weight), {
        "advantage_mean": jnp.mean(advantage),
        "log_prob": jnp.mean(log_prob),
        "temperature": config.temperature * advantage_std(advantage),
        "weight_effective_sample_size": effective_sample_size(weight),
    }


AWR = Algorithm(
    name="awr",
    row=Row("AWR", "Q^beta", "D(Qbar||pi)", "No", "Implicit"),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=value_loss,
    returns=returns,
)
