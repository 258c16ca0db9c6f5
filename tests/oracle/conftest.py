"""Scripted noise for the losses."""

import jax
import jax.numpy as jnp
import pytest

from tests.oracle.setting import even_noise, noise


def even(key, shape=(), dtype=float, minval=0.0, maxval=1.0):
    """In place of `jax.random.uniform`."""
    del key
    return jnp.asarray(minval + (maxval - minval) * even_noise(shape), dtype)


@pytest.fixture
def scripted(monkeypatch):
    """The distributions draw from `noise`, what is even from `even_noise`."""
    monkeypatch.setattr(jax.random, "normal", lambda key, shape=(): jnp.asarray(noise(shape), float))
    monkeypatch.setattr(jax.random, "uniform", even)
