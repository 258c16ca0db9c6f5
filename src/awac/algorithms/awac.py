# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Advantage weighted actor critic (Nair et al. 2020): Equations 4, 5, 13 and 26.

theta <- argmax E_{s, a ~ beta}[log pi(a | s) exp(A(s, a) / lambda)], with A from a critic of the current policy, which
learns y = r + gamma min Q(s', a'), a' ~ pi(s'): Equations 4 and 5, `awac.critics.evaluation_loss`.
"""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.critics import evaluation_loss, gaussian_networks
from awac.figure8 import Row
from awac.hyperparameters import Count, CountFromZero, Hyperparameters, Positive
from awac.networks import GaussianActor, Networks, lower_q
from awac.objectives import (
    advantage_weight,
    bounded_temperature,
    clip_advantage,
    effective_sample_size,
    log_partition,
    weight_divergence,
    weighted_likelihood_loss,
)


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of AWAC; the defaults are the paper's for manipulation."""

    temperature: Positive = 0.3
    """lambda: 0.3 for manipulation, 1.0 for locomotion (appendix B)."""
    weighting: Literal["exp", "softmax"] = "exp"
    """`exp` is Equation 13; `softmax` normalises over the batch, as the released code does."""
    weight_cap: Positive = 100.0
    """Largest weight under `exp`: keeps float32 finite; not in the paper."""
    advantage_clip: float | None = None
    """Upper clip of the advantage; the released code has 0.5 on the hand tasks, the paper none."""
    value: Literal["samples", "mean_action"] = "samples"
    """V(s) as the mean of Q over policy samples (the paper), or Q at the mean action (released code, hand tasks)."""
    value_samples: Count = 1
    """K: policy samples per state for V(s)."""
    partition_samples: CountFromZero = 0
    """K: policy samples for Z(s) of Equation 26; 0 leaves Z out, as the paper does (10 in its Table I)."""
    divergence_bound: Positive | None = None
    """epsilon of Equation 9 in nats: where given, lambda is solved on each batch, never below `temperature`."""


def state_value(
    networks: Networks, observations: Float[Array, "batch observation"], config: Config, key: PRNGKeyArray
) -> Float[Array, " batch"]:
    """V(s) = E_{a ~ pi}[Q(s, a)] by samples, or Q at the mean action."""
    distribution = networks.actor(observations)
    if config.value == "mean_action":
        return lower_q(networks.critic, observations, distribution.mode())
    actions = distribution.sample(key, (config.value_samples,))
    return jnp.mean(lower_q(networks.critic, observations, actions), axis=0)


def actor_loss(
    actor: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 13, or 26 where Z(s) is asked for. The weight is read from the networks before the step."""
    value_key, partition_key = jax.random.split(key)
    value = state_value(networks, batch.observations, config, value_key)
    advantage = lower_q(networks.critic, batch.observations, batch.actions) - value
    score = clip_advantage(advantage, config.advantage_clip)
    temperature = jnp.float32(config.temperature)
    if config.divergence_bound is not None:
        temperature = bounded_temperature(score, config.divergence_bound, config.temperature)
    score = score / temperature
    if config.partition_samples:
        actions = networks.actor(batch.observations).sample(partition_key, (config.partition_samples,))
        sampled = lower_q(networks.critic, batch.observations, actions) - value[None]
        score = score - log_partition(clip_advantage(sampled, config.advantage_clip) / temperature)
    weight = advantage_weight(score, config.weighting, config.weight_cap)
    log_prob = actor(batch.observations).log_prob(batch.actions)
    return weighted_likelihood_loss(log_prob, weight), {
        "advantage_mean": jnp.mean(advantage),
        "log_prob": jnp.mean(log_prob),
        "temperature": temperature,
        "weight_effective_sample_size": effective_sample_size(weight),
        "weight_divergence": weight_divergence(score),
    }


AWAC = Algorithm(
    name="awac",
    row=Row("AWAC", "Q^pi", "D(Qbar||pi)", "No", "Implicit"),
    config=Config,
    networks=gaussian_networks,
    actor=actor_loss,
    critic=evaluation_loss,
)
