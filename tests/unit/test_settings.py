"""Settings at the ends of what they may be, and what is refused beyond: no run shall end without a policy."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from awac.algorithms import ALGORITHMS
from awac.config import defaults, from_older_json, to_json
from awac.errors import ConfigError, DivergedError
from awac.learner import Learner, prepare
from awac.runtime import Card
from tests.unit.test_learner import SAMPLING, SCALING, SMALL, data, learner

pytestmark = pytest.mark.usefixtures("quick_compilation")
CARD = Card(algorithm="a", environment="e", step=0)


@pytest.mark.parametrize(
    ("name", "setting", "value", "std"),
    [
        ("rebrac", "exploration_noise", 1.0, 1.0),
        ("rebrac", "exploration_noise", float(np.exp(-6.0)), float(np.exp(-6.0))),
        ("awr", "action_std", 1.0, 1.0),
        ("mpo", "initial_std", 1.0, None),
        ("dapg", "log_std_floor", -6.0, None),
        ("dapg", "log_std_floor", 0.0, None),
    ],
)
def test_a_deviation_at_the_end_of_its_range_is_a_number(name, setting, value, std):
    """The logit of an end is infinite, and no policy can be written with it."""
    made = learner(name, **{setting: value})
    sampling = SAMPLING._replace(newest=40) if name == "dapg" else SAMPLING
    made.update(2, sampling)
    _, deviations = made.policy(CARD).distribution(np.zeros((1, 3), np.float32))
    assert np.isfinite(deviations).all()
    if std is not None:
        np.testing.assert_allclose(deviations, std, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "setting", "value", "allowed"),
    [
        ("rebrac", "exploration_noise", 1.5, "e^-6 to 1"),
        ("awr", "action_std", 0.001, "e^-6 to 1"),
        ("mpo", "initial_std", 2.0, "e^-6 to 1"),
        ("dapg", "log_std_floor", -7.0, "-6 to 0"),
        ("brac", "initial_multiplier", 0.001, "e^-5 to e^10"),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(name, setting, value, allowed):
    with pytest.raises(ConfigError, match=rf"{setting} is {value}; allowed: {allowed}".replace("^", r"\^")):
        ALGORITHMS[name].config(**{setting: value})


def test_weight_decay_leaves_a_deviation_that_stays():
    made = learner("rebrac", exploration_noise=0.3, actor_weight_decay=1e-2)
    made.update(200, SAMPLING)
    _, deviations = made.policy(CARD).distribution(np.zeros((1, 3), np.float32))
    np.testing.assert_allclose(deviations, 0.3, rtol=1e-5)


@pytest.mark.parametrize("name", ["bc", "dapg"])
def test_a_method_without_critics_may_be_delayed(name):
    made = learner(name, actor_period=2)
    before = made.state()
    made.update(2, SAMPLING)
    assert any(not np.array_equal(before[part], after) for part, after in made.state().items() if "actor" in part)


def test_critics_of_sac_as_run_are_asked_for():
    with pytest.raises(ConfigError, match="critics is 0; allowed: 1 or more"):
        learner("sac_as_run", critics=0)


def test_the_last_update_of_an_interval_moves_all_parts():
    """Metrics are those of the last update; of a part that rests they would be zeros."""
    start = defaults("awac")
    delayed = dataclasses.replace(start.hyperparameters, actor_period=2)
    with pytest.raises(ConfigError, match=r"updates_per_step is 0.5, 25 updates per 50 steps; allowed: multi"):
        dataclasses.replace(start, hyperparameters=delayed, updates_per_step=0.5)
    dataclasses.replace(start, hyperparameters=delayed, updates_per_step=1.0)


def test_a_preset_may_have_a_name_of_ones_own():
    """It stands on the figures, and the run can be gone on with."""
    own = dataclasses.replace(defaults("sac"), preset="mine")
    values = to_json(own)
    del values["deadline"]
    assert from_older_json(values) == own
    with pytest.raises(ConfigError, match="algorithm is 'awaac'; allowed: abm, "):
        dataclasses.replace(own, algorithm="awaac")


def test_the_failing_batch_has_the_returns_that_it_failed_with():
    """They were computed once for the call, with the networks of its beginning."""
    awr = ALGORITHMS["awr"]

    def failing(actor, networks, batch, config, key):
        loss, metrics = awr.actor(actor, networks, batch, config, key)
        return jnp.where(networks.clock.step < 4, loss, jnp.nan), metrics

    algorithm = dataclasses.replace(awr, actor=failing)
    config = algorithm.config(**SMALL, momentum=None, critic_learning_rate=0.1)
    made, twin = (Learner(algorithm, config, SCALING, 0, capacity=50) for _ in range(2))
    for one in (made, twin):
        one.insert(data(40))
    buffer = prepare(algorithm, config, SAMPLING, twin._state, twin._buffer).buffer.data
    stored, returns = np.asarray(buffer.observations), np.asarray(buffer.returns)
    with pytest.raises(DivergedError, match="update 5 "):
        made.update(6, SAMPLING)
    batch = made.failing_batch(SAMPLING)
    rows = [int(np.flatnonzero((stored == row).all(axis=1))[0]) for row in batch["observations"]]
    np.testing.assert_array_equal(batch["returns"], returns[rows])


def test_samples_begin_anew_with_a_seed_of_their_own():
    observations = np.zeros((4, 3), np.float32)
    drawn = []
    for seed in (1, 1, 2):
        made = learner("awac")
        made.reseed(seed)
        drawn.append(made.act(observations))
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
