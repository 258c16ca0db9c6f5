# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false, reportMissingTypeStubs=false
"""Algorithm 1 of the paper as one function, and the record that a method fills in.

A method is up to four pure losses, each of which differentiates its first argument only. `update` computes all of them
on one batch and from the networks as they stood before the step, applies the optimisers, then moves the targets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Scalar

from awac.batch import Batch
from awac.figure8 import Row
from awac.hyperparameters import Hyperparameters
from awac.networks import Networks, Sizes, polyak

PARTS = ("behavior", "critic", "actor", "dual")  # the order of the losses in the record; they do not see each other

Metrics = dict[str, Scalar]
Loss = Callable[[Any, Networks, Batch, Any, PRNGKeyArray], tuple[Scalar, Metrics]]
Act = Callable[[Networks, Float[Array, "batch observation"], PRNGKeyArray, Any], Float[Array, "batch action"]]


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
    act: Act | None = None  # where actions are not simply sampled from the actor


class State(eqx.Module):
    """Everything that changes while a method learns: saving it is saving the learner."""

    networks: Networks
    optimizers: dict[str, optax.OptState]
    key: PRNGKeyArray
    step: Int[Array, ""]  # updates applied
    halted: Bool[Array, ""]  # a loss or a gradient was not finite: this and all later updates are not applied


def optimizer(config: Hyperparameters, part: str) -> optax.GradientTransformation:
    """Adam for one part. Weight decay is coupled (added to the gradient before Adam), as the authors' code has it."""
    rate: float = getattr(config, f"{part}_learning_rate")
    decay = config.actor_weight_decay if part == "actor" else 0.0
    coupled = [optax.add_decayed_weights(decay)] if decay else []
    return optax.chain(*coupled, optax.adam(rate))


def learning_parts(algorithm: Algorithm) -> dict[str, Loss]:
    """The losses that the method has, by part."""
    return {part: loss for part in PARTS if (loss := getattr(algorithm, part)) is not None}


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
    return State(networks, optimizers, state_key, jnp.int32(0), jnp.bool_(False))


def gradients(
    losses: Mapping[str, Loss], networks: Networks, batch: Batch, config: Hyperparameters, key: PRNGKeyArray
) -> tuple[dict[str, Any], Metrics]:
    """The gradient of every loss at the same networks, and all their metrics under `train/`."""
    found: dict[str, Any] = {}
    metrics: Metrics = {}
    for (part, loss), loss_key in zip(losses.items(), jax.random.split(key, len(losses)), strict=True):
        differentiate = eqx.filter_value_and_grad(loss, has_aux=True)
        (value, details), found[part] = differentiate(getattr(networks, part), networks, batch, config, loss_key)
        metrics |= {f"{part}_loss": value, **details}
    return found, {f"train/{name}": value for name, value in metrics.items()}


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
    return jnp.all(jnp.stack(checks))


def update(algorithm: Algorithm, config: Hyperparameters, state: State, batch: Batch) -> tuple[State, Metrics]:
    """One iteration of Algorithm 1: a pure function, to be compiled, scanned, and mapped over seeds.

    Where a loss or a gradient is not finite, nothing is applied and `halted` stays true from then on; the state is the
    one before the step, key included, so that the failing step can be computed again.
    """
    next_key, loss_key = jax.random.split(state.key)
    losses = learning_parts(algorithm)
    found, metrics = gradients(losses, state.networks, batch, config, loss_key)
    networks, optimizers = state.networks, {}
    for part, gradient in found.items():
        parameters = eqx.filter(getattr(networks, part), eqx.is_inexact_array)
        change, optimizers[part] = optimizer(config, part).update(gradient, state.optimizers[part], parameters)
        changed = eqx.apply_updates(getattr(networks, part), change)
        networks = eqx.tree_at(lambda tree, part=part: getattr(tree, part), networks, changed)
    networks = move_targets(networks, config, state.step + 1)
    halted = state.halted | ~all_finite((found, metrics))
    moved = State(networks, optimizers, next_key, state.step + 1, halted)
    kept = eqx.tree_at(lambda tree: tree.halted, state, halted)
    return jax.tree.map(lambda old, new: jnp.where(halted, old, new), kept, moved), metrics
