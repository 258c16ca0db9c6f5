"""Densities against float64 transcriptions, the boundary included: case 23 of docs/faults.md."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from awac.distributions import BOUNDARY, Gaussian, TanhGaussian
from tests.oracle import paper

pytestmark = pytest.mark.usefixtures("quick_compilation")

SHAPE = (5, 3)


def vectors(largest):
    return arrays(np.float32, SHAPE, elements=st.floats(-largest, largest, width=32))


deviations = arrays(np.float32, SHAPE, elements=st.floats(-6, 0, width=32))


def of_double(function, *values):
    return function(*[np.asarray(value, np.float64) for value in values])


@given(vectors(1.0), vectors(1.0), deviations)
def test_gaussian_log_prob(actions, mean, log_std):
    found = Gaussian(jnp.asarray(mean), jnp.asarray(log_std)).log_prob(jnp.asarray(actions))
    expected = of_double(lambda a, m, s: paper.normal_log_prob(a, m, np.exp(s)), actions, mean, log_std)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-4)


@given(vectors(0.9990234375), vectors(3.0), deviations)
def test_tanh_gaussian_log_prob(actions, mean, log_std):
    found = TanhGaussian(jnp.asarray(mean), jnp.asarray(log_std)).log_prob(jnp.asarray(actions))
    expected = of_double(
        lambda a, m, s: paper.tanh_normal_log_prob(np.arctanh(a), m, np.exp(s)), actions, mean, log_std
    )
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-3)  # arctanh near 1 has few digits in float32


@given(arrays(np.float32, SHAPE, elements=st.sampled_from([-1.0, 1.0])), vectors(3.0), vectors(1.0))
def test_tanh_gaussian_on_the_boundary(actions, mean, log_std):
    """The nearest number inside that float32 knows stands for the boundary; the oracle reads that one."""
    found = TanhGaussian(jnp.asarray(mean), jnp.asarray(log_std)).log_prob(jnp.asarray(actions))
    inside = np.clip(actions, np.float32(-1 + BOUNDARY), np.float32(1 - BOUNDARY))
    expected = of_double(lambda a, m, s: paper.tanh_normal_log_prob(np.arctanh(a), m, np.exp(s)), inside, mean, log_std)
    assert np.all(np.isfinite(found))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)  # terms of twenty that may cancel


def test_gradient_on_the_boundary_is_finite():
    ends = jnp.array([[-1.0, 1.0, 0.0]])

    def loss(parameters):
        return -jnp.mean(TanhGaussian(*parameters).log_prob(ends))

    found = jax.grad(loss)((jnp.zeros((1, 3)), jnp.full((1, 3), -3.0)))
    assert all(np.all(np.isfinite(part)) for part in found)


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0, 20.0])
def test_sample_and_log_prob_is_exact_far_out(scale):
    """The density is that of the sample before the tanh, so that it stays exact where the tanh rounds to one."""
    mean, log_std = jnp.full(SHAPE, scale), jnp.full(SHAPE, -1.0)
    key = jax.random.PRNGKey(3)
    actions, log_prob = TanhGaussian(mean, log_std).sample_and_log_prob(key)
    before = np.asarray(Gaussian(mean, log_std).sample(key), np.float64)
    np.testing.assert_allclose(actions, np.tanh(before), rtol=1e-5)
    expected = paper.tanh_normal_log_prob(before, scale, np.exp(-1.0))
    np.testing.assert_allclose(log_prob, expected, rtol=1e-5, atol=1e-4)


def test_sample_and_log_prob_agrees_with_sample_and_with_log_prob():
    distribution = TanhGaussian(jnp.zeros(SHAPE), jnp.full(SHAPE, -0.5))
    key = jax.random.PRNGKey(1)
    actions, log_prob = distribution.sample_and_log_prob(key)
    np.testing.assert_array_equal(actions, distribution.sample(key))
    np.testing.assert_allclose(log_prob, distribution.log_prob(actions), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mean", [-0.7, 0.0, 1.5])
def test_tanh_density_integrates_to_one(mean):
    edges = np.linspace(-1, 1, 4001, dtype=np.float64)
    middles = jnp.asarray((edges[1:] + edges[:-1])[:, None] / 2, jnp.float32)
    distribution = TanhGaussian(jnp.full_like(middles, mean), jnp.full_like(middles, -0.7))
    np.testing.assert_allclose(np.sum(np.exp(distribution.log_prob(middles)) * np.diff(edges)), 1.0, atol=1e-3)
