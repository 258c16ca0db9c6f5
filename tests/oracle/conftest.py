"""Scripted noise for the losses."""

import jax
import jax.numpy as jnp
import pytest

from tests.oracle.setting import noise


@pytest.fixture
def scripted(monkeypatch):
    """The distributions draw from `noise`."""
    monkeypatch.setattr(jax.random, "normal", lambda key, shape=(): jnp.asarray(noise(shape), float))
