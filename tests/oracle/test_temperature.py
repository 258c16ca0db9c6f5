"""The temperature that meets the divergence bound is where the dual of Equations 8 and 9 has its minimum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from awac.objectives import TEMPERATURE_CEILING, bounded_temperature, weight_divergence
from tests.oracle import paper

pytestmark = pytest.mark.usefixtures("quick_compilation")

BATCH, FLOOR = 64, 1e-3
bounds = st.sampled_from([0.05, 0.5, 2.0])  # compiled in
compiled = jax.jit(bounded_temperature, static_argnums=(1, 2))


def solve(advantages, bound, floor=FLOOR):
    return float(compiled(jnp.asarray(advantages, jnp.float32), bound, floor))


def advantages_of(spread, seed):
    return (spread * np.random.default_rng(seed).normal(size=BATCH)).astype(np.float32)


@given(st.sampled_from([1e-2, 1.0, 30.0, 1e4]), st.integers(0, 100), bounds)
def test_minimises_the_dual(spread, seed, bound):
    advantages = advantages_of(spread, seed)
    expected = paper.bounded_temperature(advantages.astype(np.float64), bound, FLOOR)
    np.testing.assert_allclose(solve(advantages, bound), expected, rtol=2e-3)


@pytest.mark.parametrize("bound", [0.05, 0.5, 2.0])
def test_bound_is_met_and_used_up(bound):
    advantages = advantages_of(10.0, 0)
    found = weight_divergence(jnp.asarray(advantages) / solve(advantages, bound))
    np.testing.assert_allclose(found, bound, rtol=1e-3)


@given(arrays(np.float32, BATCH, elements=st.floats(-1e4, 1e4, width=32)), bounds)
def test_bound_holds_and_no_lower_temperature_meets_it(advantages, bound):
    found = solve(advantages, bound)
    assume(found < TEMPERATURE_CEILING)
    assert paper.divergence_from_uniform(advantages.astype(np.float64) / found) <= bound * 1.001 + 1e-4
    if found > 1.001 * FLOOR:
        assert paper.divergence_from_uniform(advantages.astype(np.float64) / (0.98 * found)) >= bound * 0.999 - 1e-4


def test_floor_where_the_bound_is_loose():
    """log(64) = 4.16 nats is the most that the weights of 64 transitions can diverge."""
    assert solve(advantages_of(1.0, 1), 5.0) == np.float32(FLOOR)
    assert solve(advantages_of(1.0, 1), 0.5, floor=20.0) == np.float32(20.0)


def test_equal_advantages_need_no_temperature():
    assert solve(np.full(BATCH, -3.0), 0.1) == np.float32(FLOOR)


@pytest.mark.parametrize("factor", [1e-2, 1e3])
def test_scales_with_the_advantages(factor):
    """A task with larger rewards gets the same weights."""
    advantages = advantages_of(1.0, 2)
    np.testing.assert_allclose(solve(factor * advantages, 0.5), factor * solve(advantages, 0.5), rtol=1e-4)
