# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""MPO as the authors of AWAC ran it (Nair et al. 2020, Equation 27, and their code): not MPO.

theta <- argmax E_{s ~ D, a ~ pi(s)}[log pi(a | s) exp(Q(s, a) / beta)], weights normalised over the batch. In their
code the gradient also goes through the sample: log pi(a) is then -log std and a constant, and the mean never learns.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.critics import evaluation_loss, gaussian_networks
from awac.figure8 import Row
from awac.hyperparameters import Hyperparameters, Positive
from awac.networks import GaussianActor, Networks, lower_q
from awac.objectives import (
    advantage_weight,
    clip_advantage,
    effective_sample_size,
    weighted_likelihood_loss,
)


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of MPO as run; the defaults are those of the authors' script for the hand tasks."""

    temperature: Positive = 0.3
    """beta"""
    advantage_clip: float | None = 2.0
    """Upper clip of the score."""
    baseline: bool = True
    """Whether Q at the mean action is taken off the score, as in the code; Equation 27 does not."""
    through_samples: bool = True
    """Whether the gradient goes through the sampled actions, as in the code; Equation 27 does not say so."""


def actor_loss(
    actor: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 27 with its weights normalised over the batch, which compares states with each other."""
    distribution = actor(batch.observations)
    actions = distribution.sample(key)
    if not config.through_samples:
        actions = jax.lax.stop_gradient(actions)
    score = lower_q(networks.critic, batch.observations, actions)
    if config.baseline:
        score = score - lower_q(networks.critic, batch.observations, distribution.mode())
    score = clip_advantage(score, config.advantage_clip) / config.temperature
    weight = advantage_weight(score, "softmax", 1.0)
    return weighted_likelihood_loss(distribution.log_prob(actions), weight), {
        "deviation": jnp.mean(jnp.exp(distribution.log_std)),
        "temperature": jnp.float32(config.temperature),
        "weight_effective_sample_size": effective_sample_size(weight),
    }


MPO_AS_RUN = Algorithm(
    name="mpo_as_run",
    row=Row("MPO (as run)", "Q^pi", "D(Qbar||pi)", "No", "None", ours=True),
    config=Config,
    networks=gaussian_networks,
    actor=actor_loss,
    critic=evaluation_loss,
)
