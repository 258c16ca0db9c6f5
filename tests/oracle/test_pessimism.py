"""What pessimistic values are estimates of: expectiles, integrals, returns that end behind a time-out."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

from awac.algorithms import ALGORITHMS
from awac.distributions import TanhGaussian
from awac.in_parts import mean_in_parts
from awac.networks import CriticEnsemble, Sizes, TanhGaussianActor, lower_q
from awac.pessimism import (
    earned_returns,
    expectile_loss,
    policy_proposals,
    random_members,
    sampled_gap,
    soft_maximum,
    uniform_proposals,
)
from awac.returns import where_needed
from tests.golden.traces import LIVELY, SIZES, data

pytestmark = pytest.mark.usefixtures("quick_compilation")

COUNT = 20_000


@pytest.mark.parametrize("expectile", [0.5, 0.7, 0.95])
def test_the_minimiser_is_the_expectile(expectile):
    """Where the weighted distances of the values above and of those below are equal."""
    values = np.random.default_rng(0).gamma(2.0, size=200)

    def balance(v):
        return expectile * np.maximum(values - v, 0).sum() - (1 - expectile) * np.maximum(v - values, 0).sum()

    found = brentq(balance, values.min(), values.max())
    slope = jax.grad(lambda v: expectile_loss(jnp.asarray(values, jnp.float32) - v, expectile))(jnp.float32(found))
    assert abs(slope) < 1e-5


@pytest.mark.parametrize("temperature", [1.0, 0.2])
@pytest.mark.parametrize("source", ["even", "policy"])
def test_the_soft_maximum_is_an_integral_whatever_the_proposals(source, temperature):
    """T log of the integral of exp(Q / T) over [-1, 1], for Q = sin 3a."""
    grid = np.linspace(-1, 1, 4001)
    expected = temperature * np.log(np.trapezoid(np.exp(np.sin(3 * grid) / temperature), grid))
    if source == "even":
        actions, log_densities = uniform_proposals(jax.random.PRNGKey(0), COUNT, 1, 1)
    else:
        wide = TanhGaussian(jnp.full((1, 1), 0.2), jnp.full((1, 1), 0.1))
        actions, log_densities = policy_proposals(wide, jax.random.PRNGKey(0), COUNT)
    values = jnp.sin(3 * actions[None, :, :, 0])
    np.testing.assert_allclose(soft_maximum(values, log_densities, temperature)[0, 0], expected, atol=0.02)


@pytest.mark.parametrize("batch", [7, 12, 64])
def test_a_mean_in_parts_is_the_mean(batch):
    """In one part, four and sixteen; the gradient is that of the whole, for the critic alone."""
    critic = CriticEnsemble(jax.random.PRNGKey(1), Sizes(2, 1), (8,), count=2, norm=False, upper_bound=None)
    rows = jax.random.normal(jax.random.PRNGKey(2), (batch, 2)), jax.random.uniform(jax.random.PRNGKey(3), (batch, 1))

    def loss(critic, rows):
        return jnp.mean(jnp.square(critic(*rows)))

    def both(critic, rows):
        whole = eqx.filter_value_and_grad(lambda critic: 3.0 * loss(critic, rows))(critic)
        return whole, eqx.filter_value_and_grad(lambda critic: 3.0 * mean_in_parts(loss, critic, rows))(critic)

    for whole, parts in zip(*map(jax.tree.leaves, both(critic, rows)), strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(mean_in_parts(loss, critic, rows), loss(critic, rows), rtol=1e-6)
    with pytest.raises(RuntimeError, match="cannot be autodifferentiated"):
        jax.grad(lambda observations: mean_in_parts(loss, critic, (observations, rows[1])))(rows[0])


def test_every_member_is_drawn_as_often_as_the_others():
    """The least of two of four: member i is it if the other is above, C(3 - i, 1) of 6 pairs."""
    critic = CriticEnsemble(jax.random.PRNGKey(1), Sizes(2, 1), (3,), count=4, norm=False, upper_bound=None)
    observations, actions = jnp.ones((1, 2)), jnp.ones((1, 1))
    order = np.sort(critic(observations, actions)[:, 0])

    def least(key):
        return lower_q(random_members(critic, key, 2), observations, actions)[0]

    found = np.asarray(jax.vmap(least)(jax.random.split(jax.random.PRNGKey(0), 6000)))
    nearest = np.abs(found[:, None] - order).argmin(axis=1)
    np.testing.assert_allclose(found, order[nearest], atol=1e-6)
    np.testing.assert_allclose(np.bincount(nearest) / 6000, np.array([3, 2, 1]) / 6, atol=0.03)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_values_are_found_where_they_are_needed(share):
    generator = np.random.default_rng(1)
    observations = jnp.asarray(generator.normal(size=(1500, 2)), jnp.float32)
    needed = generator.random(1500) < share
    found = jax.jit(lambda o, n: where_needed(lambda x: jnp.sum(x, axis=1), o, n))(observations, jnp.asarray(needed))
    np.testing.assert_allclose(found, np.where(needed, np.sum(observations, axis=1), 0.0), atol=1e-6)


def test_returns_of_calibration_step_by_step():
    """r + gamma R', nothing behind the end of an episode, and the slow critics' value behind a time-out."""
    algorithm = ALGORITHMS["cal_ql"]
    config = algorithm.config(**LIVELY)
    networks = algorithm.networks(jax.random.PRNGKey(0), Sizes(*SIZES), config)
    ordered = data().map(jnp.asarray)
    actions = networks.actor(ordered.next_observations).mode()
    behind = np.asarray(lower_q(networks.target_critic, ordered.next_observations, actions), np.float64)
    following, expected = 0.0, []
    for step in reversed(range(ordered.size)):
        future = behind[step] if ordered.truncated[step] else following
        following = float(ordered.rewards[step]) + (0.0 if ordered.terminated[step] else config.discount * future)
        expected.insert(0, following)
    np.testing.assert_allclose(earned_returns(networks, ordered, config), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("bound", "slope"), [(None, 0.0), (100.0, 0.0), (-100.0, 1.0)])
def test_the_gap_lifts_no_value_beyond_the_bound(bound, slope):
    """Of the last bias the soft maximum has slope 1 and Q of the data -1, but where all of Q lies above the bound."""
    critic = CriticEnsemble(jax.random.PRNGKey(0), SIZES, (8,), 2, norm=False, upper_bound=bound)
    actor = TanhGaussianActor(jax.random.PRNGKey(1), SIZES, (8,))
    batch = jax.tree.map(lambda array: jnp.asarray(array[:16]), data())
    found = eqx.filter_grad(sampled_gap)(critic, actor, batch, jax.random.PRNGKey(2), 3, 1.0)
    slopes = [member.layers[-1].bias.item() for member in found.members]
    np.testing.assert_allclose(slopes, slope, atol=1e-5)
