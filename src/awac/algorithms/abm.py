# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Advantage-weighted behaviour model (Siegel et al. 2020) as Nair et al. 2020 write it: Equations 28 and 29.

prior <- argmax E_{s, a ~ D}[log prior(a | s) 1[A(s, a) > 0]]; policy <- argmax E_{s ~ D, a ~ prior(s)}[log pi(a | s)
exp(A(s, a) / lambda)], with A from a critic of the current policy.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.critics import evaluation_loss, gaussian_networks_with_prior
from awac.figure8 import Row
from awac.hyperparameters import Hyperparameters, Positive
from awac.networks import GaussianActor, Networks, lower_q
from awac.objectives import advantage_weight, effective_sample_size, weighted_likelihood_loss


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of ABM."""

    temperature: Positive = 0.3
    """lambda of the policy's weights: as AWAC's, 0.3 for manipulation, 1.0 for locomotion."""
    weight_cap: Positive = 100.0
    """Largest weight of the policy: keeps float32 finite; not in the paper."""


def advantage(
    networks: Networks, observations: Float[Array, "batch observation"], actions: Array, key: PRNGKeyArray
) -> Float[Array, " batch"]:
    """Q(s, a) - V(s), V(s) being Q at one policy sample."""
    policy_actions = networks.actor(observations).sample(key)
    value = lower_q(networks.critic, observations, policy_actions)
    return lower_q(networks.critic, observations, actions) - value


def behavior_loss(
    prior: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 28: the likelihood of those actions of the data that are better than the policy's."""
    del config
    better = jnp.where(advantage(networks, batch.observations, batch.actions, key) > 0.0, 1.0, 0.0)
    log_prob = prior(batch.observations).log_prob(batch.actions)
    return weighted_likelihood_loss(log_prob, better), {"prior_log_prob": jnp.mean(log_prob), "kept": jnp.mean(better)}


def actor_loss(
    actor: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 29: the weighted likelihood of actions that the prior draws."""
    prior_key, value_key = jax.random.split(key)
    actions = networks.behavior(batch.observations).sample(prior_key)
    score = advantage(networks, batch.observations, actions, value_key) / config.temperature
    weight = advantage_weight(score, "exp", config.weight_cap)
    return weighted_likelihood_loss(actor(batch.observations).log_prob(actions), weight), {
        "temperature": jnp.float32(config.temperature),
        "weight_effective_sample_size": effective_sample_size(weight),
    }


ABM = Algorithm(
    name="abm",
    row=Row("ABM-MPO", "Q^pi", "D(Qbar||pi)", "Yes", "Learned prior"),
    config=Config,
    networks=gaussian_networks_with_prior,
    actor=actor_loss,
    critic=evaluation_loss,
    behavior=behavior_loss,
)
