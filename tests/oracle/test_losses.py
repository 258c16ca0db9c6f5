"""Every loss of every method, in every mode, against its transcription: values in both precisions, and gradients."""

import importlib
from dataclasses import replace

import equinox as eqx
import jax
import numpy as np
import pytest

from awac.algorithm import learning_parts
from awac.algorithms import ALGORITHMS
from tests.oracle import paper
from tests.oracle.setting import CLOCK, HIDDEN, SIZES, cast, make_batch, noise, scrambled

pytestmark = pytest.mark.usefixtures("quick_compilation")

METHODS = {name: importlib.import_module(f"tests.oracle.transcriptions.{name}") for name in ALGORITHMS}
CASES = [(name, mode) for name, method in METHODS.items() for mode in method.MODES]


def setting(name, mode):
    """Algorithm, configuration, networks and batch in float64 NumPy."""
    algorithm, generator = ALGORITHMS[name], np.random.default_rng(3)
    config = algorithm.config(actor_hidden=HIDDEN, critic_hidden=HIDDEN, **METHODS[name].MODES[mode])
    template = algorithm.networks(jax.random.PRNGKey(0), SIZES, config)
    clock = CLOCK._replace(online=np.bool_(mode == "online"))
    networks = replace(scrambled(template, generator), clock=clock)
    return algorithm, config, networks, make_batch(generator)


def expected_loss(part, name, networks, batch, config, parameters=None):
    parameters = getattr(networks, part) if parameters is None else parameters
    return getattr(METHODS[name], part)(parameters, networks, batch, config, noise)


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_losses_in_single_precision(name, mode, scripted):
    algorithm, config, networks, batch = setting(name, mode)
    inputs = cast(networks, np.float32), cast(batch, np.float32), config, jax.random.PRNGKey(0)
    for part, loss in learning_parts(algorithm).items():
        found, metrics = loss(getattr(inputs[0], part), *inputs)
        expected = expected_loss(part, name, networks, batch, config)
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4, err_msg=part)
        if "weight_effective_sample_size" in metrics:
            weights, temperature = METHODS[name].weights_of(networks, batch, config, noise)
            share = paper.effective_sample_size(weights)
            np.testing.assert_allclose(metrics["weight_effective_sample_size"], share, rtol=1e-3)
            np.testing.assert_allclose(metrics["temperature"], temperature, rtol=1e-3)


def slope(part, name, networks, batch, config, direction, step=1e-6):
    """Central difference of the transcription along a direction of the parameters that learn."""
    ends = [jax.tree.map(lambda x, d, by=by: x + by * d, getattr(networks, part), direction) for by in (step, -step)]
    upper, lower = (expected_loss(part, name, networks, batch, config, parameters) for parameters in ends)
    return (upper - lower) / (2 * step)


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_losses_and_gradients_in_double_precision(name, mode, scripted):
    """Gradients along random directions, against central differences of the transcription.

    The transcription moves the parameters that learn and holds those that make weights and targets: that the two agree
    says that no gradient leaks through a weight or a target.
    """
    algorithm, config, networks, batch = setting(name, mode)
    generator = np.random.default_rng(8)
    for part, loss in learning_parts(algorithm).items():
        with jax.enable_x64(True):
            inputs = cast(networks, np.float64), cast(batch, np.float64), config, jax.random.PRNGKey(0)
            (found, _), gradient = eqx.filter_value_and_grad(loss, has_aux=True)(getattr(inputs[0], part), *inputs)
        case = part, name, networks, batch, config
        np.testing.assert_allclose(found, expected_loss(*case), rtol=1e-6, atol=1e-6, err_msg=part)
        if config.q_upper_bound is not None and part != "dual":
            continue  # the critic's gradient passes its bound, on purpose: tests/unit/test_networks.py
        for _ in range(3):
            direction = jax.tree.map(lambda leaf: generator.normal(size=np.shape(leaf)), getattr(networks, part))
            products = jax.tree.map(lambda g, d: np.sum(np.asarray(g) * d), gradient, direction)
            found = sum(jax.tree.leaves(products))
            np.testing.assert_allclose(found, slope(*case, direction), rtol=1e-5, atol=1e-6, err_msg=part)


@pytest.mark.parametrize("name", METHODS)
def test_modes_differ(name):
    """Each mode is felt by some loss: a cap or a clip that touches nothing would test nothing."""
    found = set()
    for mode in METHODS[name].MODES:
        algorithm, config, networks, batch = setting(name, mode)
        parts = learning_parts(algorithm)
        found.add(tuple(round(expected_loss(part, name, networks, batch, config), 6) for part in parts))
    assert len(found) == len(METHODS[name].MODES)


@pytest.mark.parametrize("name", METHODS)
def test_every_loss_has_a_transcription(name):
    for part in learning_parts(ALGORITHMS[name]):
        assert callable(getattr(METHODS[name], part))
