"""Divergences against their definitions, sample by sample, and where a multiplier rests."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from awac import divergences
from awac.behavior import Autoencoder, MixtureActor, density_model, log_likelihood
from awac.networks import GaussianActor
from tests.oracle import paper_behavior
from tests.oracle.evaluation import mlp
from tests.oracle.setting import SIZES, scrambled

pytestmark = pytest.mark.usefixtures("quick_compilation")

FIRST, SECOND = jnp.asarray(np.random.default_rng(1).normal(size=(2, 5, 7, 3)), jnp.float32)


@pytest.mark.parametrize("kernel", ["laplacian", "gaussian"])
@pytest.mark.parametrize("width", [0.5, 50.0])
def test_discrepancy(kernel, width):
    second = SECOND[:4]
    found = divergences.maximum_mean_discrepancy(FIRST, second, kernel, width)
    expected = paper_behavior.discrepancies(np.float64(FIRST), np.float64(second), kernel, width)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("kernel", ["laplacian", "gaussian"])
def test_discrepancy_of_the_same_samples_is_almost_zero_and_its_slope_finite(kernel):
    total = jax.value_and_grad(lambda x: jnp.sum(divergences.maximum_mean_discrepancy(x, FIRST, kernel, 50.0)))
    value, slope = total(FIRST)
    np.testing.assert_allclose(value / FIRST.shape[1], 1e-3, rtol=0.3)  # the root of the offset
    assert np.all(np.isfinite(slope))


def test_sampled_divergence_of_two_normal_distributions():
    """KL(N(m, 1) || N(0, 1)) = m^2 / 2."""
    samples = 1.5 + np.random.default_rng(0).normal(size=(40_000, 1))
    log_prob, other = -((samples - 1.5) ** 2) / 2, -(samples**2) / 2
    found = divergences.sampled_divergence(jnp.asarray(log_prob), jnp.asarray(other))
    np.testing.assert_allclose(found, [1.125], atol=0.03)


@pytest.mark.parametrize(
    ("log_multiplier", "violation", "moves"),
    [(0.5, 0.2, 1), (0.5, -0.2, -1), (-5.1, -0.2, 0), (-5.1, 0.2, 1), (10.1, 0.2, 0), (10.1, -0.2, -1)],
)
def test_multiplier_rises_while_violated_and_does_not_leave_its_range(log_multiplier, violation, moves):
    slope = jax.grad(divergences.dual_ascent_loss)(jnp.float32(log_multiplier), jnp.float32(violation))
    assert np.sign(-slope) == moves
    inside = np.exp(np.clip(log_multiplier, -5, 10))
    np.testing.assert_allclose(divergences.multiplier(jnp.float32(log_multiplier)), inside, rtol=1e-6)


def test_likelihood_of_a_mixture():
    generator = np.random.default_rng(4)
    model = scrambled(density_model(jax.random.PRNGKey(0), SIZES, (8, 8), 3), generator)
    observations, actions = generator.normal(size=(9, SIZES.observation)), generator.uniform(-1, 1, (9, SIZES.action))
    single = jax.tree.map(jnp.float32, (model, observations, actions))
    assert isinstance(model, MixtureActor)
    found = log_likelihood(*single, jax.random.PRNGKey(0))
    np.testing.assert_allclose(found, paper_behavior.mixture_log_prob(model, observations, actions), rtol=1e-4)
    assert isinstance(density_model(jax.random.PRNGKey(0), SIZES, (8, 8), 1), GaussianActor)


def test_evidence_is_below_the_likelihood_and_close_to_it_where_latents_tell_nothing():
    """A decoder that does not read its latents has density N(a; a', 1/8): with a prior posterior the bound is exact."""
    generator = np.random.default_rng(4)
    model = scrambled(Autoencoder(jax.random.PRNGKey(0), SIZES, (8,)), generator)
    observations, actions = generator.normal(size=(9, SIZES.observation)), generator.uniform(-1, 1, (9, SIZES.action))
    blind = [*model.decoder.layers]
    blind[0].weight[SIZES.observation :] = 0.0
    single = jax.tree.map(jnp.float32, (model, observations, actions))
    decoded = np.tanh(mlp(model.decoder, np.concatenate([observations, np.zeros((9, 2 * SIZES.action))], axis=-1)))
    exact = -4 * np.sum((actions - decoded) ** 2, axis=-1) - SIZES.action / 2 * np.log(2 * np.pi / 8)
    found = np.asarray(log_likelihood(*single, jax.random.PRNGKey(0)))
    gap = paper_behavior.latent_divergence(*paper_behavior.encode(model, observations, actions))
    assert np.all(found < exact)
    np.testing.assert_allclose(found, exact - gap, rtol=1e-4)
