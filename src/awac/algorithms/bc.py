# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Behaviour cloning: the policy of the data, by likelihood (the paper's way) or by squared error."""

from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.figure8 import Row
from awac.hyperparameters import Hyperparameters
from awac.networks import GaussianActor, Networks, Sizes
from awac.objectives import likelihood_loss, squared_error_loss


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of behaviour cloning."""

    likelihood: Literal["log_likelihood", "squared_error"] = "log_likelihood"
    """`log_likelihood` fits mean and standard deviation; `squared_error` fits the mean and leaves the deviation."""


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """An actor alone."""
    return Networks(actor=GaussianActor(key, sizes, config.actor_hidden, config.std))


def actor_loss(
    actor: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Loss of max E_{s, a ~ data}[log pi(a | s)], or min E |a - mean(s)|^2."""
    del networks, key  # a clone reads the data alone
    distribution = actor(batch.observations)
    log_prob = distribution.log_prob(batch.actions)
    error = squared_error_loss(distribution.mode(), batch.actions)
    metrics = {"log_prob": jnp.mean(log_prob), "squared_error": error}
    return (likelihood_loss(log_prob) if config.likelihood == "log_likelihood" else error), metrics


BC = Algorithm(
    name="bc",
    row=Row("BC", "-", "D(pi_beta||pi)", "No", "Data only", ours=True),
    config=Config,
    networks=networks,
    actor=actor_loss,
)
