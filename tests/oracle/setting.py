"""What the oracle tests share: one batch, networks of ordinary size, noise that both opinions draw."""

import zlib

import jax
import jax.numpy as jnp
import numpy as np

from awac.batch import Batch
from awac.networks import Clock, Sizes

BATCH, SIZES, HIDDEN = 12, Sizes(observation=4, action=3), (8, 8)
CLOCK = Clock(step=np.int32(5), online=np.bool_(False))


def noise(shape):
    """Standard normal numbers that depend on their shape alone."""
    return np.random.default_rng(zlib.crc32(repr(tuple(shape)).encode())).normal(size=shape)


def even_noise(shape):
    """Numbers between 0 and 1 that depend on their shape alone."""
    return np.random.default_rng(zlib.crc32(repr(tuple(shape)).encode())).uniform(size=shape)


def make_batch(generator):
    return Batch(
        observations=generator.normal(size=(BATCH, SIZES.observation)),
        actions=generator.uniform(-1, 1, size=(BATCH, SIZES.action)),
        rewards=generator.normal(size=BATCH),
        next_observations=generator.normal(size=(BATCH, SIZES.observation)),
        terminated=np.arange(BATCH) % 3 == 0,
        truncated=np.arange(BATCH) % 4 == 1,
        provenance=np.asarray(np.arange(BATCH) % 4, np.int8),
        steps=np.asarray(np.arange(BATCH) % 3 + 1, np.int32),
        returns=generator.normal(size=BATCH),
        initial_observations=generator.normal(size=(BATCH, SIZES.observation)),
        next_actions=generator.uniform(-1, 1, size=(BATCH, SIZES.action)),
    )


def scrambled(tree, generator):
    """Parameters of ordinary size: at their initial values the last layers are all but zero."""
    size = {1: 0.3, 2: 0.6, 0: 0.5}
    return jax.tree.map(lambda leaf: size[np.ndim(leaf)] * generator.normal(size=np.shape(leaf)), tree)


def cast(tree, dtype):
    """Floating-point leaves as JAX arrays of a precision, the others as they are."""
    return jax.tree.map(lambda x: jnp.asarray(x, dtype if np.asarray(x).dtype.kind == "f" else None), tree)
