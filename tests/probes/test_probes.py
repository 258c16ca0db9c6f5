"""Every method learns every process: Q to its analytic value, the policy to what the method's row of Figure 8 says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from awac.algorithm import initialize
from awac.algorithms import ALGORITHMS
from awac.data.buffer import create, insert
from awac.learner import Sampling, choose, run_updates
from awac.networks import Sizes
from tests.probes.processes import BOTH, DISCOUNT, HIGH, LOW, PROCESSES

UPDATES = 800
SMALL = {
    "actor_hidden": (32, 32),
    "critic_hidden": (32, 32),
    "discount": DISCOUNT,
    "target_rate": 0.05,
    "actor_learning_rate": 3e-3,
    "critic_learning_rate": 3e-3,
    "actor_weight_decay": 0.0,
}
# a method that needs nothing here is probed as it is; a line for each setting that is worth its own probe
SETTINGS = {name: (name, {}) for name in ALGORITHMS} | {
    "awac": ("awac", {"temperature": 0.5}),
    "awac_authors": ("awac", {"temperature": 0.5, "weighting": "softmax", "value": "mean_action"}),
    "sac": ("sac", {"entropy_backup": False, "initial_temperature": 0.01, "dual_learning_rate": 0.0}),
}


def data_mean(slope, config):
    """The mean of the uniform policy that made the data."""
    return (LOW + HIGH) / 2


def weighted_mean(slope, config):
    """The mean of the uniform policy times exp(slope * action / temperature), for a reward with that slope."""
    if slope == 0:
        return data_mean(slope, config)
    half, rate = (HIGH - LOW) / 2, slope / config.temperature
    return (LOW + HIGH) / 2 + half / np.tanh(rate * half) - 1 / rate


def best(slope, config):
    """The bound of the action space, where the reward has a slope at all."""
    return np.sign(slope) if slope else None


POLICIES = {"D(pi_beta||pi)": data_mean, "D(Qbar||pi)": weighted_mean, "D(pi||Qbar)": best}


def learn(name, process, calls=1):
    """The networks after some hundred updates, as often as there are calls."""
    owner, changes = SETTINGS[name]
    algorithm = ALGORITHMS[owner]
    config = algorithm.config(**SMALL, **changes)
    sizes = Sizes(observation=2, action=1)
    state = initialize(algorithm, config, sizes, jax.random.PRNGKey(0))
    buffer = insert(create(process.data.size, sizes), process.data)
    for _ in range(calls):
        state, _ = run_updates(algorithm, config, Sampling(batch_size=64), UPDATES, state, buffer)
    return algorithm, config, state.networks


def actions_at(algorithm, config, networks):
    found = choose(algorithm, config, True, networks, jnp.asarray(BOTH, jnp.float32), jax.random.PRNGKey(0))
    return np.asarray(found)[:, 0]


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.parametrize("name", SETTINGS)
def test_probe(name, process):
    algorithm, config, networks = learn(name, process)
    if networks.critic is not None:
        found = networks.critic(jnp.asarray(process.data.observations), jnp.asarray(process.data.actions))
        np.testing.assert_allclose(found, np.broadcast_to(process.values, found.shape), atol=0.03)
    expected_at = POLICIES[algorithm.row.policy_objective]
    for action, slope in zip(actions_at(algorithm, config, networks), process.slopes.values(), strict=True):
        expected = expected_at(slope, config)
        if expected is not None:
            np.testing.assert_allclose(action, expected, atol=0.05)


def test_clone_has_the_deviation_of_the_data():
    """The likelihood fits the width of the data's policy too."""
    _, _, networks = learn("bc", PROCESSES["constant_reward"], calls=12)
    found = jnp.exp(networks.actor(jnp.asarray(BOTH, jnp.float32)).log_std)
    np.testing.assert_allclose(found, (HIGH - LOW) / np.sqrt(12), rtol=0.1)
