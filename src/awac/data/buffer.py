# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""The ring buffer: on the device, sampled inside the compiled program, never aware of the policy.

Besides the transitions it keeps, for each provenance, the ring of positions that hold it, so that a batch can be mixed
in any ratio at the price of an index. All transitions leave in the order in which they came: so do those of one
provenance, which makes each of its rings a queue.
"""

from collections.abc import Collection, Mapping
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import psutil
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from awac.batch import Batch, Provenance
from awac.errors import ConfigError
from awac.networks import Sizes

PROVENANCES = len(Provenance)
Mix = tuple[tuple[int, float], ...]  # (provenance, share of the batch); hashable, for it is compiled in


class Buffer(eqx.Module):
    """The rings. `position` is where the next transition goes; `size` of them are filled."""

    data: Batch  # (capacity, ...)
    position: Int[Array, ""]
    size: Int[Array, ""]
    members: Int[Array, "provenance capacity"]  # positions by provenance, in order of arrival
    starts: Int[Array, " provenance"]
    counts: Int[Array, " provenance"]


def mix_of(shares: Mapping[str, float]) -> Mix:
    """Checks and freezes the shares of a batch by name of provenance, such as `{"online": 0.5}`.

    What is left of the batch is drawn uniformly from all provenances that are not named.
    """
    names = {provenance.name.lower(): int(provenance) for provenance in Provenance}
    check_shares("mix", shares, names, "provenance")
    return tuple((names[name], float(share)) for name, share in shares.items())


def check_shares(option: str, shares: Mapping[str, float], allowed: Collection[str], kind: str) -> None:
    """Refuses shares of a batch of unknown names, outside 0 to 1, or above 1 together, with a ConfigError."""
    for name, share in shares.items():
        if name not in allowed:
            raise ConfigError(f"{option}: {name!r} is not a {kind}; allowed: {', '.join(allowed)}")
        if not 0.0 <= share <= 1.0:
            raise ConfigError(f"{option}: the share of {name} is {share}; allowed: 0 to 1")
    if sum(shares.values()) > 1.0 + 1e-9:
        raise ConfigError(f"{option}: the shares add up to {sum(shares.values())}; allowed: at most 1")


def bytes_needed(capacity: int, sizes: Sizes) -> int:
    """Memory of a buffer in bytes, exactly what `create` allocates up to its scalars."""
    floats = 2 * sizes.observation + sizes.action + 1
    return capacity * (4 * floats + 2 + 1 + 4 + 4 * PROVENANCES)


def create(capacity: int, sizes: Sizes) -> Buffer:
    """An empty buffer.

    Raises:
        ConfigError: the buffer does not fit into the memory that is free.
    """
    wanted, free = bytes_needed(capacity, sizes), psutil.virtual_memory().available
    if wanted > free:
        raise ConfigError(f"buffer_capacity={capacity} needs {wanted:,} bytes; {free:,} are free")
    empty = Batch(
        observations=jnp.zeros((capacity, sizes.observation)),
        actions=jnp.zeros((capacity, sizes.action)),
        rewards=jnp.zeros(capacity),
        next_observations=jnp.zeros((capacity, sizes.observation)),
        terminated=jnp.zeros(capacity, dtype=bool),
        truncated=jnp.zeros(capacity, dtype=bool),
        provenance=jnp.zeros(capacity, dtype=jnp.int8),
        steps=jnp.ones(capacity, dtype=jnp.int32),
    )
    members = jnp.zeros((PROVENANCES, capacity), dtype=jnp.int32)
    none = jnp.zeros(PROVENANCES, dtype=jnp.int32)
    return Buffer(empty, jnp.int32(0), jnp.int32(0), members, none, jnp.zeros_like(none))


@partial(jax.jit, donate_argnums=0)
def insert(buffer: Buffer, batch: Batch) -> Buffer:
    """Appends transitions, in time order, overwriting the oldest; of more than the capacity, the last are stored."""
    capacity = buffer.data.rewards.shape[0]
    batch = batch.map(lambda array: array[-capacity:])
    count = batch.rewards.shape[0]
    positions = (buffer.position + jnp.arange(count)) % capacity
    # what is overwritten leaves the front of its queue
    overwritten = jnp.arange(count) >= capacity - buffer.size
    old = _one_hot(buffer.data.provenance[positions]) & overwritten[:, None]
    leaving = jnp.sum(old, axis=0, dtype=jnp.int32)
    starts, counts = (buffer.starts + leaving) % capacity, buffer.counts - leaving
    # what arrives joins the back of its queue
    new = _one_hot(jnp.asarray(batch.provenance))
    own = jnp.asarray(batch.provenance).astype(jnp.int32)
    rank = jnp.take_along_axis(jnp.cumsum(new, axis=0, dtype=jnp.int32), own[:, None], axis=1)[:, 0] - 1
    slots = (starts[own] + counts[own] + rank) % capacity
    members = buffer.members.at[own, slots].set(positions.astype(jnp.int32))
    data = jax.tree.map(lambda ring, fresh: ring.at[positions].set(jnp.asarray(fresh, ring.dtype)), buffer.data, batch)
    size = jnp.minimum(buffer.size + count, capacity)
    counts = counts + jnp.sum(new, axis=0, dtype=jnp.int32)
    return Buffer(data, (buffer.position + count) % capacity, size, members, starts, counts)


@partial(jax.jit, donate_argnums=0)
def truncate_newest(buffer: Buffer) -> Buffer:
    """Marks the newest transition truncated: what comes next belongs to another episode."""
    newest = (buffer.position - 1) % buffer.data.rewards.shape[0]
    return eqx.tree_at(lambda tree: tree.data.truncated, buffer, buffer.data.truncated.at[newest].set(True))


def _one_hot(provenance: Int[Array, " n"]) -> Bool[Array, "n provenance"]:
    return provenance.astype(jnp.int32)[:, None] == jnp.arange(PROVENANCES)[None]


def sample(
    buffer: Buffer, key: PRNGKeyArray, size: int, mix: Mix = (), return_steps: int = 1, discount: float = 1.0
) -> Batch:
    """A batch of `size` transitions, drawn with replacement.

    Uniform over the buffer, or in the shares of `mix`. With `return_steps` > 1 each transition spans up to that many
    steps of its episode: rewards are summed with `discount`, and the next observation is the last one's.
    """
    drawn = draw_places(buffer, key, size, mix)
    if return_steps == 1:
        return jax.tree.map(lambda ring: ring[drawn], buffer.data)
    places = spans(buffer, drawn, return_steps)
    return summed(buffer, places, buffer.data.rewards[places], buffer.data.terminated[places], discount)


def draw_places(buffer: Buffer, key: PRNGKeyArray, size: int, mix: Mix) -> Int[Array, " size"]:
    """Places of the ring, drawn with replacement: uniform over what is filled, or in the shares of `mix`."""
    if not mix:
        return jax.random.randint(key, (size,), 0, buffer.size)
    totals = np.rint(size * np.cumsum([0.0, *(share for _, share in mix)])).astype(int)
    named: list[int] = np.diff(totals).tolist()  # of running totals: together never more than the batch
    groups = [(jnp.arange(PROVENANCES) == code, count) for (code, _), count in zip(mix, named, strict=True)]
    others = jnp.array([all(p != code for code, _ in mix) for p in range(PROVENANCES)])
    groups.append((others, size - sum(named)))
    keys = jax.random.split(key, len(groups))
    return jnp.concatenate([_member(buffer, k, n, group) for k, (group, n) in zip(keys, groups, strict=True)])


def _member(buffer: Buffer, key: PRNGKeyArray, count: int, group: Bool[Array, " provenance"]) -> Int[Array, " count"]:
    # uniform over the union of some provenances; over the whole buffer while the union is empty
    present = jnp.where(group, buffer.counts, 0)
    present = jnp.where(jnp.sum(present) > 0, present, buffer.counts)
    ends = jnp.cumsum(present)
    draw = jax.random.randint(key, (count,), 0, ends[-1])
    own = jnp.searchsorted(ends, draw, side="right")
    place = draw - (ends - present)[own]
    return buffer.members[own, (buffer.starts[own] + place) % buffer.data.rewards.shape[0]]


def spans(buffer: Buffer, places: Int[Array, " size"], return_steps: int) -> Int[Array, "size steps"]:
    """Each place with those of the steps after it; they may belong to another episode."""
    return (places[:, None] + jnp.arange(return_steps)[None]) % buffer.data.rewards.shape[0]


def summed(
    buffer: Buffer,
    places: Int[Array, "size steps"],
    rewards: Float[Array, "size steps"],
    terminated: Bool[Array, "size steps"],
    discount: float,
) -> Batch:
    """One transition for each span, up to the end of its episode, with the rewards and terminations that are given.

    A span also ends where the stored episode did, for what follows is not of it: cut, if it was not `terminated` there.
    """
    data, capacity = buffer.data, buffer.data.rewards.shape[0]
    ends = data.terminated[places] | data.truncated[places]
    stops = ends | terminated | (places == (buffer.position - 1) % capacity)
    within = jnp.cumsum(stops, axis=1) - stops == 0  # no stop before this place
    discounts = jnp.where(within, jnp.power(discount, jnp.arange(places.shape[1]))[None], 0.0)
    steps = jnp.sum(within, axis=1, dtype=jnp.int32)
    last = (places[:, 0] + steps - 1) % capacity
    over = jnp.take_along_axis(terminated, steps[:, None] - 1, axis=1)[:, 0]
    first = jax.tree.map(lambda ring: ring[places[:, 0]], data)
    return first._replace(
        rewards=jnp.sum(discounts * rewards, axis=1),
        next_observations=data.next_observations[last],
        terminated=over,
        truncated=data.truncated[last] | (data.terminated[last] & ~over),
        steps=steps,
        next_actions=None if data.next_actions is None else data.next_actions[last],
    )


def to_device(batch: Batch) -> Batch:
    """A NumPy batch as it enters the device."""
    return batch.map(lambda array: jnp.asarray(np.asarray(array)))
