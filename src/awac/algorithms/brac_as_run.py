# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""What the authors of AWAC ran as BRAC: their AWAC on rewards to which log pi_b(a | s) of the data's action is added.

Neither of BRAC's penalties is in it (see brac.py): the data's own actions are paid for being likely, and the policy is
still fitted by weighted likelihood (rail-berkeley/rlkit, awac_trainer.py, `brac=True`).
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics, behavior_loss
from awac.batch import Batch
from awac.critics import critics_of
from awac.figure8 import Row
from awac.hyperparameters import Count, Hyperparameters, NotNegative, Positive
from awac.networks import CriticEnsemble, GaussianActor, Networks, Sizes, lower_q
from awac.objectives import (
    advantage_weight,
    clip_advantage,
    effective_sample_size,
    td_loss,
    td_target,
    weighted_likelihood_loss,
)


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of BRAC as run; the defaults are those of the authors' scripts for the hand tasks."""

    critic_hidden: tuple[Count, ...] = (256, 256)
    temperature: Positive = 0.1
    """lambda of the weights."""
    advantage_clip: float | None = 2.0
    """Upper clip of the advantage."""
    reward_weight: NotNegative = 1.0
    """Of log pi_b(a | s) beside the reward; 1 in the released code."""
    behavior_weight_decay: NotNegative = 1e-4
    """L2 penalty of the model of the data: their optimiser of it has the policy's."""


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Policy, critics with targets, and a model of the data of the policy's kind."""
    actor_key, critic_key, behavior_key = jax.random.split(key, 3)
    critic = critics_of(critic_key, sizes, config)
    return Networks(
        actor=GaussianActor(actor_key, sizes, config.actor_hidden, config.std),
        critic=critic,
        target_critic=critic,
        behavior=GaussianActor(behavior_key, sizes, config.actor_hidden, config.std),
    )


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """The target r + w log pi_b(a | s) + gamma min_j Q_j(s', a')."""
    next_actions = networks.actor(batch.next_observations).sample(key)
    next_values = lower_q(networks.target_critic, batch.next_observations, next_actions)
    likelihood = networks.behavior(batch.observations).log_prob(batch.actions)
    rewards = batch.rewards + config.reward_weight * likelihood
    targets = td_target(rewards, batch.terminated, batch.steps, next_values, config.discount, config.q_upper_bound)
    values = critic(batch.observations, batch.actions)
    return td_loss(values, targets), {"q_mean": jnp.mean(values), "added_reward": jnp.mean(rewards - batch.rewards)}


def actor_loss(
    actor: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Weighted likelihood: softmax over the batch of min(A, clip) / lambda, V(s) at the mean action."""
    del key
    value = lower_q(networks.critic, batch.observations, networks.actor(batch.observations).mode())
    advantage = lower_q(networks.critic, batch.observations, batch.actions) - value
    score = clip_advantage(advantage, config.advantage_clip) / config.temperature
    weight = advantage_weight(score, "softmax", 1.0)
    log_prob = actor(batch.observations).log_prob(batch.actions)
    return weighted_likelihood_loss(log_prob, weight), {
        "advantage_mean": jnp.mean(advantage),
        "log_prob": jnp.mean(log_prob),
        "temperature": jnp.float32(config.temperature),
        "weight_effective_sample_size": effective_sample_size(weight),
    }


BRAC_AS_RUN = Algorithm(
    name="brac_as_run",
    row=Row("BRAC (as run)", "Q^pi", "D(Qbar||pi)", "Yes", "Implicit, log pi_beta in the reward", ours=True),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=critic_loss,
    behavior=behavior_loss,
)
