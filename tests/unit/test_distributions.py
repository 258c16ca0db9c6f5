"""Samples of both distributions: shapes, moments, range, and the same key the same sample."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from awac.distributions import Gaussian, TanhGaussian

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.PRNGKey(0)
MEAN = jnp.array([[0.5, -0.3], [0.0, 2.0], [-1.0, 0.1]])
LOG_STD = jnp.array([[-1.0, 0.0], [-3.0, -0.5], [-2.0, -6.0]])
COUNT = 20_000
KINDS = [Gaussian, TanhGaussian]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [(), (1,), (4,), (4, 5)])
def test_shapes(kind, count):
    distribution = kind(MEAN, LOG_STD)
    assert distribution.sample(KEY, count).shape == (*count, 3, 2)
    assert distribution.mode().shape == (3, 2)
    assert distribution.log_prob(distribution.mode()).shape == (3,)


@pytest.mark.parametrize("kind", KINDS)
def test_same_key_same_sample(kind):
    distribution = kind(MEAN, LOG_STD)
    np.testing.assert_array_equal(distribution.sample(KEY), distribution.sample(KEY))
    assert not np.array_equal(distribution.sample(KEY), distribution.sample(jax.random.PRNGKey(1)))


def test_gaussian_moments():
    samples = Gaussian(MEAN, LOG_STD).sample(KEY, (COUNT,))
    error = np.exp(LOG_STD) / np.sqrt(COUNT)
    assert np.all(np.abs(np.mean(samples, axis=0) - MEAN) < 5 * error)
    np.testing.assert_allclose(np.std(samples, axis=0), np.exp(LOG_STD), rtol=0.03)
    correlation = np.corrcoef(np.asarray(samples).reshape(COUNT, 6).T)
    assert np.max(np.abs(correlation - np.eye(6))) < 0.05, "dimensions and rows are drawn independently"


def test_tanh_gaussian_is_the_tanh_of_the_gaussian():
    samples = TanhGaussian(MEAN, LOG_STD).sample(KEY, (COUNT,))
    np.testing.assert_allclose(samples, np.tanh(Gaussian(MEAN, LOG_STD).sample(KEY, (COUNT,))), rtol=1e-6)
    assert np.all(np.abs(samples) <= 1.0)
    np.testing.assert_allclose(np.median(samples, axis=0), TanhGaussian(MEAN, LOG_STD).mode(), atol=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_entropy_is_the_mean_of_minus_log_prob(kind):
    """Samples and density belong together: the mean of one under the other is an integral that a grid knows."""
    distribution = kind(jnp.zeros((COUNT, 1)), jnp.full((COUNT, 1), -1.0))
    found = -np.mean(distribution.log_prob(distribution.sample(KEY)))
    grid = np.linspace(-4, 4, 20_001)
    normal = np.exp(-0.5 * (grid / np.exp(-1.0)) ** 2) / (np.exp(-1.0) * np.sqrt(2 * np.pi))
    slope = 0.0 if kind is Gaussian else np.log(1 - np.tanh(grid) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(normal > 0, normal * (np.log(normal) - slope), 0.0)
    np.testing.assert_allclose(found, -np.sum(terms) * (grid[1] - grid[0]), atol=0.02)


def test_mode_is_where_the_gaussian_is_densest():
    distribution = Gaussian(MEAN, LOG_STD)
    assert np.all(distribution.log_prob(distribution.mode()) >= distribution.log_prob(distribution.mode() + 0.01))


def test_gradient_reaches_mean_and_deviation_through_a_sample():
    for kind in KINDS:
        found = jax.grad(lambda p, kind=kind: jnp.sum(kind(*p).sample(KEY)))((MEAN, LOG_STD))
        assert all(np.all(part != 0) for part in found)
