# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Reinforcement learning with prior data (Ball et al. 2023): soft actor-critic, and three choices around it.

Half of each batch is prior data (`mix`), many updates follow each step (`updates_per_step`, `actor_period`), and an
ensemble of critics with layer normalisation keeps them from running away: the target is the least of a random few.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.figure8 import Row
from awac.hyperparameters import Hyperparameters
from awac.networks import CriticEnsemble, Networks, Sizes, TanhGaussianActor
from awac.objectives import entropy_dual_loss, soft_value, td_loss, td_target
from awac.pessimism import subset_minimum


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of RLPD; the defaults are those of its released code for locomotion."""

    actor_hidden: tuple[int, ...] = (256, 256)
    critic_hidden: tuple[int, ...] = (256, 256)
    actor_weight_decay: float = 0.0
    critics: int = 10
    critic_norm: bool = True
    target_critics: int = 2
    """Members of which the target is the least, drawn at each update: 2, for mazes 1."""
    initial_temperature: float = 1.0
    """alpha before the first update."""
    target_entropy_per_action: float = -0.5
    """The entropy that alpha aims at, for each action dimension."""
    entropy_backup: bool = True
    """Whether the target of the critic counts the entropy of the next action: for locomotion only."""


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Actor, critics with targets, and the log-temperature."""
    actor_key, critic_key = jax.random.split(key)
    critic = CriticEnsemble(
        critic_key, sizes, config.critic_hidden, config.critics, config.critic_norm, config.q_upper_bound
    )
    return Networks(
        actor=TanhGaussianActor(actor_key, sizes, config.actor_hidden),
        critic=critic,
        target_critic=critic,
        dual=jnp.log(jnp.float32(config.initial_temperature)),
    )


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Algorithm 1, the critics: every member learns one target, the least of a random few of the slow members."""
    action_key, subset_key = jax.random.split(key)
    next_actions, log_prob = networks.actor(batch.next_observations).sample_and_log_prob(action_key)
    all_next = networks.target_critic(batch.next_observations, next_actions)
    next_q = subset_minimum(all_next, subset_key, config.target_critics)
    next_values = soft_value(next_q, log_prob, jnp.exp(networks.dual)) if config.entropy_backup else next_q
    targets = td_target(
        batch.rewards, batch.terminated, batch.steps, next_values, config.discount, config.q_upper_bound
    )
    values = critic(batch.observations, batch.actions)
    return td_loss(values, targets), {"q_mean": jnp.mean(values), "target_mean": jnp.mean(targets)}


def actor_loss(
    actor: TanhGaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """E[alpha log pi(a | s) - Q(s, a)]: Algorithm 1, the actor, with the mean of all members."""
    del config
    actions, log_prob = actor(batch.observations).sample_and_log_prob(key)
    q = jnp.mean(networks.critic(batch.observations, actions), axis=0)
    loss = -jnp.mean(soft_value(q, log_prob, jax.lax.stop_gradient(jnp.exp(networks.dual))))
    return loss, {"entropy": -jnp.mean(log_prob)}


def dual_loss(
    log_temperature: Float[Array, ""], networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """The temperature's dual, as in soft actor-critic."""
    _, log_prob = networks.actor(batch.observations).sample_and_log_prob(key)
    target = config.target_entropy_per_action * batch.actions.shape[-1]
    return entropy_dual_loss(log_temperature, log_prob, target), {"temperature": jnp.exp(log_temperature)}


RLPD = Algorithm(
    name="rlpd",
    row=Row("RLPD", "Q^pi", "D(pi||Qbar)", "No", "None", ours=True),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=critic_loss,
    dual=dual_loss,
)
