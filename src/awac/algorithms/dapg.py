# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Demonstration augmented policy gradient (Rajeswaran et al. 2018): a clone, then on-policy natural gradient steps.

g = sum_{pi} A grad log pi + sum_{demonstrations} lambda0 lambda1^k max A grad log pi, natural and of given length.
"""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics, State, all_finite, applied, move_targets
from awac.algorithm import update as cloning_update
from awac.batch import Batch, Provenance
from awac.figure8 import Row
from awac.hyperparameters import Count, Hyperparameters, LogDeviation, NotNegative, Positive, Share
from awac.natural_gradient import augmented_objective, fit_baseline, floor_deviation, gaussian_divergence, natural_step
from awac.networks import GaussianActor, Networks, Sizes
from awac.objectives import likelihood_loss
from awac.projections import normalize_advantage
from awac.returns import ValueFunction, lambda_returns, returns_to_go


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of DAPG; defaults are those of hand_dapg's `dapg.txt` and mjrl."""

    actor_hidden: tuple[int, ...] = (32, 32)
    critic_hidden: tuple[int, ...] = (128, 128)
    discount: Share = 0.995
    actor_learning_rate: NotNegative = 1e-3
    critic_learning_rate: NotNegative = 1e-3
    actor_weight_decay: NotNegative = 0.0
    trace_decay: Share = 0.97
    """lambda of the generalised advantages."""
    step_size: Positive = 0.05
    """delta: twice the divergence of one step."""
    demonstration_weight: NotNegative = 0.01
    """lambda0: what a demonstration weighs at first, relative to the largest advantage."""
    demonstration_decay: Share = 0.95
    """lambda1: the factor of that weight from one step to the next."""
    iterations: Count = 10
    """Iterations of conjugate gradient."""
    damping: NotNegative = 1e-4
    """Added to the diagonal of the Fisher matrix."""
    log_std_floor: LogDeviation = -3.0
    """The least log standard deviation after a step, where it is a vector."""
    value_epochs: Count = 2
    """Passes over the returns for the value function, after each step."""
    value_batch_size: Count = 64
    """Transitions per step of the value function."""


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Policy, V in the place of a critic, and the weight of the demonstrations."""
    actor_key, value_key = jax.random.split(key)
    return Networks(
        actor=GaussianActor(actor_key, sizes, config.actor_hidden, config.std),
        critic=ValueFunction(value_key, sizes, config.critic_hidden, config.q_upper_bound),
        dual=jnp.float32(config.demonstration_weight),
    )


def actor_loss(
    actor: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Behaviour cloning by maximum likelihood: the offline phase."""
    del networks, config, key
    log_prob = actor(batch.observations).log_prob(batch.actions)
    return likelihood_loss(log_prob), {"log_prob": jnp.mean(log_prob)}


def improve(
    networks: Networks, recent: Batch, demonstrations: Batch, advantages: Float[Array, " n"], config: Config
) -> tuple[GaussianActor, Metrics]:
    """The policy after one step along the natural gradient."""
    old = networks.actor(recent.observations)
    parameters, rebuild = ravel_pytree(networks.actor)
    demonstrated = demonstrations.provenance == int(Provenance.DEMONSTRATION)
    weights = jnp.where(demonstrated, networks.dual * jnp.max(advantages), 0.0)

    def objective(vector: Float[Array, " parameter"]) -> Scalar:
        own, cloned = (rebuild(vector)(part.observations).log_prob(part.actions) for part in (recent, demonstrations))
        return augmented_objective(own, advantages, cloned, weights)

    def divergence(vector: Float[Array, " parameter"]) -> Scalar:
        return jnp.mean(gaussian_divergence(old, rebuild(vector)(recent.observations)))

    moved = natural_step(objective, divergence, parameters, config.step_size, config.iterations, config.damping)
    metrics = {"step_divergence": divergence(moved), "demonstration_weight": networks.dual}
    return floor_deviation(rebuild(moved), config.log_std_floor), metrics


def update(algorithm: Algorithm, config: Config, state: State, batch: Batch) -> tuple[State, Metrics]:
    """Cloning without on-policy transitions; with them one natural step, then V fitted to their returns."""
    recent = batch.newest
    if recent is None:
        return cloning_update(algorithm, config, state, batch)
    next_key, value_key = jax.random.split(state.key)
    old = state.networks
    ends, next_values = (recent.terminated, recent.truncated), old.critic(recent.next_observations)
    traces = lambda_returns(recent.rewards, *ends, next_values, config.discount, config.trace_decay)
    advantages = normalize_advantage(traces - old.critic(recent.observations))
    actor, metrics = improve(old, recent, batch, advantages, config)
    returns = returns_to_go(recent.rewards, *ends, next_values, config.discount)
    rate, epochs, size = config.critic_learning_rate, config.value_epochs, config.value_batch_size
    critic, metrics["critic_loss"] = fit_baseline(
        old.critic, recent.observations, returns, value_key, rate, epochs, size
    )
    moved = replace(old, actor=actor, critic=critic, dual=old.dual * config.demonstration_decay)
    moved = move_targets(moved, config, state.step + 1)
    metrics = {f"train/{name}": value for name, value in {**metrics, "return_mean": jnp.mean(returns)}.items()}
    after = State(moved, state.optimizers, next_key, state.step + 1, state.online, state.halted)
    return applied(state, after, metrics, all_finite((moved, metrics)))


DAPG = Algorithm(
    name="dapg",
    row=Row("DAPG", "-", "J(pi)", "No", "None"),
    config=Config,
    networks=networks,
    actor=actor_loss,
    on_policy=True,
    update=update,
)
