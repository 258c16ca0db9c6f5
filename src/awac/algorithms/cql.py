# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Conservative Q-learning (Kumar et al. 2020): CQL(H) of equation 4 on soft actor-critic, appendix F.

The critic's loss gains alpha (E_s[log sum_a exp Q(s, a)] - E_{s, a ~ data}[Q(s, a)]): Q low where the data is not.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.critics import bellman_loss
from awac.figure8 import Row
from awac.hyperparameters import Count, NotNegative, Positive
from awac.networks import CriticEnsemble, Networks, Sizes, TanhGaussianActor, lower_q
from awac.pessimism import gap_dual_loss, sampled_gap
from awac.soft import SoftHyperparameters, soft_networks, soft_policy_loss, soft_target, temperature_loss


@dataclass(frozen=True)
class Config(SoftHyperparameters):
    """Settings of CQL; the defaults are those of its released code for locomotion (README: fixed weight)."""

    actor_hidden: tuple[Count, ...] = (256, 256, 256)
    critic_hidden: tuple[Count, ...] = (256, 256, 256)
    actor_learning_rate: NotNegative = 1e-4
    dual_learning_rate: NotNegative = 1e-4
    entropy_backup: bool = False
    conservative_weight: NotNegative = 5.0
    """alpha: how much the gap counts beside the Bellman error; 5 or 10 for locomotion."""
    conservative_temperature: Positive = 1.0
    """T of T log sum exp(Q / T); rewards r with T are rewards r / T with 1."""
    conservative_threshold: NotNegative | None = None
    """tau: where given, a multiplier holds the gap there, in place of the weight: CQL(Lagrange); 5 or 10."""
    proposals: Count = 10
    """Actions of each of the three sources, per state."""


class Duals(NamedTuple):
    """Logarithms of what is learned by dual ascent."""

    temperature: Float[Array, ""]
    multiplier: Float[Array, ""] | None


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Those of soft actor-critic, with a second dual where the gap has a threshold."""
    made = soft_networks(key, sizes, config)
    multiplier = None if config.conservative_threshold is None else jnp.float32(0.0)
    return replace(made, dual=Duals(made.dual, multiplier))


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 4: the Bellman error of soft actor-critic, and the gap."""
    next_key, proposal_key = jax.random.split(key)
    next_actions, log_prob = networks.actor(batch.next_observations).sample_and_log_prob(next_key)
    next_q = lower_q(networks.target_critic, batch.next_observations, next_actions)
    next_values = soft_target(next_q, log_prob, networks.dual.temperature, config)
    loss, metrics = bellman_loss(critic, batch, next_values, config)
    gap = sampled_gap(critic, networks.actor, batch, proposal_key, config.proposals, config.conservative_temperature)
    multiplier = networks.dual.multiplier
    weight = config.conservative_weight if multiplier is None else jax.lax.stop_gradient(jnp.exp(multiplier))
    return loss + weight * gap, {**metrics, "conservative_gap": gap / config.critics}


def actor_loss(
    actor: TanhGaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """E[alpha log pi(a | s) - Q(s, a)]: minus the soft value, as in soft actor-critic."""
    del config
    actions, log_prob = actor(batch.observations).sample_and_log_prob(key)
    q = lower_q(networks.critic, batch.observations, actions)
    return soft_policy_loss(q, log_prob, networks.dual.temperature)


def multiplier_loss(
    duals: Duals, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 30, where the gap has a threshold. It answers to the critics: also while the policy is cloned."""
    if duals.multiplier is None or config.conservative_threshold is None:
        return jnp.zeros(()), {}
    settings = config.proposals, config.conservative_temperature
    gap = sampled_gap(networks.critic, networks.actor, batch, key, *settings) / config.critics
    loss = gap_dual_loss(duals.multiplier, gap, config.conservative_threshold)
    return loss, {"conservative_weight": jnp.exp(duals.multiplier)}


def dual_loss(
    duals: Duals, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """The temperature's dual, as in soft actor-critic, and the multiplier's."""
    entropy_key, proposal_key = jax.random.split(key)
    entropy, metrics = temperature_loss(duals.temperature, networks, batch, config, entropy_key)
    gap, more = multiplier_loss(duals, networks, batch, config, proposal_key)
    return entropy + gap, metrics | more


CQL = Algorithm(
    name="cql",
    row=Row("CQL", "Q^pi", "D(pi||Qbar)", "No", "Conservative Q", ours=True),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=critic_loss,
    dual=dual_loss,
    resting_dual=multiplier_loss,
)
