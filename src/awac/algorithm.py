# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false, reportMissingTypeStubs=false
"""Algorithm 1 of the paper as one function, and the record that a method fills in.

A method is up to four pure losses, each of which differentiates its first argument only. `update` computes all of them
on one batch and from the networks as they stood before the step, applies the optimisers, then moves the targets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Scalar

from awac.batch import Batch
from awac.figure8 import Row
from awac.hyperparameters import Hyperparameters
from awac.networks import Clock, GaussianActor, Networks, Sizes, polyak
from awac.objectives import likelihood_loss

DELAYED = ("actor", "dual")  # the parts that wait for `actor_period` updates of the critic
PARTS = ("behavior", "critic", "actor", "dual")  # the order of the losses in the record; they do not see each other

BESIDE = 0xB351DE  # folded into the networks' key for a model beside them; a small number would give the actor's key

Metrics = dict[str, Scalar]
Loss = Callable[[Any, Networks, Batch, Any, PRNGKeyArray], tuple[Scalar, Metrics]]
Act = Callable[[Networks, Float[Array, "batch observation"], PRNGKeyArray, Any], Float[Array, "batch action"]]
Returns = Callable[[Networks, Batch, Any], Float[Array, " n"]]
Update = Callable[["Algorithm", Any, "State", Batch], tuple["State", Metrics]]


@dataclass(frozen=True)
class Algorithm:
    """What makes a method that method. A loss that a method does not have is None."""

    name: str
    row: Row
    config: type[Hyperparameters]
    networks: Callable[[PRNGKeyArray, Sizes, Any], Networks]
    actor: Loss
    critic: Loss | None = None
    behavior: Loss | None = None
    dual: Loss | None = None
    resting_dual: Loss | None = None  # what counts of `dual` while the policy is cloned (`clone_steps`)
    act: Act | None = None  # where actions are not simply sampled from the actor
    returns: Returns | None = None  # `batch.returns` for the whole buffer in time order, anew for each compiled call
    initial_observations: bool = False  # whether batches carry `initial_observations`
    next_actions: bool = False  # whether batches carry `next_actions`
    on_policy: bool = False  # whether `newest` of online batches holds all that was collected since the last update
    update: Update | None = None  # where a step is more than `update` below


class State(eqx.Module):
    """Everything that changes while a method learns: saving it is saving the learner."""

    networks: Networks
    optimizers: dict[str, optax.OptState]
    key: PRNGKeyArray
    step: Int[Array, ""]  # updates applied
    online: Bool[Array, ""]  # whether the policy has begun to act
    halted: Bool[Array, ""]  # a loss or a gradient was not finite: this and all later updates are not applied

    def dated(self) -> Networks:
        """The networks with the clock beside them, as losses and returns read them."""
        return replace(self.networks, clock=Clock(self.step, self.online))


def optimizer(config: Hyperparameters, part: str) -> optax.GradientTransformation:
    """Adam for one part. Weight decay is coupled (added to the gradient before Adam), as the authors' code has it."""
    rate: float = getattr(config, f"{part}_learning_rate")
    decay: float = getattr(config, f"{part}_weight_decay", 0.0)  # the actor's; of the model of the data in two methods
    coupled = [optax.add_decayed_weights(decay, decaying)] if decay else []
    plain = config.momentum is not None and part in ("actor", "critic")
    return optax.chain(*coupled, optax.sgd(rate, config.momentum) if plain else optax.adam(rate))


def decaying(parameters: Any) -> Any:
    """Which parameters weight decay is for: all, but for a standard deviation that stays as it is."""
    mask = jax.tree.map(lambda _: True, parameters)
    if isinstance(parameters, GaussianActor) and parameters.fixed and parameters.log_std_logit is not None:
        mask = eqx.tree_at(lambda tree: tree.log_std_logit, mask, False)
    return mask


def learning_parts(algorithm: Algorithm) -> dict[str, Loss]:
    """The losses that the method has, by part."""
    return {part: loss for part in PARTS if (loss := getattr(algorithm, part)) is not None}


