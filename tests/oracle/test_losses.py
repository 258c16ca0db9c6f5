"""Every loss of every method, in every mode, against its transcription: values in both precisions, and gradients."""

import zlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from awac.algorithm import learning_parts
from awac.algorithms import ALGORITHMS
from awac.batch import Batch
from awac.networks import Sizes
from tests.oracle import losses

BATCH, SIZES, HIDDEN = 12, Sizes(observation=4, action=3), (9, 8)

MODES = {
    "awac": {
        "paper": {},
        "locomotion": {"temperature": 1.0},
        "capped": {"temperature": 0.05, "weight_cap": 1.5},
        "clipped": {"advantage_clip": 0.1},
        "softmax": {"weighting": "softmax"},
        "authors": {"weighting": "softmax", "temperature": 0.5, "advantage_clip": 0.5, "value": "mean_action"},
        "many_samples": {"value_samples": 5},
        "partition": {"partition_samples": 7},
        "partition_softmax": {"partition_samples": 7, "value_samples": 2, "weighting": "softmax"},
        "divergence": {"divergence_bound": 0.2, "temperature": 0.01},
        "divergence_floor": {"divergence_bound": 2.4, "temperature": 0.3, "weighting": "softmax"},
        "upper_bound": {"q_upper_bound": 0.0},
        "dependent_std": {"std": "dependent"},
        "norm": {"critic_norm": True},
        "three_critics": {"critics": 3, "discount": 0.9},
    },
    "bc": {"likelihood": {}, "squared_error": {"likelihood": "squared_error"}, "dependent_std": {"std": "dependent"}},
    "sac": {"paper": {}, "no_entropy_backup": {"entropy_backup": False}, "upper_bound": {"q_upper_bound": 0.0}},
}
CASES = [(name, mode) for name, modes in MODES.items() for mode in modes]


def noise(shape):
    """Standard normal numbers that depend on their shape alone."""
    return np.random.default_rng(zlib.crc32(repr(tuple(shape)).encode())).normal(size=shape)


def make_batch(generator):
    return Batch(
        observations=generator.normal(size=(BATCH, SIZES.observation)),
        actions=generator.uniform(-1, 1, size=(BATCH, SIZES.action)),
        rewards=generator.normal(size=BATCH),
        next_observations=generator.normal(size=(BATCH, SIZES.observation)),
        terminated=np.arange(BATCH) % 3 == 0,
        truncated=np.arange(BATCH) % 4 == 1,
        provenance=np.zeros(BATCH, np.int8),
        steps=np.asarray(np.arange(BATCH) % 3 + 1, np.int32),
    )


def scrambled(tree, generator):
    """Parameters of ordinary size: at their initial values the last layers are all but zero."""
    size = {1: 0.3, 2: 0.6, 0: 0.5}
    return jax.tree.map(lambda leaf: size[np.ndim(leaf)] * generator.normal(size=np.shape(leaf)), tree)


def cast(tree, dtype):
    """Floating-point leaves as JAX arrays of a precision, the others as they are."""
    return jax.tree.map(lambda x: jnp.asarray(x, dtype if np.asarray(x).dtype.kind == "f" else None), tree)


@pytest.fixture
def scripted(monkeypatch):
    """The distributions draw from `noise`."""
    monkeypatch.setattr(jax.random, "normal", lambda key, shape=(): jnp.asarray(noise(shape), float))


def setting(name, mode):
    """Algorithm, configuration, networks and batch in float64 NumPy."""
    algorithm, generator = ALGORITHMS[name], np.random.default_rng(3)
    config = algorithm.config(actor_hidden=HIDDEN, critic_hidden=HIDDEN, **MODES[name][mode])
    template = algorithm.networks(jax.random.PRNGKey(0), SIZES, config)
    return algorithm, config, scrambled(template, generator), make_batch(generator)


def values(algorithm, config, networks, batch, dtype):
    """Every loss, and all metrics."""
    found, metrics = {}, {}
    networks, batch, key = cast(networks, dtype), cast(batch, dtype), jax.random.PRNGKey(0)
    for part, loss in learning_parts(algorithm).items():
        found[part], own = loss(getattr(networks, part), networks, batch, config, key)
        metrics |= own
    return found, metrics


@pytest.mark.parametrize(("name", "mode"), CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-6), (np.float32, 2e-4)])
def test_losses(name, mode, dtype, tolerance, scripted):
    algorithm, config, networks, batch = setting(name, mode)
    with jax.enable_x64(dtype is np.float64):
        found, metrics = values(algorithm, config, networks, batch, dtype)
    for part, value in found.items():
        transcription = losses.TRANSCRIPTIONS[name, part]
        expected = transcription(getattr(networks, part), networks, batch, config, noise)
        np.testing.assert_allclose(value, expected, rtol=tolerance, atol=tolerance, err_msg=part)
    if name == "awac":
        _, temperature = losses.awac_weights(networks, batch, config, noise)
        np.testing.assert_allclose(metrics["temperature"], temperature, rtol=1e-4)


@pytest.mark.parametrize(("name", "mode"), [case for case in CASES if "bound" not in case[1]])
def test_gradients(name, mode, scripted):
    """Along random directions, against central differences of the transcription.

    The transcription moves the parameters that learn and holds those that make weights and targets: that the two agree
    says that no gradient leaks through a weight or a target.
    """
    algorithm, config, networks, batch = setting(name, mode)
    generator, step = np.random.default_rng(8), 1e-6
    for part, loss in learning_parts(algorithm).items():
        parameters, transcription = getattr(networks, part), losses.TRANSCRIPTIONS[name, part]
        with jax.enable_x64(True):
            inputs = cast(networks, np.float64), cast(batch, np.float64), config, jax.random.PRNGKey(0)
            gradient, _ = eqx.filter_grad(loss, has_aux=True)(getattr(inputs[0], part), *inputs)
        for _ in range(3):
            direction = jax.tree.map(lambda leaf: generator.normal(size=np.shape(leaf)), parameters)
            ends = [
                transcription(
                    jax.tree.map(lambda x, d, by=by: x + by * d, parameters, direction), networks, batch, config, noise
                )
                for by in (step, -step)
            ]
            products = jax.tree.map(lambda g, d: np.sum(np.asarray(g) * d), gradient, direction)
            np.testing.assert_allclose(
                sum(jax.tree.leaves(products)), (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-6, err_msg=part
            )


def test_every_loss_has_a_transcription():
    assert {(name, part) for name in ALGORITHMS for part in learning_parts(ALGORITHMS[name])} == set(
        losses.TRANSCRIPTIONS
    )
    assert set(MODES) == set(ALGORITHMS)
