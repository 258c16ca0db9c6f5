# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""What needs the order of time in the ring: returns of trajectories, the newest steps, where episodes begin and end."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from awac.batch import Batch
from awac.data.buffer import Buffer
from awac.errors import ConfigError


def with_returns(buffer: Buffer, returns: Callable[[Batch], Float[Array, " n"]]) -> Buffer:
    """The buffer with a return for each transition, as `returns` computes them from all of it in time order.

    The newest transition is the last; what was never filled stands before the oldest. `returns` finds the newest
    marked truncated, for what follows it is not known yet.
    """
    shift = buffer.position
    ordered = jax.tree.map(lambda ring: jnp.roll(ring, -shift, axis=0), buffer.data)
    ordered = ordered._replace(truncated=ordered.truncated.at[-1].set(True))
    found = jnp.roll(returns(ordered), shift)
    return eqx.tree_at(lambda tree: tree.data, buffer, buffer.data._replace(returns=found))


def with_next_actions(buffer: Buffer) -> Buffer:
    """The buffer with the action that followed each transition.

    Where an episode ended none did, and after the newest none is known yet: there the same action stands again.
    """
    data = buffer.data
    last = jnp.arange(data.rewards.shape[0]) == (buffer.position - 1) % data.rewards.shape[0]
    kept = jnp.broadcast_to((data.terminated | data.truncated | last)[:, None], data.actions.shape)
    following = jnp.where(kept, data.actions, jnp.roll(data.actions, -1, axis=0))
    return eqx.tree_at(lambda tree: tree.data, buffer, data._replace(next_actions=following))


def newest(buffer: Buffer, count: int) -> Batch:
    """The last `count` transitions in time order; the newest marked truncated, for what follows it is not known yet.

    Raises:
        ConfigError: the ring does not hold so many.
    """
    capacity = buffer.data.rewards.shape[0]
    if count > capacity:
        raise ConfigError(f"buffer_capacity is {capacity}; allowed: at least interval={count}, which is learned from")
    places = (buffer.position - count + jnp.arange(count)) % capacity
    found = jax.tree.map(lambda ring: ring[places], buffer.data)
    return found._replace(truncated=found.truncated.at[-1].set(True))


def steps_left(buffer: Buffer) -> Int[Array, " capacity"]:
    """For each place of the ring, how many transitions of its episode come after it; none are known after the newest.

    Places that were never filled hold what has no meaning.
    """
    capacity, shift = buffer.data.rewards.shape[0], buffer.position
    number = jnp.arange(capacity, dtype=jnp.int32)
    ends = jnp.logical_or(buffer.data.terminated, buffer.data.truncated)
    ends = jnp.roll(ends, -shift).at[-1].set(True)  # in time order: the newest is the last
    last = jax.lax.cummin(jnp.where(ends, number, capacity), reverse=True)
    return jnp.roll(last - number, shift)


def beginnings(buffer: Buffer) -> Int[Array, " capacity"]:
    """For each place of the ring, how many episodes begin there or before: what `draw_beginnings` draws from.

    The oldest transition counts as a beginning also where the ring has forgotten those before it.
    """
    ends = jnp.logical_or(buffer.data.terminated, buffer.data.truncated)
    number = jnp.arange(ends.shape[0])
    age = (buffer.position - 1 - number) % ends.shape[0]  # 0 is the newest
    first = jnp.roll(ends, 1) | (age == buffer.size - 1)
    return jnp.cumsum(first & (age < buffer.size), dtype=jnp.int32)


def draw_beginnings(
    buffer: Buffer, counted: Int[Array, " capacity"], key: PRNGKeyArray, size: int
) -> Float[Array, "size observation"]:
    """Observations at which episodes begin, drawn with replacement; `counted` comes from `beginnings`."""
    draw = jax.random.randint(key, (size,), 1, counted[-1] + 1)
    return buffer.data.observations[jnp.searchsorted(counted, draw)]
