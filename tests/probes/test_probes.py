"""Every method learns every process: Q to its analytic value, the policy to what the method's row of Figure 8 says."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from awac.algorithm import initialize
from awac.algorithms import ALGORITHMS
from awac.data.buffer import create, insert
from awac.learner import Sampling, choose, run_updates
from awac.networks import Sizes
from awac.returns import ValueFunction
from tests.probes.processes import ACTIONS, BEFORE, BOTH, DISCOUNT, HIGH, LOW, PROCESSES, played

CALLS, UPDATES = 16, 50  # what is computed once per call, such as returns, is computed 16 times
ROUNDS, COPIES = 80, 8  # of play between two updates, for methods that learn from their own policy alone
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
    # its policy goes round its saddle point by .1; the running average is the point
    "algae_dice": (
        "algae_dice",
        {
            "regularization": 0.01,
            "initial_temperature": 1e-4,
            "dual_learning_rate": 0.0,
            "actor_average_rate": 0.01,
        },
    ),
    "mpo": (
        "mpo",
        {"initial_std": 0.3, "mean_bound": 0.05, "initial_temperature": 1.0, "dual_learning_rate": 0.03},
    ),
    "mpo_as_printed": ("mpo_as_run", {"through_samples": False, "baseline": False}),
    "abm": ("abm", {"behavior_learning_rate": 3e-3, "temperature": 1.0}),
    "abm_as_run": ("abm_as_run", {"temperature": 1.0}),
    "cql": ("cql", {"initial_temperature": 0.01, "dual_learning_rate": 0.0, "conservative_weight": 0.02}),
    "cal_ql": ("cal_ql", {"initial_temperature": 0.01, "dual_learning_rate": 0.0, "conservative_weight": 0.02}),
    "rlpd": ("rlpd", {"entropy_backup": False, "initial_temperature": 0.001, "dual_learning_rate": 0.0}),
    "rebrac": ("rebrac", {"q_normalization": False, "actor_penalty": 2.0, "critic_penalty": 0.0, "actor_period": 1}),
    "wsrl": (
        "wsrl",
        {"initial_temperature": 0.01, "dual_learning_rate": 0.0, "conservative_weight": 0.02, "critics": 4},
    ),
    "marwil": ("marwil", {"dual_learning_rate": 0.03, "initial_square": 1.0}),
    # a perturbation as wide as the action space: the model of the data proposes, and holds nothing back
    "bcq": ("bcq", {"behavior_hidden": (32, 32), "perturbation": 2.0}),
    "bear": ("bear", {"behavior_hidden": (32, 32), "warm_start": 0, "threshold": 10.0, "dual_learning_rate": 0.03}),
    # the multiplier at its floor: nothing holds the policy back, nor is anything taken from Q
    "brac": ("brac", {"warm_start": 0, "initial_multiplier": math.exp(-5.0)}),
    # without its addition to the reward, which the oracle tests, Q is that of the process
    "brac_as_run": ("brac_as_run", {"reward_weight": 0.0, "advantage_clip": None}),
    "sac_bc": (
        "sac_bc",
        {
            "entropy_backup": False,
            "initial_temperature": 1e-4,
            "dual_learning_rate": 0.0,
            "likelihood": "squared_error",
            "cloning_weight": 2.0,
            "actor_learning_rate": 1e-3,
        },
    ),
}


def data_mean(slope, config):
    """The mean of the uniform policy that made the data."""
    return (LOW + HIGH) / 2


def tilted_mean(slope, temperature):
    """The mean of the uniform policy times exp(slope * action / temperature), for a reward with that slope."""
    if slope == 0:
        return (LOW + HIGH) / 2
    half, rate = (HIGH - LOW) / 2, slope / temperature
    return (LOW + HIGH) / 2 + half / np.tanh(rate * half) - 1 / rate


def weighted_mean(slope, config):
    return tilted_mean(slope, config.temperature)


def cloned_best(slope, config):
    """Where slope * action - weight * (action - mean)^2 is largest: the data's mean, drawn towards the reward."""
    return np.clip(data_mean(slope, config) + slope / (2 * config.cloning_weight), -1, 1)


