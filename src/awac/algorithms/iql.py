# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Implicit Q-learning (Kostrikov et al. 2022): equations 5, 6 and 7. No action is asked of Q that the data lacks.

V(s) is an upper expectile of Q(s, a) over the data's actions, Q(s, a) <- r + gamma V(s'), and the policy maximises
E_{s, a ~ data}[log pi(a | s) exp((Q(s, a) - V(s)) / lambda)].
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.critics import critics_of
from awac.figure8 import Row
from awac.hyperparameters import Count, Hyperparameters, NotNegative, Positive, Share
from awac.networks import CriticEnsemble, GaussianActor, Networks, Sizes, lower_q
from awac.objectives import advantage_weight, effective_sample_size, td_loss, td_target, weighted_likelihood_loss
from awac.pessimism import expectile_loss
from awac.returns import ValueFunction


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of IQL; the defaults are those of its paper for locomotion."""

    actor_hidden: tuple[Count, ...] = (256, 256)
    critic_hidden: tuple[Count, ...] = (256, 256)
    actor_weight_decay: NotNegative = 0.0
    expectile: Share = 0.7
    """tau of the value: 0.7 for locomotion, kitchen and hand, 0.9 for mazes (appendix B)."""
    temperature: Positive = 1.0 / 3.0
    """lambda, which is 1 / beta of the paper: beta is 3 for locomotion, 10 for mazes, 0.5 for kitchen and hand."""
    weight_cap: Positive = 100.0
    """Largest weight (released code)."""


class Critic(eqx.Module):
    """Q and V, which learn together."""

    q: CriticEnsemble
    value: ValueFunction

    def __call__(
        self, observations: Float[Array, "*batch observation"], actions: Float[Array, "*samples action"]
    ) -> Float[Array, "ensemble *samples"]:
        """Q-values."""
        return self.q(observations, actions)


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Actor, critics with their value function, and slow copies of the critics."""
    actor_key, q_key, value_key = jax.random.split(key, 3)
    actor = GaussianActor(actor_key, sizes, config.actor_hidden, config.std)
    bound = config.q_upper_bound
    q = critics_of(q_key, sizes, config)
    critic = Critic(q, ValueFunction(value_key, sizes, config.critic_hidden, bound))
    return Networks(actor=actor, critic=critic, target_critic=critic)


def advantage(networks: Networks, batch: Batch, value: Float[Array, " batch"]) -> Float[Array, " batch"]:
    """Q(s, a) - V(s) with the lesser of the slow critics."""
    return lower_q(networks.target_critic.q, batch.observations, batch.actions) - value


def critic_loss(
    critic: Critic, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 5, V's regression on an expectile of Q, and equation 6, Q's on V of the next observation."""
    del key
    next_values = networks.critic.value(batch.next_observations)
    targets = td_target(
        batch.rewards, batch.terminated, batch.steps, next_values, config.discount, config.q_upper_bound
    )
    values, state_values = critic(batch.observations, batch.actions), critic.value(batch.observations)
    loss = td_loss(values, targets) + expectile_loss(advantage(networks, batch, state_values), config.expectile)
    return loss, {"q_mean": jnp.mean(values), "v_mean": jnp.mean(state_values), "target_mean": jnp.mean(targets)}


def actor_loss(
    actor: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 7: advantage-weighted likelihood."""
    del key
    advantages = advantage(networks, batch, networks.critic.value(batch.observations))
    weight = advantage_weight(advantages / config.temperature, "exp", config.weight_cap)
    log_prob = actor(batch.observations).log_prob(batch.actions)
    return weighted_likelihood_loss(log_prob, weight), {
        "advantage_mean": jnp.mean(advantages),
        "log_prob": jnp.mean(log_prob),
        "temperature": jnp.float32(config.temperature),
        "weight_effective_sample_size": effective_sample_size(weight),
    }


IQL = Algorithm(
    name="iql",
    row=Row("IQL", "Q^beta (expectile)", "D(Qbar||pi)", "No", "Implicit", ours=True),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=critic_loss,
)
