# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""ABM as the authors of AWAC ran it: the prior, too, is fitted with softmax weights, not with 1[A > 0].

prior <- argmax E_{s, a ~ D}[log prior(a | s) w(Q(s, a) - Q(s, a'))], a' from the prior itself; policy <- argmax
E_{s ~ D, a ~ prior(s)}[log pi(a | s) w(min(Q(s, a) - V(s), clip))], w the softmax over the batch of score / beta.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.critics import evaluation_loss, gaussian_networks_with_prior
from awac.figure8 import Row
from awac.hyperparameters import Hyperparameters, NotNegative, Positive
from awac.networks import GaussianActor, Networks, lower_q
from awac.objectives import (
    advantage_weight,
    clip_advantage,
    effective_sample_size,
    weighted_likelihood_loss,
)


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of ABM as run; the defaults are those of the authors' scripts for the hand tasks."""

    temperature: Positive = 0.3
    """beta, of prior and policy."""
    advantage_clip: float | None = 2.0
    """Upper clip of the policy's advantage."""
    behavior_weight_decay: NotNegative = 1e-4
    """L2 penalty of the prior: their optimiser of it has the policy's."""


def behavior_loss(
    prior: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """The data's likelihood, weighted by how much better than the prior's its actions are."""
    distribution = prior(batch.observations)
    value = lower_q(networks.critic, batch.observations, distribution.sample(key))
    score = (lower_q(networks.critic, batch.observations, batch.actions) - value) / config.temperature
    log_prob = distribution.log_prob(batch.actions)
    loss = weighted_likelihood_loss(log_prob, advantage_weight(score, "softmax", 1.0))
    return loss, {"prior_log_prob": jnp.mean(log_prob)}


def actor_loss(
    actor: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """The weighted likelihood of actions that the prior draws; V(s) is Q at the policy's mean action."""
    actions = networks.behavior(batch.observations).sample(key)
    value = lower_q(networks.critic, batch.observations, networks.actor(batch.observations).mode())
    score = lower_q(networks.critic, batch.observations, actions) - value
    weight = advantage_weight(clip_advantage(score, config.advantage_clip) / config.temperature, "softmax", 1.0)
    return weighted_likelihood_loss(actor(batch.observations).log_prob(actions), weight), {
        "temperature": jnp.float32(config.temperature),
        "weight_effective_sample_size": effective_sample_size(weight),
    }


ABM_AS_RUN = Algorithm(
    name="abm_as_run",
    row=Row("ABM-MPO (as run)", "Q^pi", "D(Qbar||pi)", "Yes", "Learned prior", ours=True),
    config=Config,
    networks=gaussian_networks_with_prior,
    actor=actor_loss,
    critic=evaluation_loss,
    behavior=behavior_loss,
)
