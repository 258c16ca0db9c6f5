"""Each function of `objectives` against its float64 transcription, on ordinary and on extreme numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from awac import objectives
from tests.oracle import paper

pytestmark = pytest.mark.usefixtures("quick_compilation")

BATCH, SAMPLES, MEMBERS, ACTION = 7, 4, 3, 2
TOLERANCE = {"rtol": 2e-5, "atol": 1e-5}


def vectors(largest, shape=BATCH):
    return arrays(np.float32, shape, elements=st.floats(-largest, largest, width=32))


flags = arrays(np.bool_, BATCH)
scores = vectors(30.0) | vectors(1e7)  # the second: advantages of 1e4 at a temperature of 1e-3
caps = st.sampled_from([1.0, 20.0, 100.0])


def double(*values):
    return [np.asarray(value, np.float64) for value in values]


@given(vectors(1e4), flags, arrays(np.int32, BATCH, elements=st.integers(1, 5)), vectors(1e4))
@pytest.mark.parametrize("bound", [None, 0.0])
def test_td_target(bound, rewards, terminated, steps, next_values):
    found = objectives.td_target(*map(jnp.asarray, (rewards, terminated, steps, next_values)), 0.99, bound)
    limit = np.inf if bound is None else bound
    expected = paper.td_target(*double(rewards), terminated, steps, *double(next_values), 0.99, limit)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-3)


@given(vectors(1e4, (MEMBERS, BATCH)), vectors(1e4))
def test_td_loss(values, targets):
    found = objectives.td_loss(jnp.asarray(values), jnp.asarray(targets))
    np.testing.assert_allclose(found, paper.td_loss(*double(values, targets)), **TOLERANCE)


@given(vectors(1e4), st.none() | st.floats(-5, 5, width=32))
def test_clip_advantage(advantages, clip):
    found = objectives.clip_advantage(jnp.asarray(advantages), clip)
    limit = np.inf if clip is None else clip
    np.testing.assert_allclose(found, [min(value, limit) for value in advantages], rtol=1e-6, atol=1e-30)


@given(scores, caps)
def test_exp_weights(values, cap):
    found = objectives.advantage_weight(jnp.asarray(values), "exp", cap)
    np.testing.assert_allclose(found, paper.exp_weights(*double(values), cap), **TOLERANCE)
    assert np.all((np.asarray(found) >= 0) & (np.asarray(found) <= cap * (1 + 1e-6)))


@given(scores)
def test_softmax_weights(values):
    found = objectives.advantage_weight(jnp.asarray(values), "softmax", 1.0)
    np.testing.assert_allclose(found, paper.softmax_weights(*double(values)), **TOLERANCE)
    np.testing.assert_allclose(np.sum(found), BATCH, rtol=1e-5)


@given(vectors(3.0))
def test_softmax_weights_are_exp_weights_over_their_mean(values):
    softmax = objectives.advantage_weight(jnp.asarray(values), "softmax", 1.0)
    exp = objectives.advantage_weight(jnp.asarray(values), "exp", 1e9)
    np.testing.assert_allclose(softmax, exp / jnp.mean(exp), **TOLERANCE)


@given(vectors(30.0, (SAMPLES, BATCH)) | vectors(1e7, (SAMPLES, BATCH)))
def test_log_partition(values):
    found = objectives.log_partition(jnp.asarray(values))
    np.testing.assert_allclose(found, paper.log_partition(*double(values)), **TOLERANCE)


@given(vectors(1e3), arrays(np.float32, BATCH, elements=st.floats(0, 100, width=32)))
def test_weighted_likelihood_loss(log_probs, weights):
    found = objectives.weighted_likelihood_loss(jnp.asarray(log_probs), jnp.asarray(weights))
    expected = paper.weighted_likelihood_loss(*double(log_probs, weights))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-2)


@given(arrays(np.float32, BATCH, elements=st.floats(0.125, 100, width=32)))
def test_effective_sample_size(weights):
    found = objectives.effective_sample_size(jnp.asarray(weights))
    np.testing.assert_allclose(found, paper.effective_sample_size(*double(weights)), **TOLERANCE)
    assert 1 / BATCH - 1e-6 <= found <= 1 + 1e-6


def test_effective_sample_size_of_one_weight_and_of_equal_weights():
    np.testing.assert_allclose(objectives.effective_sample_size(7.0 * jax.nn.one_hot(2, BATCH)), 1 / BATCH)
    np.testing.assert_allclose(objectives.effective_sample_size(jnp.full(BATCH, 3.0)), 1.0)
    np.testing.assert_allclose(objectives.effective_sample_size(jnp.full(BATCH, 1e-30)), 1.0)  # its square is zero
    assert objectives.effective_sample_size(jnp.zeros(BATCH)) == 0.0


@given(scores)
def test_weight_divergence(values):
    found = objectives.weight_divergence(jnp.asarray(values))
    np.testing.assert_allclose(found, paper.divergence_from_uniform(*double(values)), rtol=1e-4, atol=2e-5)
    assert -1e-5 <= found <= np.log(BATCH) + 1e-5


@given(vectors(1e3), vectors(50.0), st.floats(1e-3, 10))
def test_soft_value(q, log_probs, temperature):
    found = objectives.soft_value(jnp.asarray(q), jnp.asarray(log_probs), jnp.float32(temperature))
    np.testing.assert_allclose(found, paper.soft_value(*double(q, log_probs), temperature), rtol=2e-5, atol=1e-3)


@given(st.floats(-7, 3, width=32), vectors(50.0), st.floats(-30, 0))
def test_entropy_dual_loss(log_temperature, log_probs, target):
    found = objectives.entropy_dual_loss(jnp.float32(log_temperature), jnp.asarray(log_probs), target)
    expected = paper.entropy_dual_loss(log_temperature, *double(log_probs), target)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-3)


@given(vectors(1e3))
def test_likelihood_loss(log_probs):
    expected = paper.likelihood_loss(*double(log_probs))
    np.testing.assert_allclose(objectives.likelihood_loss(jnp.asarray(log_probs)), expected, rtol=2e-5, atol=1e-3)


@given(vectors(1.0, (BATCH, ACTION)), vectors(1.0, (BATCH, ACTION)))
def test_squared_error_loss(actions, targets):
    found = objectives.squared_error_loss(jnp.asarray(actions), jnp.asarray(targets))
    np.testing.assert_allclose(found, paper.squared_error_loss(*double(actions, targets)), **TOLERANCE)


def gradient(function, *values):
    return jax.grad(lambda *inputs: jnp.sum(function(*inputs)))(*map(jnp.asarray, values))


@pytest.mark.parametrize("weighting", ["exp", "softmax"])
def test_weights_have_no_gradient(weighting):
    values = np.linspace(-2, 2, BATCH, dtype=np.float32)
    coefficients = jnp.arange(1.0, BATCH + 1)
    found = gradient(lambda x: coefficients * objectives.advantage_weight(x, weighting, 100.0), values)
    np.testing.assert_array_equal(found, np.zeros(BATCH))


def test_targets_have_no_gradient():
    values = np.linspace(-1, 1, MEMBERS * BATCH, dtype=np.float32).reshape(MEMBERS, BATCH)
    found = gradient(lambda targets: objectives.td_loss(jnp.asarray(values), targets), np.ones(BATCH, np.float32))
    np.testing.assert_array_equal(found, np.zeros(BATCH))


def test_the_dual_moves_the_temperature_alone():
    """The entropy is too low, so the temperature rises; the policy gets no gradient from this loss."""
    log_probs, target = np.full(BATCH, 5.0, np.float32), -2.0
    assert gradient(lambda x: objectives.entropy_dual_loss(x, jnp.asarray(log_probs), target), np.float32(0.5)) < 0
    found = gradient(lambda x: objectives.entropy_dual_loss(jnp.float32(0.5), x, target), log_probs)
    np.testing.assert_array_equal(found, np.zeros(BATCH))
