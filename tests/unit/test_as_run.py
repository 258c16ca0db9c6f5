"""What the variants that the authors ran do otherwise than the methods whose names they bear."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from awac.algorithm import gradients, initialize, learning_parts
from awac.algorithms import ALGORITHMS
from awac.batch import Batch
from awac.networks import Sizes

SIZES = Sizes(observation=3, action=2)


def batch(count=32):
    generator = np.random.default_rng(0)
    numbers = [generator.normal(size=(count, size)) for size in (3, 3)]
    arrays = {
        "observations": jnp.float32(numbers[0]),
        "actions": jnp.float32(generator.uniform(-1, 1, size=(count, 2))),
        "rewards": jnp.full(count, -1.0),
        "next_observations": jnp.float32(numbers[1]),
        "terminated": jnp.zeros(count, bool),
        "truncated": jnp.zeros(count, bool),
        "provenance": jnp.zeros(count, jnp.int8),
        "steps": jnp.ones(count, jnp.int32),
    }
    return Batch(**arrays)


def gradient_of(name, part, **changes):
    """The gradient of one loss at the networks with which a learner starts, raised by `bias` where it is given."""
    algorithm = ALGORITHMS[name]
    bias = changes.pop("bias", 0.0)
    config = algorithm.config(actor_hidden=(16,), critic_hidden=(16,), **changes)
    networks = initialize(algorithm, config, SIZES, jax.random.PRNGKey(0)).networks
    for member in networks.critic.members:
        object.__setattr__(member.layers[-1], "bias", member.layers[-1].bias + bias)
    keys = dict.fromkeys(learning_parts(algorithm), jax.random.PRNGKey(1))
    return gradients(learning_parts(algorithm), networks, batch(), config, keys)[0][part]


def size(tree):
    return max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("baseline", [True, False])
def test_mpo_as_run_cannot_move_its_mean(baseline):
    """log pi(mean + std * noise) does not depend on the mean; with samples held fixed, it does."""
    through = gradient_of("mpo_as_run", "actor", baseline=baseline)
    assert size(through.network) < 1e-5
    assert float(through.log_std_logit.min()) > 0.01  # and the deviation only shrinks
    held = gradient_of("mpo_as_run", "actor", baseline=baseline, through_samples=False)
    assert size(held.network) > 0.1


def test_sac_as_run_learns_nothing_above_its_clamp():
    """The gradient dies for policy and critic; the critic of the skeleton lets it pass."""
    for part in ("actor", "critic"):
        assert size(gradient_of("sac_as_run", part, q_upper_bound=0.0, bias=0.5)) == 0.0
        assert size(gradient_of("sac_as_run", part, q_upper_bound=0.0, bias=-0.5)) > 0.0
    assert size(gradient_of("awac", "critic", q_upper_bound=0.0, bias=0.5)) > 0.0