def penalised_best(slope, config):
    """Where slope * action - penalty * (action - mean)^2 is largest."""
    return data_mean(slope, config) + slope / (2 * config.actor_penalty)


def best(slope, config):
    """The bound of the action space, where the reward has a slope at all."""
    return np.sign(slope) if slope else None


def best_of_data(slope, config):
    """The best action that the data have: where they have none, a visit costs without limit."""
    return {1: HIGH, -1: LOW}.get(np.sign(slope))


POLICIES = {"D(pi_beta||pi)": data_mean, "D(Qbar||pi)": weighted_mean, "D(pi||Qbar)": best, "Mixed": cloned_best}
POLICIES |= {"J(pi)": best}
SPREAD = np.std(np.linspace(LOW, HIGH, ACTIONS))  # of the advantages, where the reward is the action or minus it
# samples of its unsquashed policy leave [-1, 1], where no data hold the critic that bootstraps from them
TOLERANCES = {"sac_as_run": 0.1}
# where the row does not say enough
OWN = {
    "algae_dice": best_of_data,
    "abm": best_of_data,
    "cql": best_of_data,
    "cal_ql": best_of_data,
    "wsrl": best_of_data,
    "rebrac": penalised_best,
    "mpo": best,
    "mpo_as_run": lambda slope, config: 0.0,  # where it began: its gradient is zero in the mean
    "mpo_as_printed": best,
    "awr": lambda slope, config: tilted_mean(slope, config.temperature * SPREAD),
    "marwil": lambda slope, config: tilted_mean(slope, SPREAD / config.advantage_scale),
}
# a critic that is lower where the policy acts, by alpha times the ratio of visits; critics that fall where data end
ON_AVERAGE = {"algae_dice", "cql", "cal_ql", "wsrl"}


def state_values(process):
    """V of every transition's observation under the data's policy: what critics that never see an action learn."""
    before = process.data.observations[:, 0] == BEFORE[0]
    return np.where(before, process.values[before].mean(), process.values[~before].mean())


def averaged(values):
    """The mean over the actions of each observation; transitions stand in turn."""
    return np.reshape(values, (*np.shape(values)[:-1], ACTIONS, 2)).mean(axis=-2)


def learn(name, process, calls=CALLS, **others):
    """The networks after some hundred updates."""
    owner, changes = SETTINGS[name]
    algorithm = ALGORITHMS[owner]
    config = algorithm.config(**(SMALL | changes | others))
    sizes = Sizes(observation=2, action=1)
    state = initialize(algorithm, config, sizes, jax.random.PRNGKey(0))
    buffer = insert(create(process.data.size, sizes), process.data)
    for _ in range(calls):
        state, _ = run_updates(algorithm, config, Sampling(batch_size=64), UPDATES, state, buffer)
    for number in range(ROUNDS if algorithm.on_policy else 0):
        own = played(process, policy_of(algorithm, config, state.networks, number), COPIES).data
        buffer = insert(buffer, own) if number else insert(create(2 * own.size, sizes), own)
        state, _ = run_updates(algorithm, config, Sampling(batch_size=16, newest=own.size), 1, state, buffer)
    return algorithm, config, state.networks


def policy_of(algorithm, config, networks, seed):
    """Samples of the policy, in NumPy."""
    key = jax.random.PRNGKey(seed)
    return lambda observations: np.array(choose(algorithm, config, False, networks, jnp.asarray(observations), key))


