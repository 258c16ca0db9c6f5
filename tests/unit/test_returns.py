"""Returns against a plain loop, over every kind of end, and through the ring."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awac.batch import Batch
from awac.data.buffer import create, insert
from awac.data.trajectories import with_returns
from awac.networks import Sizes
from awac.returns import in_chunks, lambda_returns, return_scale, returns_to_go, where_needed

pytestmark = pytest.mark.usefixtures("quick_compilation")

LENGTH = 12  # one length, one compilation
NUMBERS = st.lists(st.floats(-10, 10, width=32), min_size=LENGTH, max_size=LENGTH)
FLAGS = st.lists(st.booleans(), min_size=LENGTH, max_size=LENGTH)
SHARES = st.floats(0, 1)


class Steps(NamedTuple):
    rewards: list[float]
    terminated: list[bool]
    truncated: list[bool]
    next_values: list[float]


STEPS = st.builds(Steps, NUMBERS, FLAGS, FLAGS, NUMBERS)


def by_loop(steps, discount, decay):
    """The recursion, from the last transition back; what lies behind it does not exist."""
    found, following = [], 0.0
    for reward, terminated, truncated, value in zip(*map(reversed, steps), strict=True):
        future = value if truncated else (1 - decay) * value + decay * following
        following = reward + (0.0 if terminated else discount * future)
        found.append(following)
    return np.array(found[::-1])


def arrays(steps):
    return (
        jnp.array(steps.rewards, jnp.float32),
        jnp.array(steps.terminated),
        jnp.array(steps.truncated),
        jnp.array(steps.next_values, jnp.float32),
    )


@given(STEPS, SHARES, SHARES)
def test_lambda_returns_are_the_recursion(steps, discount, decay):
    found = lambda_returns(*arrays(steps), discount, decay)
    np.testing.assert_allclose(found, by_loop(steps, discount, decay), rtol=1e-4, atol=1e-4)


@given(STEPS, SHARES)
def test_returns_to_go_are_what_followed(steps, discount):
    """Sums of discounted rewards up to the end of each episode, with V behind a time-out and only there."""
    found = returns_to_go(*arrays(steps), discount)
    for start in range(LENGTH):
        expected, factor, place = 0.0, 1.0, start
        while True:
            expected += factor * steps.rewards[place]
            factor *= discount
            if steps.terminated[place] or place == LENGTH - 1:
                if steps.truncated[place] and not steps.terminated[place]:
                    expected += factor * steps.next_values[place]
                break
            if steps.truncated[place]:
                expected += factor * steps.next_values[place]
                break
            place += 1
        np.testing.assert_allclose(found[start], expected, rtol=1e-4, atol=1e-4)


@given(STEPS, SHARES)
def test_no_trace_is_the_one_step_target(steps, discount):
    found = lambda_returns(*arrays(steps), discount, 0.0)
    future = np.where(steps.terminated, 0.0, steps.next_values)
    np.testing.assert_allclose(found, steps.rewards + discount * future, rtol=1e-4, atol=1e-4)


@given(STEPS, SHARES, SHARES, st.integers(0, LENGTH - 1))
def test_nothing_flows_over_an_end(steps, discount, decay, end):
    """What follows an end may be anything: what precedes it does not feel it."""
    ended = steps._replace(truncated=[flag or place == end for place, flag in enumerate(steps.truncated)])
    other = ended._replace(
        rewards=[reward if place <= end else reward + 100.0 for place, reward in enumerate(ended.rewards)]
    )
    found = [lambda_returns(*arrays(one), discount, decay)[: end + 1] for one in (ended, other)]
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-4)


def batch(steps):
    """Transitions that carry V of their next observation as that observation, and their number as the first one."""
    count = len(steps.rewards)
    return Batch(
        observations=np.arange(count, dtype=np.float32)[:, None],
        actions=np.zeros((count, 1), np.float32),
        rewards=np.float32(steps.rewards),
        next_observations=np.float32(steps.next_values)[:, None],
        terminated=np.array(steps.terminated),
        truncated=np.array(steps.truncated),
        provenance=np.zeros(count, np.int8),
        steps=np.ones(count, np.int32),
    )


@given(STEPS, SHARES, SHARES, st.integers(1, LENGTH), st.sampled_from([5, 8, LENGTH, 20]))
def test_in_a_ring_they_are_those_of_what_it_still_holds(steps, discount, decay, cut, capacity):
    """Two insertions; a ring too small, just large enough, or half empty: the newest stands as cut by a clock."""
    buffer = create(capacity, Sizes(observation=1, action=1))
    rows = batch(steps)
    for part in (slice(0, cut), slice(cut, LENGTH)):
        if len(rows.rewards[part]):
            buffer = insert(buffer, rows.map(lambda array, part=part: array[part]))

    def returns(ordered):
        ends = ordered.terminated, ordered.truncated
        return lambda_returns(ordered.rewards, *ends, ordered.next_observations[:, 0], discount, decay)

    data = with_returns(buffer, returns).data
    held = Steps(*(field[-capacity:] for field in steps))
    expected = by_loop(held._replace(truncated=[*held.truncated[:-1], True]), discount, decay)
    number = np.asarray(data.observations)[:, 0].astype(int) - (LENGTH - len(expected))  # in the order of time
    places = (int(buffer.position) - len(expected) + np.arange(len(expected))) % capacity
    np.testing.assert_array_equal(number[places], np.arange(len(expected)))
    np.testing.assert_allclose(np.asarray(data.returns)[places], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(np.asarray(data.truncated)[places], held.truncated)  # the ring itself is not cut


@pytest.mark.parametrize("count", [1, 7, 4096, 5000])
def test_values_in_chunks_are_the_values(count):
    observations = jnp.linspace(-1, 1, 2 * count).reshape(count, 2)
    weights = jnp.array([2.0, -0.5])
    found = in_chunks(lambda rows: rows @ weights, observations)
    np.testing.assert_allclose(found, observations @ weights, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("needed", ["none", "all", "some"])
def test_values_where_needed_are_the_values_there(needed):
    observations = jnp.linspace(-1, 1, 1400).reshape(700, 2)
    generator = np.random.default_rng(0)
    mask = {"none": np.zeros(700, bool), "all": np.ones(700, bool), "some": generator.random(700) < 0.1}[needed]
    found = where_needed(lambda rows: rows[:, 0] + 3.0, observations, jnp.asarray(mask))
    np.testing.assert_allclose(found, np.where(mask, observations[:, 0] + 3.0, 0.0), rtol=1e-6)


def test_scale_of_returns():
    assert return_scale(0.99) == pytest.approx(100.0)
    assert return_scale(0.0) == 1.0
    assert return_scale(1.0) == pytest.approx(1000.0)  # not infinite
