"""One iteration of Algorithm 1: optimiser, order of the losses, targets, ends of episodes."""

import dataclasses

import equinox as eqx
import jax
import numpy as np
import optax
import pytest

from awac.algorithm import initialize, learning_parts, update
from awac.algorithms import ALGORITHMS
from awac.networks import Clock, Networks, polyak
from tests.oracle import paper
from tests.oracle.setting import HIDDEN, SIZES, cast, make_batch, scrambled

pytestmark = pytest.mark.usefixtures("quick_compilation")

RATES = {"actor_learning_rate": 0.01, "critic_learning_rate": 0.05, "dual_learning_rate": 0.02, "target_rate": 0.1}
STEPS = 3


def setting(name, **changes):
    """Configuration, a state with scrambled networks, a batch."""
    algorithm = ALGORITHMS[name]
    config = algorithm.config(actor_hidden=HIDDEN, critic_hidden=HIDDEN, actor_period=1, **RATES, **changes)
    state = initialize(algorithm, config, SIZES, jax.random.PRNGKey(0))
    networks = cast(scrambled(state.networks, np.random.default_rng(5)), np.float32)
    state = dataclasses.replace(state, networks=networks)
    return algorithm, config, state, cast(make_batch(np.random.default_rng(6)), np.float32)


def gradient_at(loss, part, state, batch, config):
    networks = dataclasses.replace(state.networks, clock=Clock(state.step, state.online))
    key = jax.random.PRNGKey(0)  # noise is scripted
    return eqx.filter_grad(loss, has_aux=True)(getattr(networks, part), networks, batch, config, key)[0]


def close(found, expected, rtol=1e-4, atol=1e-5):
    matches = jax.tree.map(lambda f, e: np.allclose(f, e, rtol, atol), found, expected)
    return all(jax.tree.leaves(matches))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_adam_with_coupled_decay_on_every_parameter(name, scripted):
    """The policy's L2 penalty joins its gradient before Adam, on all its parameters; beside it a data model's.

    A standard deviation that is to stay as it is has none.
    """
    algorithm, config, state, batch = setting(name, actor_weight_decay=0.1)
    history = {part: [] for part in learning_parts(algorithm)}
    start = state.networks
    for _ in range(STEPS):
        for part, loss in learning_parts(algorithm).items():
            at = getattr(state.networks, part)
            rate = {"actor": 0.1, "behavior": getattr(config, "behavior_weight_decay", 0.0)}.get(part, 0.0)
            decay = jax.tree.map(lambda _, rate=rate: rate, at)
            if part == "actor" and getattr(at, "fixed", False):
                decay = eqx.tree_at(lambda actor: actor.log_std_logit, decay, 0.0)
            gradient = gradient_at(loss, part, state, batch, config)
            penalized = jax.tree.map(lambda g, x, by: np.float64(g) + by * np.float64(x), gradient, at, decay)
            history[part].append(penalized)
        state, _ = update(algorithm, config, state, batch)
    for part, gradients in history.items():
        rate = getattr(config, f"{part}_learning_rate")
        expected = jax.tree.map(
            lambda x, *g, by=rate: paper.adam(g, np.float64(x), by), getattr(start, part), *gradients
        )
        assert close(getattr(state.networks, part), expected), part


def test_decay_moves_the_deviation_and_every_bias(scripted):
    after = []
    for decay in (0.5, 0.0):
        algorithm, config, state, batch = setting("bc", actor_weight_decay=decay)
        for _ in range(2):  # the first step of Adam has the size of its rate, whatever the gradient
            state, _ = update(algorithm, config, state, batch)
        after.append(state.networks.actor)
    assert after[0].log_std_logit is not None
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: not np.array_equal(a, b), *after)))


@pytest.mark.parametrize("name", ["awac", "sac"])
def test_all_losses_are_those_of_the_networks_before_the_step(name, scripted):
    """Adam's first moment is a tenth of the gradient that it saw: the one before any part moved, and no other."""
    algorithm, config, state, batch = setting(name, actor_weight_decay=0.0)
    after, metrics = update(algorithm, config, state, batch)
    for part, loss in learning_parts(algorithm).items():
        seen = jax.tree.map(lambda moment: 10 * moment, optax.tree_utils.tree_get(after.optimizers[part], "mu"))
        assert close(seen, gradient_at(loss, part, state, batch, config)), part
        value, _ = loss(getattr(state.networks, part), state.networks, batch, config, jax.random.PRNGKey(0))
        np.testing.assert_allclose(metrics[f"train/{part}_loss"], value, rtol=1e-5)
        if part == "actor":
            mixed = eqx.tree_at(lambda tree: tree.networks.critic, state, after.networks.critic)
            assert not close(seen, gradient_at(loss, part, mixed, batch, config)), "the critic's step must be felt"


@pytest.mark.parametrize("name", ["awac", "sac"])
def test_targets_start_as_copies_and_follow(name, scripted):
    algorithm = ALGORITHMS[name]
    config = algorithm.config(actor_hidden=HIDDEN, critic_hidden=HIDDEN, **RATES)
    fresh = initialize(algorithm, config, SIZES, jax.random.PRNGKey(1)).networks
    assert all(map(np.array_equal, jax.tree.leaves(fresh.target_critic), jax.tree.leaves(fresh.critic)))
    _, _, state, batch = setting(name)
    after = update(algorithm, config, state, batch)[0].networks
    expected = jax.tree.map(
        lambda old, new: 0.9 * np.float64(old) + 0.1 * np.float64(new), state.networks.target_critic, after.critic
    )
    assert close(after.target_critic, expected, atol=1e-6)


def test_polyak():
    found = polyak(Networks(critic=np.float32([1.0, 2.0])), Networks(critic=np.float32([3.0, -2.0])), 0.25)
    np.testing.assert_allclose(found.critic, [1.5, 1.0])


@pytest.mark.parametrize("name", ["awac", "sac"])
def test_time_outs_bootstrap_and_terminations_do_not(name, scripted):
    algorithm, config, state, batch = setting(name)

    def target_mean(**ends):
        ended = batch._replace(**{field: np.full(len(batch.rewards), value) for field, value in ends.items()})
        return update(algorithm, config, state, cast(ended, np.float32))[1]["train/target_mean"]

    running = target_mean(terminated=False, truncated=False)
    assert running == target_mean(terminated=False, truncated=True)
    np.testing.assert_allclose(target_mean(terminated=True, truncated=False), np.mean(batch.rewards), rtol=1e-5)
    assert abs(running - np.mean(batch.rewards)) > 0.01