def actions_at(algorithm, config, networks):
    found = choose(algorithm, config, True, networks, jnp.asarray(BOTH, jnp.float32), jax.random.PRNGKey(0))
    return np.asarray(found)[:, 0]


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.parametrize("name", SETTINGS)
def test_probe(name, process):
    algorithm, config, networks = learn(name, process)
    if algorithm.on_policy:
        process = played(process, policy_of(algorithm, config, networks, ROUNDS), COPIES)
    if isinstance(networks.critic, ValueFunction):
        found = networks.critic(jnp.asarray(process.data.observations))
        np.testing.assert_allclose(found, state_values(process), atol=0.05)
    elif networks.critic is not None:
        found = networks.critic(jnp.asarray(process.data.observations), jnp.asarray(process.data.actions))
        expected = np.broadcast_to(process.values, found.shape)
        if algorithm.name in ON_AVERAGE:
            found, expected = averaged(found), averaged(expected)
        np.testing.assert_allclose(found, expected, atol=TOLERANCES.get(name, 0.03))
    expected_at = OWN.get(name, POLICIES.get(algorithm.row.policy_objective))
    for action, slope in zip(actions_at(algorithm, config, networks), process.slopes.values(), strict=True):
        expected = expected_at(slope, config)
        if expected is not None:
            np.testing.assert_allclose(action, expected, atol=0.05)


def test_clone_has_the_deviation_of_the_data():
    """The likelihood fits the width of the data's policy too."""
    _, _, networks = learn("bc", PROCESSES["constant_reward"], calls=12 * CALLS)
    found = jnp.exp(networks.actor(jnp.asarray(BOTH, jnp.float32)).log_std)
    np.testing.assert_allclose(found, (HIGH - LOW) / np.sqrt(12), rtol=0.1)


def test_the_critic_of_algae_dice_is_low_by_its_regularisation(monkeypatch):
    """Where every transition ends, the derivative by the critic's bias says: mean residual = (1 - gamma) alpha."""
    settings = {"regularization": 0.4, "initial_temperature": 1e-4, "dual_learning_rate": 0.0}
    monkeypatch.setitem(SETTINGS, "strong", ("algae_dice", settings))
    process = PROCESSES["reward_of_the_observation"]
    _, _, networks = learn("strong", process)
    found = networks.critic(jnp.asarray(process.data.observations), jnp.asarray(process.data.actions))
    low = (1 - DISCOUNT) * settings["regularization"]
    np.testing.assert_allclose(averaged(found), np.broadcast_to(averaged(process.values) - low, (2, 2)), atol=0.05)


def test_calibrated_values_stay_on_the_scale_of_the_returns():
    """Where the data have no action, a conservative critic falls and goes on falling; a calibrated one stays near R."""
    process, unseen = PROCESSES["constant_reward"], jnp.full((2, 1), -1.0)
    found = {name: learn(name, process)[2].critic(jnp.asarray(BOTH, jnp.float32), unseen) for name in ("cql", "cal_ql")}
    assert np.all(found["cql"] < 0.6)
    assert np.all(found["cal_ql"] > 0.8)


def test_bear_stays_near_the_data_where_its_constraint_binds():
    """The probe of BEAR leaves it free and it goes to the bounds; a small threshold keeps it where the data are."""
    found = actions_at(*learn("bear", PROCESSES["reward_of_both"], threshold=0.1, kernel_width=1.0))
    assert np.all(np.abs(found) < 0.9)


def test_the_penalty_of_a_critic_is_felt_one_step_before(monkeypatch):
    """Q(s, a) = r + gamma (1 - beta (pi(s') - a')^2), where a' is what the data did next: here a itself."""
    settings = {"actor_penalty": 1.0, "critic_penalty": 0.5, "target_noise": 0.0, "actor_period": 1}
    monkeypatch.setitem(SETTINGS, "penalised", ("rebrac", settings))
    process = PROCESSES["two_steps"]
    _, config, networks = learn("penalised", process)
    first = process.data.observations[:, 0] == BEFORE[0]
    actions = process.data.actions[first]
    found = networks.critic(jnp.asarray(process.data.observations[first]), jnp.asarray(actions))
    penalty = config.critic_penalty * np.square(data_mean(0.0, config) - actions[:, 0])
    np.testing.assert_allclose(found, np.broadcast_to(DISCOUNT * (1 - penalty), found.shape), atol=0.03)