def at_rest(
    own: Any, networks: Networks, batch: Batch, config: Hyperparameters, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """The loss of a dual that answers to what the actor's own loss does, while that is not followed.

    Nothing would stop it: SAC's temperature rises by its step size at each update where the clone has less entropy than
    is asked for.
    """
    del own, networks, batch, config, key
    return jnp.zeros(()), {}


def cloning_first(loss: Loss, meanwhile: Loss) -> Loss:
    """A loss, preceded by `clone_steps` updates on another one."""

    def combined(
        own: Any, networks: Networks, batch: Batch, config: Hyperparameters, key: PRNGKeyArray
    ) -> tuple[Scalar, Metrics]:
        value, metrics = loss(own, networks, batch, config, key)
        before, _ = meanwhile(own, networks, batch, config, key)
        assert networks.clock is not None
        return jnp.where(networks.clock.step < config.clone_steps, before, value), metrics

    return combined


def initialize(algorithm: Algorithm, config: Hyperparameters, sizes: Sizes, key: PRNGKeyArray) -> State:
    """A learner before its first update."""
    network_key, state_key = jax.random.split(key)
    networks = algorithm.networks(network_key, sizes, config)
    if config.actor_average_rate is not None:
        networks = replace(networks, averaged_actor=networks.actor)
    optimizers = {
        part: optimizer(config, part).init(eqx.filter(getattr(networks, part), eqx.is_inexact_array))
        for part in learning_parts(algorithm)
    }
    # an array may stand in two places of a tree only if it is never donated: give every leaf its own memory
    networks = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True) if eqx.is_array(leaf) else leaf, networks)
    return State(networks, optimizers, state_key, jnp.int32(0), jnp.bool_(False), jnp.bool_(False))


def behavior_loss(
    behavior: Any, networks: Networks, batch: Batch, config: Hyperparameters, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Maximum likelihood of the data's actions: under a policy that is cloned, or a model that no other loss reads."""
    del networks, config, key
    return likelihood_loss(behavior(batch.observations).log_prob(batch.actions)), {}


@cache
def fitting_behavior(algorithm: Algorithm) -> Algorithm:
    """The method with a model of the data's policy beside it, unless it has one: to see how well such a model fits."""
    if algorithm.behavior is not None:
        return algorithm

    def networks(key: PRNGKeyArray, sizes: Sizes, config: Any) -> Networks:
        model = GaussianActor(jax.random.fold_in(key, BESIDE), sizes, config.actor_hidden, "dependent")
        return replace(algorithm.networks(key, sizes, config), behavior=model)

    return replace(algorithm, networks=networks, behavior=behavior_loss)


class Step(NamedTuple):
    """What an optimiser step on some of the losses gives, and whether all of it was finite."""

    parts: dict[str, Any]
    optimizers: dict[str, Any]
    metrics: Metrics
    finite: Bool[Array, ""]


def gradients(
    losses: Mapping[str, Loss], networks: Networks, batch: Batch, config: Hyperparameters, keys: Mapping[str, Any]
) -> tuple[dict[str, Any], Metrics]:
    """The gradient of every loss at the same networks, and all their metrics under `train/`."""
    found: dict[str, Any] = {}
    metrics: Metrics = {}
    for part, loss in losses.items():
        differentiate = eqx.filter_value_and_grad(loss, has_aux=True)
        (value, details), found[part] = differentiate(getattr(networks, part), networks, batch, config, keys[part])
        metrics |= {f"{part}_loss": value, **details}
    return found, {f"train/{name}": value for name, value in metrics.items()}


def step_parts(
    losses: Mapping[str, Loss], state: State, batch: Batch, config: Hyperparameters, keys: Mapping[str, Any]
) -> Step:
    """One optimiser step on each loss."""
    found, metrics = gradients(losses, state.dated(), batch, config, keys)
    parts, optimizers = {}, {}
    for part, gradient in found.items():
        parameters = eqx.filter(getattr(state.networks, part), eqx.is_inexact_array)
        change, optimizers[part] = optimizer(config, part).update(gradient, state.optimizers[part], parameters)
        parts[part] = eqx.apply_updates(getattr(state.networks, part), change)
    return Step(parts, optimizers, metrics, all_finite((found, metrics)))


def skip_parts(step: Callable[[], Step], state: State, due: Any) -> Step:
    """The same where `due`; elsewhere parts and optimisers as they are, and metrics of zero."""

    def rest() -> Step:
        parts, optimizers, metrics, _ = jax.eval_shape(step)
        kept = {part: getattr(state.networks, part) for part in parts}
        zeros = {name: jnp.zeros((), value.dtype) for name, value in metrics.items()}
        return Step(kept, {part: state.optimizers[part] for part in optimizers}, zeros, jnp.bool_(True))

    return jax.lax.cond(due, step, rest)


def move_targets(networks: Networks, config: Hyperparameters, step: Int[Array, ""]) -> Networks:
    """Moves the slow copies that the method has towards their sources, after update `step` (the first is 1)."""
    average_rate = config.actor_average_rate
    if average_rate is not None:  # a plain mean while that is faster: the start leaves no trace
        average_rate = jnp.maximum(average_rate, 1.0 / step)
    copies = (
        ("target_critic", "critic", config.target_rate),
        ("target_actor", "actor", config.target_rate),
        ("averaged_actor", "actor", average_rate),
    )
    for copy, source, rate in copies:
        if (slow := getattr(networks, copy)) is not None and rate is not None:
            moved = polyak(slow, getattr(networks, source), rate)
            networks = eqx.tree_at(lambda tree, copy=copy: getattr(tree, copy), networks, moved)
    return networks


def all_finite(tree: Any) -> Bool[Array, ""]:
    """Whether every number in the tree is finite."""
    checks = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]
    return jnp.all(jnp.stack([jnp.bool_(True), *checks]))  # where all parts are delayed, the others are none


