# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Conservative Q-learning (Kumar et al. 2020): CQL(H) of equation 4 on soft actor-critic, appendix F.

The critic's loss gains alpha (E_s[log sum_a exp Q(s, a)] - E_{s, a ~ data}[Q(s, a)]): Q low where the data is not.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.figure8 import Row
from awac.hyperparameters import Hyperparameters
from awac.networks import CriticEnsemble, Networks, Sizes, TanhGaussianActor, lower_q
from awac.objectives import entropy_dual_loss, soft_value, td_loss, td_target
from awac.pessimism import gap_dual_loss, sampled_gap


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of CQL; the defaults are those of its released code for locomotion (README: fixed weight)."""

    actor_hidden: tuple[int, ...] = (256, 256, 256)
    critic_hidden: tuple[int, ...] = (256, 256, 256)
    actor_learning_rate: float = 1e-4
    dual_learning_rate: float = 1e-4
    actor_weight_decay: float = 0.0
    initial_temperature: float = 1.0
    """alpha of soft actor-critic before the first update."""
    target_entropy_per_action: float = -1.0
    """The entropy that it aims at, for each action dimension."""
    entropy_backup: bool = False
    """Whether the target of the critic counts the entropy of the next action; the released code does not."""
    conservative_weight: float = 5.0
    """alpha: how much the gap counts beside the Bellman error; 5 or 10 for locomotion."""
    conservative_temperature: float = 1.0
    """T of T log sum exp(Q / T); rewards r with T are rewards r / T with 1."""
    conservative_threshold: float | None = None
    """tau: where given, a multiplier holds the gap there, in place of the weight: CQL(Lagrange); 5 or 10."""
    proposals: int = 10
    """Actions of each of the three sources, per state."""


class Duals(NamedTuple):
    """Logarithms of what is learned by dual ascent."""

    temperature: Float[Array, ""]
    multiplier: Float[Array, ""] | None


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Actor, critics with targets, and the duals."""
    actor_key, critic_key = jax.random.split(key)
    critic = CriticEnsemble(
        critic_key, sizes, config.critic_hidden, config.critics, config.critic_norm, config.q_upper_bound
    )
    multiplier = None if config.conservative_threshold is None else jnp.float32(0.0)
    return Networks(
        actor=TanhGaussianActor(actor_key, sizes, config.actor_hidden),
        critic=critic,
        target_critic=critic,
        dual=Duals(jnp.log(jnp.float32(config.initial_temperature)), multiplier),
    )


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 4: the Bellman error of soft actor-critic, and the gap."""
    next_key, proposal_key = jax.random.split(key)
    next_actions, log_prob = networks.actor(batch.next_observations).sample_and_log_prob(next_key)
    next_q = lower_q(networks.target_critic, batch.next_observations, next_actions)
    temperature = jnp.exp(networks.dual.temperature)
    next_values = soft_value(next_q, log_prob, temperature) if config.entropy_backup else next_q
    targets = td_target(
        batch.rewards, batch.terminated, batch.steps, next_values, config.discount, config.q_upper_bound
    )
    values = critic(batch.observations, batch.actions)
    gap = sampled_gap(critic, networks.actor, batch, proposal_key, config.proposals, config.conservative_temperature)
    multiplier = networks.dual.multiplier
    weight = config.conservative_weight if multiplier is None else jax.lax.stop_gradient(jnp.exp(multiplier))
    metrics = {"q_mean": jnp.mean(values), "target_mean": jnp.mean(targets), "conservative_gap": jnp.mean(gap)}
    return td_loss(values, targets) + weight * jnp.sum(gap), metrics


def actor_loss(
    actor: TanhGaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """E[alpha log pi(a | s) - Q(s, a)]: minus the soft value, as in soft actor-critic."""
    del config
    actions, log_prob = actor(batch.observations).sample_and_log_prob(key)
    q = lower_q(networks.critic, batch.observations, actions)
    loss = -jnp.mean(soft_value(q, log_prob, jax.lax.stop_gradient(jnp.exp(networks.dual.temperature))))
    return loss, {"entropy": -jnp.mean(log_prob)}


def dual_loss(
    duals: Duals, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """The temperature's dual, as in soft actor-critic; and equation 30, where the gap has a threshold."""
    entropy_key, proposal_key = jax.random.split(key)
    _, log_prob = networks.actor(batch.observations).sample_and_log_prob(entropy_key)
    target = config.target_entropy_per_action * batch.actions.shape[-1]
    loss, metrics = entropy_dual_loss(duals.temperature, log_prob, target), {"temperature": jnp.exp(duals.temperature)}
    if duals.multiplier is None or config.conservative_threshold is None:
        return loss, metrics
    gap = sampled_gap(
        networks.critic, networks.actor, batch, proposal_key, config.proposals, config.conservative_temperature
    )
    loss = loss + gap_dual_loss(duals.multiplier, gap, config.conservative_threshold)
    return loss, {**metrics, "conservative_weight": jnp.exp(duals.multiplier)}


CQL = Algorithm(
    name="cql",
    row=Row("CQL", "Q^pi", "D(pi||Qbar)", "No", "Conservative Q", ours=True),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=critic_loss,
    dual=dual_loss,
)
