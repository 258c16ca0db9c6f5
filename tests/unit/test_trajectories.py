"""What the order of time in the ring gives: the newest steps, where episodes began, returns of whole trajectories."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from awac.batch import Batch
from awac.data.buffer import create, insert, sample, to_device
from awac.data.trajectories import beginnings, draw_beginnings, newest, with_next_actions, with_returns
from awac.errors import ConfigError
from awac.networks import Sizes

pytestmark = pytest.mark.usefixtures("quick_compilation")

CAPACITY, SIZES = 8, Sizes(observation=1, action=1)


def numbered(count, terminated=(), truncated=()):
    """Transitions whose observation and reward are their number."""
    numbers = np.arange(count)
    column = numbers.astype(np.float32)[:, None]
    return Batch(
        observations=column,
        actions=np.zeros_like(column),
        rewards=column[:, 0],
        next_observations=column + 1,
        terminated=np.isin(numbers, terminated),
        truncated=np.isin(numbers, truncated),
        provenance=np.zeros(count, np.int8),
        steps=np.ones(count, np.int32),
    )


def filled(count, **ends):
    """A ring of eight after `count` transitions, one at a time."""
    buffer, batch = create(CAPACITY, SIZES), numbered(count, **ends)
    for place in range(count):
        buffer = insert(buffer, to_device(batch.map(lambda array, place=place: array[place : place + 1])))
    return buffer


@pytest.mark.parametrize("total", [5, 8, 11, 16])
@pytest.mark.parametrize("count", [1, 3, 5])
def test_newest_are_the_last_in_time_order(total, count):
    found = newest(filled(total, truncated=range(0, 20, 3)), count)
    numbers = np.arange(total - count, total)
    np.testing.assert_array_equal(found.rewards, numbers)
    np.testing.assert_array_equal(found.observations[:, 0], numbers)
    np.testing.assert_array_equal(found.truncated, (numbers % 3 == 0) | (numbers == total - 1))


def test_more_than_the_ring_holds_is_refused():
    with pytest.raises(ConfigError, match="buffer_capacity is 8; allowed: at least interval=9"):
        newest(filled(8), 9)


@pytest.mark.parametrize("total", [5, 8, 11, 16])
@pytest.mark.parametrize("return_steps", [1, 3])
def test_next_actions_are_those_of_the_next_step_of_the_episode(total, return_steps):
    """At the end of an episode, and of what is known, the last action stands again; also over several steps."""
    ends = {"terminated": [3, 9], "truncated": [6, 13]}
    batch = numbered(total, **ends)
    buffer = insert(create(CAPACITY, SIZES), to_device(batch._replace(actions=batch.observations)))
    found = sample(with_next_actions(buffer), jax.random.PRNGKey(0), 100, return_steps=return_steps)
    for action, steps, following in zip(found.actions[:, 0], found.steps, found.next_actions[:, 0], strict=True):
        last = int(action) + int(steps) - 1
        assert following == (last if last in (3, 9, 6, 13, total - 1) else last + 1)


def test_the_ring_itself_is_not_cut():
    buffer = filled(6)
    newest(buffer, 3)
    assert not np.any(buffer.data.truncated)


CASES = {
    "one episode, not ended": (5, {}, {0}),
    "two kinds of end": (7, {"terminated": [1], "truncated": [3]}, {0, 2, 4}),
    "the newest ends": (6, {"terminated": [2, 5]}, {0, 3}),
    "full": (8, {"truncated": [3, 7]}, {0, 4}),
    "the oldest is cut": (11, {"terminated": [4, 8]}, {3, 5, 9}),
    "the oldest begins": (11, {"terminated": [2, 8]}, {3, 9}),
    "round twice": (21, {"truncated": [14, 17, 20]}, {13, 15, 18}),
    "one that never ends": (19, {}, {11}),
}


@pytest.mark.parametrize(("total", "ends", "expected"), CASES.values(), ids=CASES)
def test_episodes_begin_after_ends_and_at_the_oldest(total, ends, expected):
    """Of an episode whose first steps were overwritten, the oldest that is left counts as its beginning."""
    buffer = filled(total, **ends)
    counted = beginnings(buffer)
    assert int(counted[-1]) == len(expected)
    places = np.flatnonzero(np.diff(np.asarray(counted), prepend=0))
    assert set(np.asarray(buffer.data.observations)[places, 0]) == expected
    drawn = draw_beginnings(buffer, counted, jax.random.PRNGKey(0), 600)
    assert drawn.shape == (600, 1)
    numbers, counts = np.unique(drawn, return_counts=True)
    assert set(numbers) == expected
    share = 600 / len(expected)
    assert np.all(np.abs(counts - share) <= 5 * np.sqrt(share))


def test_long_episodes_do_not_begin_more_often():
    buffer = filled(8, terminated=[0, 7])
    drawn = np.asarray(draw_beginnings(buffer, beginnings(buffer), jax.random.PRNGKey(1), 1000))
    assert abs(np.mean(drawn == 0) - 0.5) < 0.08


@pytest.mark.parametrize("total", [5, 8, 11, 16])
def test_returns_are_computed_in_time_order_and_stored_with_their_transitions(total):
    """The method sees the oldest first and the newest last, marked truncated; each return lands beside its own."""
    seen = {}

    def returns(ordered):
        seen["rewards"], seen["truncated"] = np.asarray(ordered.rewards), np.asarray(ordered.truncated)
        return 10.0 * jnp.cumsum(ordered.rewards)

    buffer = filled(total, truncated=range(0, 20, 3))
    held = np.arange(max(0, total - CAPACITY), total)
    found = with_returns(buffer, returns)
    np.testing.assert_array_equal(seen["rewards"][-len(held) :], held)
    assert not np.any(seen["rewards"][: -len(held)]), "what was never filled stands before the oldest"
    np.testing.assert_array_equal(seen["truncated"][-len(held) :], (held % 3 == 0) | (held == total - 1))
    places = held % CAPACITY
    np.testing.assert_array_equal(np.asarray(found.data.returns)[places], 10 * np.cumsum(held))
    np.testing.assert_array_equal(found.data.truncated, buffer.data.truncated)
    assert buffer.data.returns is None
