"""DAPG's step against dense linear algebra in float64: the Fisher matrix written out, solved, and stepped along."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from awac import natural_gradient
from awac.algorithm import initialize
from awac.algorithms import ALGORITHMS
from awac.algorithms.dapg import improve
from awac.batch import Provenance
from awac.distributions import Gaussian
from tests.oracle.evaluation import gaussian, state_values
from tests.oracle.paper import normal_log_prob
from tests.oracle.setting import SIZES, cast, make_batch, scrambled

pytestmark = pytest.mark.usefixtures("quick_compilation")

DAPG = ALGORITHMS["dapg"]
HIDDEN = (5,)


@pytest.fixture
def double():
    """Everything in float64."""
    with jax.enable_x64(True):
        yield


def setting(dtype=np.float32, **changes):
    """Configuration, a state with scrambled networks, a batch of demonstrations with newest transitions beside it."""
    config = DAPG.config(actor_hidden=HIDDEN, critic_hidden=HIDDEN, log_std_floor=-5.9, **changes)
    generator = np.random.default_rng(4)
    state = initialize(DAPG, config, SIZES, jax.random.PRNGKey(0))
    networks = replace(scrambled(state.networks, generator), dual=np.float64(0.5))
    recent = make_batch(generator)._replace(
        terminated=np.arange(12) % 5 == 2, truncated=np.arange(12) % 4 == 3, provenance=np.full(12, 3, np.int8)
    )
    ends = (recent.terminated | recent.truncated)[:, None]  # elsewhere one observation is the next one's
    following = np.where(ends, recent.next_observations, np.roll(recent.observations, -1, axis=0))
    recent = recent._replace(next_observations=following)
    batch = make_batch(generator)._replace(provenance=np.asarray(np.arange(12) % 2, np.int8))
    return config, replace(state, networks=cast(networks, dtype)), cast(batch._replace(newest=recent), dtype)


def jacobian(function, parameters, step=1e-6):
    """Central differences, a column for each parameter."""
    columns = []
    for number in range(parameters.size):
        ends = [parameters.copy() for _ in range(2)]
        ends[0][number] += step
        ends[1][number] -= step
        columns.append((function(ends[0]) - function(ends[1])) / (2 * step))
    return np.stack(columns, axis=-1)


def fisher_matrix(actor, observations):
    """E[J' S J] of mean and log-deviation, with the Fisher matrix of a normal distribution: 1 / std^2 and 2."""
    parameters, rebuild = ravel_pytree(actor)

    def outputs(vector):
        mean, std = gaussian(as_numpy(rebuild(vector)), observations)
        return np.concatenate([mean.ravel(), np.log(std).ravel()])

    _, std = gaussian(as_numpy(actor), observations)
    precision = np.concatenate([1 / std.ravel() ** 2, np.full(std.size, 2.0)])
    slopes = jacobian(outputs, np.array(parameters))
    return slopes.T @ (precision[:, None] * slopes) / len(observations)


def as_numpy(tree):
    return jax.tree.map(np.asarray, tree)


def generalized_advantages(batch, values, next_values, discount, decay):
    """Schulman et al. 2016, equation 16, summed forwards from every transition to the end of its episode."""
    found = []
    for start in range(len(batch.rewards)):
        total, factor = 0.0, 1.0
        for place in range(start, len(batch.rewards)):
            bootstrap = 0.0 if batch.terminated[place] else discount * next_values[place]
            total += factor * (batch.rewards[place] + bootstrap - values[place])
            factor *= discount * decay
            if batch.terminated[place] or batch.truncated[place]:
                break
        found.append(total)
    return np.array(found)


def gradient_of(actor, recent, advantages, demonstrations, weights):
    """(sum A grad log pi + sum w grad log pi) / n, by central differences."""
    parameters, rebuild = ravel_pytree(actor)

    def objective(vector):
        policy = as_numpy(rebuild(vector))
        own, cloned = (
            normal_log_prob(part.actions, *gaussian(policy, part.observations)) for part in (recent, demonstrations)
        )
        return np.array(advantages @ own + weights @ cloned) / len(recent.rewards)

    return jacobian(objective, np.array(parameters))


def solved_step(fisher, gradient, config):
    """The normalised step, by a direct solution of the linear system."""
    direction = np.linalg.solve(fisher + config.damping * np.eye(len(gradient)), gradient)
    return np.sqrt(config.step_size / (gradient @ direction)) * direction


def test_divergence_of_gaussians():
    """By quadrature, one action at a time."""
    first, second = ([0.3, -0.5], [-1.0, 0.2]), ([-0.1, 0.4], [-0.4, -0.3])
    grid, expected = np.linspace(-15, 15, 200_001), 0.0
    for mean, log_std, other_mean, other_log_std in zip(*first, *second, strict=True):
        log_p, log_q = (
            normal_log_prob(grid[:, None], np.array([m]), np.exp([s]))
            for m, s in ((mean, log_std), (other_mean, other_log_std))
        )
        expected += np.sum(np.exp(log_p) * (log_p - log_q)) * (grid[1] - grid[0])
    found = natural_gradient.gaussian_divergence(*(Gaussian(*map(jnp.asarray, pair)) for pair in (first, second)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("std", ["independent", "dependent"])
def test_fisher_product_is_that_of_the_matrix(std, double):
    _, state, batch = setting(np.float64, std=std)
    actor, observations = state.networks.actor, batch.newest.observations
    parameters, rebuild = ravel_pytree(actor)

    def divergence(vector):
        return jnp.mean(natural_gradient.gaussian_divergence(actor(observations), rebuild(vector)(observations)))

    vector = jnp.asarray(np.random.default_rng(0).normal(size=parameters.shape))
    found = natural_gradient.fisher_product(divergence, parameters, vector)
    expected = fisher_matrix(actor, np.asarray(observations)) @ np.asarray(vector)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_conjugate_gradient_solves_in_as_many_iterations_as_there_are_unknowns():
    generator = np.random.default_rng(1)
    root = generator.normal(size=(6, 6))
    matrix, target = np.float32(root @ root.T + np.eye(6)), np.float32(generator.normal(size=6))
    expected = np.linalg.solve(matrix, target)
    for iterations, exact in ((2, False), (6, True), (50, True)):  # what is solved stays solved
        found = natural_gradient.conjugate_gradient(lambda vector: matrix @ vector, jnp.asarray(target), iterations)
        assert np.allclose(found, expected, rtol=1e-2, atol=1e-3) == exact
    nothing = natural_gradient.conjugate_gradient(lambda vector: matrix @ vector, jnp.zeros(6), 5)
    np.testing.assert_array_equal(nothing, np.zeros(6))
    np.testing.assert_array_equal(natural_gradient.normalized_step(nothing, nothing, 0.05), np.zeros(6))


def test_normalized_step_has_the_length_of_its_size():
    fisher, gradient = np.diag([4.0, 0.25]), np.array([1.0, -3.0])
    step = natural_gradient.normalized_step(*map(jnp.asarray, (gradient, np.linalg.solve(fisher, gradient))), 0.05)
    np.testing.assert_allclose(np.asarray(step) @ fisher @ np.asarray(step), 0.05, rtol=1e-5)


def test_one_step_of_dapg(double):
    """From advantages to parameters, where conjugate gradient has iterations enough to solve exactly."""
    config, state, batch = setting(np.float64, iterations=200, damping=1e-2)
    after, metrics = DAPG.update(DAPG, config, state, batch)
    networks, batch = as_numpy((state.networks, batch))
    recent = batch.newest
    values, next_values = (
        state_values(networks.critic, rows) for rows in (recent.observations, recent.next_observations)
    )
    advantages = generalized_advantages(recent, values, next_values, config.discount, config.trace_decay)
    advantages = (advantages - advantages.mean()) / advantages.std()
    demonstrated = batch.provenance == Provenance.DEMONSTRATION
    weights = np.where(demonstrated, 0.5 * advantages.max(), 0.0)
    gradient = gradient_of(networks.actor, recent, advantages, batch, weights)
    expected = solved_step(fisher_matrix(networks.actor, recent.observations), gradient, config)
    found = np.asarray(ravel_pytree(after.networks.actor)[0]) - np.asarray(ravel_pytree(networks.actor)[0])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(after.networks.dual, 0.5 * config.demonstration_decay)
    assert int(after.step) == 1
    np.testing.assert_allclose(metrics["train/demonstration_weight"], 0.5)


def test_a_small_step_has_half_its_size_as_divergence():
    config, state, batch = setting(step_size=1e-4, damping=1e-6, iterations=30)
    advantages = jnp.asarray(np.random.default_rng(2).normal(size=12), jnp.float32)
    _, metrics = improve(state.networks, batch.newest, batch, advantages, config)
    np.testing.assert_allclose(metrics["step_divergence"], 5e-5, rtol=0.1)


def test_what_is_no_demonstration_weighs_nothing():
    config, state, batch = setting()
    advantages = jnp.asarray(np.random.default_rng(2).normal(size=12), jnp.float32)
    strangers = batch._replace(provenance=jnp.full(12, int(Provenance.ONLINE), jnp.int8))
    others = strangers._replace(actions=-strangers.actions)
    actors = [improve(state.networks, batch.newest, part, advantages, config)[0] for part in (strangers, others, batch)]
    flat = [np.asarray(ravel_pytree(actor)[0]) for actor in actors]
    np.testing.assert_array_equal(flat[0], flat[1])
    assert not np.allclose(flat[0], flat[2])


def test_the_baseline_learns_the_returns():
    _, state, batch = setting()
    returns = 2.0 + batch.newest.observations[:, 0]
    fit = partial(natural_gradient.fit_baseline, learning_rate=1e-2, size=8)
    value, before = fit(state.networks.critic, batch.newest.observations, returns, jax.random.PRNGKey(0), epochs=400)
    _, after = fit(value, batch.newest.observations, returns, jax.random.PRNGKey(0), epochs=1)
    assert float(after) < 0.02 < float(before)


def test_an_online_update_over_three_seeds_is_three_updates():
    config, state, batch = setting()
    states = [replace(state, key=jax.random.PRNGKey(seed)) for seed in range(3)]
    step = partial(DAPG.update, DAPG, config)
    together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    mapped, metrics = jax.jit(jax.vmap(step, in_axes=(0, None)))(together, batch)
    for seed, alone in enumerate(states):
        expected = jax.jit(step)(alone, batch)
        mine = jax.tree.map(lambda leaf, seed=seed: leaf[seed], (mapped, metrics))
        jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-3, atol=1e-4), mine, expected)


@pytest.mark.parametrize("field", ["rewards", "observations", "actions"])
def test_what_is_not_finite_halts(field):
    config, state, batch = setting()
    bad = batch.newest._replace(**{field: getattr(batch.newest, field).at[0].set(jnp.nan)})
    after, _ = DAPG.update(DAPG, config, state, batch._replace(newest=bad))
    assert bool(after.halted)
    unchanged = jax.tree.map(np.array_equal, after.networks, state.networks)
    assert all(jax.tree.leaves(unchanged))
    assert int(after.step) == 0