def update(algorithm: Algorithm, config: Hyperparameters, state: State, batch: Batch) -> tuple[State, Metrics]:
    """One iteration of Algorithm 1: a pure function, to be compiled, scanned, and mapped over seeds.

    Where a loss or a gradient is not finite, nothing is applied and `halted` stays true from then on; the state is the
    one before the step, key included, so that the failing step can be computed again.
    """
    next_key, loss_key = jax.random.split(state.key)
    losses = learning_parts(algorithm)
    own = [part for part, loss in losses.items() if loss is not behavior_loss]  # a model beside changes no draw
    drawn = dict(zip(own, jax.random.split(loss_key, len(own)), strict=True))
    keys = {"behavior": loss_key} | drawn
    if config.clone_steps:
        meanwhile = {"actor": behavior_loss, "dual": algorithm.resting_dual or at_rest}
        losses |= {part: cloning_first(losses[part], other) for part, other in meanwhile.items() if part in losses}
    late = {part: loss for part, loss in losses.items() if part in DELAYED and config.actor_period > 1}
    early = {part: loss for part, loss in losses.items() if part not in late}
    done = step_parts(early, state, batch, config, keys)
    if late:
        due = (state.step + 1) % config.actor_period == 0
        rest = skip_parts(lambda: step_parts(late, state, batch, config, keys), state, due)
        parts, optimizers = done.parts | rest.parts, done.optimizers | rest.optimizers
        done = Step(parts, optimizers, done.metrics | rest.metrics, done.finite & rest.finite)
    networks = move_targets(replace(state.networks, **done.parts), config, state.step + 1)
    moved = State(networks, done.optimizers, next_key, state.step + 1, state.online, state.halted)
    return applied(state, moved, done.metrics, done.finite)


def applied(state: State, moved: State, metrics: Metrics, finite: Bool[Array, ""]) -> tuple[State, Metrics]:
    """`moved` where all was finite and nothing is halted, else the state as it was, halted."""
    halted = state.halted | ~finite
    moved, kept = replace(moved, halted=halted), replace(state, halted=halted)
    return jax.tree.map(lambda old, new: jnp.where(halted, old, new), kept, moved), metrics
