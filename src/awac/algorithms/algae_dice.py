# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""AlgaeDICE (Nachum et al. 2019b): max_pi min_nu E_D[f(B nu - nu)] + (1 - gamma) alpha E_{s0, pi}[nu].

It is the dual of "the policy's return, less alpha times the f-divergence of its visits from the data's".
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.dual_objectives import critic_objective, orthogonality_penalty, policy_objective
from awac.figure8 import Row
from awac.hyperparameters import Exponent, NotNegative, Positive, Share
from awac.networks import CriticEnsemble, Networks, TanhGaussianActor, lower_q
from awac.objectives import entropy_dual_loss, soft_value, td_target
from awac.soft import SoftHyperparameters, soft_networks


@dataclass(frozen=True)
class Config(SoftHyperparameters):
    """Settings of AlgaeDICE; sizes and rates are those of the authors' code."""

    actor_learning_rate: NotNegative = 1e-3
    critic_learning_rate: NotNegative = 1e-3
    dual_learning_rate: NotNegative = 1e-3
    exponent: Exponent = 2.0
    """p of f(x) = |x|^p / p, above 1; 2 in the authors' class, 1.5 in their launcher."""
    regularization: Positive = 1.0
    """alpha, the weight of the divergence; 1 in the authors' class, 0.01 in their launcher."""
    fresh_share: Share = 0.05
    """Share of the learning critic in the value of the next observation; the rest is the target critic's."""
    orthogonality: NotNegative = 1e-4
    """Weight of the orthogonal penalty on the policy's layers; authors' code."""


def residuals(
    critic: CriticEnsemble,
    actor: TanhGaussianActor,
    networks: Networks,
    batch: Batch,
    config: Config,
    key: PRNGKeyArray,
) -> Float[Array, "ensemble batch"]:
    """B nu - nu of each critic, with the entropy of the next action."""
    actions, log_prob = actor(batch.next_observations).sample_and_log_prob(key)
    slow = lower_q(networks.target_critic, batch.next_observations, actions)
    share, temperature = config.fresh_share, jnp.exp(networks.dual)

    def target(fresh: Float[Array, " batch"]) -> Float[Array, " batch"]:
        value = soft_value(share * fresh + (1.0 - share) * slow, log_prob, temperature)
        return td_target(batch.rewards, batch.terminated, batch.steps, value, config.discount, config.q_upper_bound)

    backup = jax.vmap(target)(critic(batch.next_observations, actions))
    return backup - critic(batch.observations, batch.actions)


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """The objective, minimised over nu."""
    next_key, first_key = jax.random.split(key)
    found = residuals(critic, networks.actor, networks, batch, config, next_key)
    first_actions = networks.actor(batch.initial_observations).sample(first_key)
    first = critic(batch.initial_observations, first_actions)
    loss = critic_objective(found, first, config.discount, config.regularization, config.exponent)
    return loss, {"residual_mean": jnp.mean(found), "first_value_mean": jnp.mean(first)}


def actor_loss(
    actor: TanhGaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """The objective, maximised over the policy, which acts at the next and at the first observations."""
    next_key, first_key = jax.random.split(key)
    found = residuals(networks.critic, actor, networks, batch, config, next_key)
    first = networks.critic(batch.initial_observations, actor(batch.initial_observations).sample(first_key))
    objective = policy_objective(found, first, config.discount, config.regularization, config.exponent)
    penalty = orthogonality_penalty(layer.weight for layer in actor.network.layers)
    return config.orthogonality * penalty - objective, {"orthogonality_penalty": penalty}


def dual_loss(
    log_temperature: Float[Array, ""], networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 18 of Haarnoja et al. 2018, on samples at the next observations."""
    _, log_prob = networks.actor(batch.next_observations).sample_and_log_prob(key)
    target = config.target_entropy_per_action * batch.actions.shape[-1]
    metrics = {"temperature": jnp.exp(log_temperature), "entropy": -jnp.mean(log_prob)}
    return entropy_dual_loss(log_temperature, log_prob, target), metrics


ALGAE_DICE = Algorithm(
    name="algae_dice",
    row=Row("AlgaeDICE", "Q^pi", "J(pi) - D(d^pi||d^beta)", "No", "f-divergence", ours=True),
    config=Config,
    networks=soft_networks,
    actor=actor_loss,
    critic=critic_loss,
    dual=dual_loss,
    initial_observations=True,
)
