# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Warm-start reinforcement learning (Zhou et al. 2024): calibrated conservative values first, then plain SAC.

Offline it is Cal-QL; once the policy acts, the conservative term is gone, some thousand steps are collected before any
update (`warmup_steps`), and prior data are not used any more (`mix`). The critics are RLPD's.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.figure8 import Row
from awac.hyperparameters import Hyperparameters
from awac.networks import CriticEnsemble, Networks, Sizes, TanhGaussianActor, lower_q
from awac.objectives import entropy_dual_loss, soft_value, td_loss, td_target
from awac.pessimism import sampled_gap, subset_minimum
from awac.returns import returns_to_go, where_needed


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of WSRL: the ensemble of RLPD, with the rates and the weight of Cal-QL."""

    actor_hidden: tuple[int, ...] = (256, 256)
    critic_hidden: tuple[int, ...] = (256, 256)
    actor_learning_rate: float = 1e-4
    dual_learning_rate: float = 1e-4
    actor_weight_decay: float = 0.0
    critics: int = 10
    critic_norm: bool = True
    target_critics: int = 2
    """Members of which the target is the least, drawn at each update."""
    initial_temperature: float = 1.0
    """alpha before the first update."""
    target_entropy_per_action: float = -1.0
    """The entropy that alpha aims at, for each action dimension."""
    entropy_backup: bool = False
    """Whether the target of the critic counts the entropy of the next action."""
    conservative_weight: float = 5.0
    """alpha of CQL, offline."""
    conservative_temperature: float = 1.0
    """T of T log sum exp(Q / T), offline; rewards r with T are rewards r / T with 1."""
    proposals: int = 10
    """Actions of each of the three sources, per state."""


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


def returns(networks: Networks, ordered: Batch, config: Config) -> Float[Array, " n"]:
    """What the data's policy has earned from each step on; behind a time-out, and behind the newest step, Q of ours."""

    def value(observations: Float[Array, "m observation"]) -> Float[Array, " m"]:
        return lower_q(networks.target_critic, observations, networks.actor(observations).mode())

    next_values = where_needed(value, ordered.next_observations, ordered.truncated)
    return returns_to_go(ordered.rewards, ordered.terminated, ordered.truncated, next_values, config.discount)


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """The Bellman error, and until the policy acts the calibrated gap."""
    action_key, subset_key, proposal_key = jax.random.split(key, 3)
    next_actions, log_prob = networks.actor(batch.next_observations).sample_and_log_prob(action_key)
    all_next = networks.target_critic(batch.next_observations, next_actions)
    next_q = subset_minimum(all_next, subset_key, config.target_critics)
    next_values = soft_value(next_q, log_prob, jnp.exp(networks.dual)) if config.entropy_backup else next_q
    targets = td_target(
        batch.rewards, batch.terminated, batch.steps, next_values, config.discount, config.q_upper_bound
    )
    values = critic(batch.observations, batch.actions)
    assert networks.clock is not None
    settings = config.proposals, config.conservative_temperature
    gap = jax.lax.cond(
        networks.clock.online,
        lambda: jnp.zeros_like(values[:, 0]),
        lambda: sampled_gap(critic, networks.actor, batch, proposal_key, *settings, batch.returns),
    )
    metrics = {"q_mean": jnp.mean(values), "target_mean": jnp.mean(targets), "conservative_gap": jnp.mean(gap)}
    return td_loss(values, targets) + config.conservative_weight * jnp.sum(gap), metrics


def actor_loss(
    actor: TanhGaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """E[alpha log pi(a | s) - Q(s, a)]: as in soft actor-critic, with the mean of all members."""
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


WSRL = Algorithm(
    name="wsrl",
    row=Row("WSRL", "Q^pi", "D(pi||Qbar)", "No", "Conservative Q, offline", ours=True),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=critic_loss,
    dual=dual_loss,
    returns=returns,
)
