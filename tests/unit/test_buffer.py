"""The ring buffer against a list: what is kept, what is drawn, and how far an n-step return may look."""

from collections import Counter
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awac.batch import Batch, Provenance, concatenate
from awac.data.buffer import bytes_needed, create, insert, mix_of, sample, to_device, truncate_newest
from awac.errors import ConfigError
from awac.networks import Sizes

pytestmark = pytest.mark.usefixtures("quick_compilation")

CAPACITY, SIZES, DISCOUNT = 8, Sizes(observation=2, action=1), 0.9
DRAW = 64
chunk_lengths = st.sampled_from([1, 3, 8])  # each length is compiled once


def numbered(start, count, provenance=None, terminated=(), truncated=()):
    """Transitions that carry their number in every field; number n leads to the observation n + 1."""
    numbers = np.arange(start, start + count)
    provenances = numbers % len(Provenance) if provenance is None else np.broadcast_to(provenance, count)
    return Batch(
        observations=np.stack([numbers, -numbers], axis=1).astype(np.float32),
        actions=np.sin(numbers).astype(np.float32)[:, None],
        rewards=(numbers % 5).astype(np.float32),
        next_observations=np.stack([numbers + 1, -numbers - 1], axis=1).astype(np.float32),
        terminated=np.isin(numbers, terminated),
        truncated=np.isin(numbers, truncated),
        provenance=np.asarray(provenances, np.int8),
        steps=np.ones(count, np.int32),
    )


def filled(batches):
    buffer = create(CAPACITY, SIZES)
    for batch in batches:
        buffer = insert(buffer, to_device(batch))
    return buffer


def in_order(buffer):
    """What the buffer holds, oldest first."""
    places = (int(buffer.position) - int(buffer.size) + np.arange(int(buffer.size))) % CAPACITY
    return buffer.data.map(lambda array: np.asarray(array)[places])


def queue(buffer, provenance):
    """Observation numbers of one provenance, in the order of its ring."""
    places = (int(buffer.starts[provenance]) + np.arange(int(buffer.counts[provenance]))) % CAPACITY
    return np.asarray(buffer.data.observations)[np.asarray(buffer.members)[provenance, places], 0].tolist()


def check(buffer, expected):
    """Holds exactly `expected`, oldest first, in every field and in the queue of every provenance."""
    found = in_order(buffer)
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    assert all(a.dtype == b.dtype for a, b in zip(found.stored().values(), expected.stored().values(), strict=True))
    for provenance in Provenance:
        own = expected.observations[expected.provenance == provenance, 0]
        assert queue(buffer, provenance) == own.tolist()


@pytest.mark.parametrize("count", [CAPACITY - 1, CAPACITY, CAPACITY + 1])
def test_wrap_around_keeps_the_newest(count):
    batches = [numbered(number, 1) for number in range(count)]
    check(filled(batches), concatenate(batches).map(lambda array: array[-CAPACITY:]))


@given(st.lists(st.tuples(chunk_lengths, st.lists(st.sampled_from(Provenance), min_size=8, max_size=8)), min_size=1))
def test_any_inserts_keep_the_newest_in_order(chunks):
    batches, start = [], 0
    for length, provenances in chunks:
        batches.append(numbered(start, length, np.array(provenances[:length])))
        start += length
    check(filled(batches), concatenate(batches).map(lambda array: array[-CAPACITY:]))


def test_prior_longer_than_the_buffer():
    prior = numbered(0, 3 * CAPACITY)
    check(insert(create(CAPACITY, SIZES), prior), prior.map(lambda array: array[-CAPACITY:]))
    assert int(insert(create(CAPACITY, SIZES), numbered(0, 0)).size) == 0


draw = jax.jit(sample, static_argnums=(2, 3, 4, 5))


def test_uniform_draws_are_whole_transitions_and_reach_all():
    buffer = filled([numbered(0, 8), numbered(8, 3)])
    batch = draw(buffer, jax.random.PRNGKey(0), 512, (), 1, DISCOUNT)
    numbers = np.asarray(batch.observations)[:, 0].astype(int)
    assert set(numbers) == set(range(3, 11))
    assert max(Counter(numbers).values()) < 2.0 * 512 / CAPACITY
    expected = numbered(0, 11).map(lambda array: array[numbers])
    jax.tree.map(np.testing.assert_array_equal, batch.map(np.asarray), expected)


def test_draws_before_the_buffer_is_full():
    batch = draw(filled([numbered(0, 3)]), jax.random.PRNGKey(0), DRAW, (), 1, DISCOUNT)
    assert set(np.asarray(batch.observations)[:, 0]) == {0.0, 1.0, 2.0}


MIXES = [
    {"online": 0.5},
    {"online": 1.0},
    {"online": 0.0},
    {"demonstration": 0.3, "online": 0.2},
    {"demonstration": 0.5, "rollout": 0.5},
    {"demonstration": 1 / 3, "rollout": 1 / 3, "online": 1 / 3},
    {"demonstration": 0.25, "rollout": 0.25, "random": 0.25, "online": 0.25},
]


@pytest.mark.parametrize("size", [3, 10])
@pytest.mark.parametrize("shares", MIXES)
def test_any_ratio_of_any_mix(shares, size):
    """Each share to within one transition, never more or less than the batch, the rest from what is not named."""
    buffer = filled([numbered(0, 8, [0, 0, 0, 1, 1, 2, 3, 3])])
    batch = sample(buffer, jax.random.PRNGKey(size), size, mix_of(shares))
    assert batch.rewards.shape == (size,)
    counts = Counter(np.asarray(batch.provenance).tolist())
    for name, share in shares.items():
        assert abs(counts[Provenance[name.upper()]] - share * size) <= 1.0
    if sum(shares.values()) == 1.0:
        assert set(counts) <= {int(Provenance[name.upper()]) for name in shares}


def test_the_rest_is_uniform_over_what_is_not_named():
    buffer = filled([numbered(0, 8, [0, 0, 0, 1, 1, 1, 1, 3])])
    batch = sample(buffer, jax.random.PRNGKey(0), 2000, mix_of({"online": 0.2}))
    numbers = Counter(np.asarray(batch.observations)[:, 0].astype(int).tolist())
    assert numbers[7] == 400
    assert all(150 < numbers[number] < 310 for number in range(7)), numbers  # 1600 / 7 = 229 each


def test_an_empty_group_falls_back_to_all():
    buffer = filled([numbered(0, 8, [0, 0, 0, 1, 1, 1, 1, 1])])
    batch = sample(buffer, jax.random.PRNGKey(0), 200, mix_of({"online": 0.5, "demonstration": 0.25}))
    counts = Counter(np.asarray(batch.provenance).tolist())
    assert counts[0] + counts[1] == 200
    assert 50 + 20 < counts[0] < 50 + 60  # its own quarter, and 3 / 8 of the absent half


def test_a_provenance_that_was_overwritten_is_empty_again():
    buffer = filled([numbered(0, 8, 3), numbered(8, 8, 0)])
    assert buffer.counts.tolist() == [8, 0, 0, 0]
    batch = sample(buffer, jax.random.PRNGKey(0), 10, mix_of({"online": 1.0}))
    assert set(np.asarray(batch.provenance)) == {0}


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"onlin": 0.5}, "'onlin' is not a provenance; allowed: demonstration, rollout, random, online"),
        ({"online": 1.5}, "the share of online is 1.5; allowed: 0 to 1"),
        ({"online": float("nan")}, "the share of online is nan"),
        ({"online": 0.6, "rollout": 0.5}, "the shares add up to 1.1; allowed: at most 1"),
    ],
)
def test_impossible_mixes(shares, message):
    with pytest.raises(ConfigError, match=message):
        mix_of(shares)


def spanned(history, number, return_steps):
    """The n-step transition from `number`, by walking through the list of transitions."""
    at = {int(n): i for i, n in enumerate(history.observations[:, 0])}
    i, reward, taken = at[number], 0.0, 0
    while True:
        reward += DISCOUNT**taken * float(history.rewards[i])
        taken += 1
        ended = history.terminated[i] or history.truncated[i]
        if taken == return_steps or ended or i + 1 == history.size:
            return reward, history.next_observations[i, 0], history.terminated[i], history.truncated[i], taken
        i += 1


ends = st.sets(st.integers(0, 30), max_size=8)


@given(st.lists(chunk_lengths, min_size=1, max_size=4), ends, ends)
@pytest.mark.parametrize("return_steps", [2, 4])
def test_spans_end_with_the_episode_and_at_the_write_head(return_steps, lengths, terminated, truncated):
    batches, start = [], 0
    for length in lengths:
        batches.append(numbered(start, length, None, list(terminated), list(truncated - terminated)))
        start += length
    buffer = filled(batches)
    history = in_order(buffer)
    batch = draw(buffer, jax.random.PRNGKey(start), DRAW, (), return_steps, DISCOUNT)
    for i, number in enumerate(np.asarray(batch.observations)[:, 0].astype(int)):
        reward, following, over, cut, taken = spanned(history, number, return_steps)
        np.testing.assert_allclose(batch.rewards[i], reward, rtol=1e-5)
        found = batch.next_observations[i, 0], batch.terminated[i], batch.truncated[i], batch.steps[i]
        assert tuple(map(float, found)) == (following, over, cut, taken)


def test_truncate_newest():
    buffer = truncate_newest(filled([numbered(0, 8), numbered(8, 3, truncated=[9])]))
    assert in_order(buffer).truncated.tolist() == [False] * 6 + [True, True]
    buffer = insert(buffer, to_device(numbered(11, 1)))
    batch = draw(buffer, jax.random.PRNGKey(0), DRAW, (), 4, DISCOUNT)
    newest = np.asarray(batch.observations)[:, 0] == 10
    assert newest.any()
    assert set(np.asarray(batch.steps)[newest]) == {1}, "the next transition is of another episode"


def test_bytes_needed_is_what_is_allocated():
    buffer = create(1000, Sizes(observation=45, action=24))
    arrays = [*buffer.data.stored().values(), buffer.members]
    assert bytes_needed(1000, Sizes(45, 24)) == sum(array.nbytes for array in arrays)


def test_a_buffer_larger_than_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10_000))
    wanted = bytes_needed(1000, SIZES)
    with pytest.raises(ConfigError, match=rf"buffer_capacity=1000 needs {wanted:,} bytes; 10,000 are free"):
        create(1000, SIZES)
    assert create(100, SIZES).data.rewards.shape == (100,)


def test_types_of_other_sources_are_made_ours():
    """Importers and environments may hand over float64; the ring keeps its own types."""
    wide = numbered(0, 3).map(lambda array: array.astype(np.float64) if array.dtype == np.float32 else array)
    buffer = filled([wide])
    assert buffer.data.observations.dtype == jnp.float32
    check(buffer, numbered(0, 3))
