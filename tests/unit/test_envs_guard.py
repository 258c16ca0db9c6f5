"""Guard: each way an environment can break its own spaces, each way an action can, and when it is too often."""

import logging

import gymnasium
import numpy as np
import pytest

from awac.envs import BadTransition, Guard, make
from awac.envs.guard import FaultBudget
from awac.errors import DivergedError, EnvironmentFault

GOOD = np.zeros(3, np.float32)
ACTION = np.zeros(2, np.float32)


class Scripted(gymnasium.Env):
    """Returns whatever it is told to."""

    def __init__(self):
        self.observation_space = gymnasium.spaces.Box(-1, 1, (3,), np.float32)
        self.action_space = gymnasium.spaces.Box(np.float32([-1, -2]), np.float32([1, 2]), dtype=np.float32)
        self.on_reset = (GOOD, {})
        self.on_step = (GOOD, 0.0, False, False, {})

    def reset(self, *, seed=None, options=None):
        return self.answer(self.on_reset)

    def step(self, action):
        return self.answer(self.on_step)

    def answer(self, value):
        if isinstance(value, Exception):
            raise value
        return value


@pytest.fixture
def env():
    guard = Guard(Scripted())
    guard.reset()
    return guard


def step(observation=GOOD, reward=0.0, terminated=False, truncated=False, info=None):
    return (observation, reward, terminated, truncated, {} if info is None else info)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (step([0.0, 0.0, 0.0]), "observation is list"),
        (step(np.zeros(4, np.float32)), r"observation has shape \(4,\), expected \(3,\)"),
        (step(np.zeros(3, np.float64)), "observation has dtype float64, expected float32"),
        (step(np.float32([0, np.nan, 0])), r"observation\[1\] is nan, expected a finite float32"),
        (step(np.float32([0, 0, -np.inf])), r"observation\[2\] is -inf"),
        (step(reward=np.nan), "reward is float nan, expected one finite number"),
        (step(reward=1e39), "reward is float 1e"),
        (step(reward=np.zeros(1)), r"reward is ndarray array\(\[0.\]\)"),
        (step(reward="1"), "reward is str '1'"),
        (step(reward=10**400), "reward is int 1000"),
        (step(info={"success": np.nan}), r"info\['success'\] is nan; allowed: one truth value"),
        (step(terminated=0), "terminated is int 0, expected True or False"),
        (step(truncated=None), "truncated is NoneType None"),
        (step(info=[]), "info is list"),
        (GOOD, "returned ndarray"),
        (step()[:4], r"expected \(observation, reward, terminated, truncated, info\)"),
        (ZeroDivisionError("in the simulator"), r"raised ZeroDivisionError\('in the simulator'\)"),
    ],
)
def test_a_bad_step_is_refused_and_named(env, result, message):
    env.step(ACTION)
    env.env.on_step = result
    with pytest.raises(BadTransition, match=f"^Scripted, step 2 of episode 0:.*{message}"):
        env.step(ACTION)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ((np.float32([0, 0, np.nan]), {}), r"observation\[2\] is nan"),
        ((GOOD, None), "info is NoneType"),
        (GOOD, r"expected \(observation, info\)"),
        (RuntimeError("no robot"), "raised RuntimeError"),
    ],
)
def test_a_bad_reset_is_refused_and_named(env, result, message):
    env.env.on_reset = result
    with pytest.raises(BadTransition, match=f"^Scripted, reset of episode 1:.*{message}"):
        env.reset()


def test_what_float32_cannot_hold_is_not_finite():
    scripted = Scripted()
    scripted.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float64)
    scripted.on_reset = (np.array([0.0, 1e39, 0.0]), {})
    with pytest.raises(BadTransition, match=r"observation\[1\] is 1e\+39"):
        Guard(scripted).reset()


def test_infinity_is_not_finite_in_float16_either():
    scripted = Scripted()
    scripted.observation_space = gymnasium.spaces.Box(-1, 1, (3,), np.float16)
    scripted.on_reset = (np.array([0, 0, np.inf], np.float16), {})
    with pytest.raises(BadTransition, match=r"observation\[2\] is inf"):
        Guard(scripted).reset()


def test_numpy_scalars_are_fine(env):
    env.env.on_step = (GOOD, np.float64(1.0), np.bool_(True), np.False_, {})
    assert env.step(ACTION)[1:4] == (1.0, True, False)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_action_that_is_not_finite_is_the_policys_fault(env, value):
    with pytest.raises(DivergedError, match=r"policy's action\[1\]"):
        env.step(np.float32([0.0, value]))


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.float32([0.0, 2.1]), r"action\[1\] is 2.0999999.*allowed is \[-2.0, 2.0\]"),
        (np.float32([-1.5, 0.0]), r"action\[0\] is -1.5"),
        (np.float32([0.0]), r"is not an array of shape \(2,\)"),
    ],
)
def test_an_action_out_of_bounds_never_arrives(env, action, message):
    env.env.on_step = AssertionError("it arrived")
    with pytest.raises(ValueError, match=message):
        env.step(action)


def test_a_frozen_observation_is_found_where_asked_for():
    guard = Guard(Scripted(), stale_after=3)
    guard.reset()
    guard.step(ACTION)
    guard.step(ACTION)
    with pytest.raises(BadTransition, match="observation has not changed for 3 steps"):
        guard.step(ACTION)
    guard.reset()
    guard.step(ACTION)


def test_an_observation_changed_in_place_counts_as_changed():
    guard = Guard(Scripted(), stale_after=1)
    guard.env.on_reset = guard.env.on_step = None
    buffer = np.zeros(3, np.float32)
    guard.env.on_reset, guard.env.on_step = (buffer, {}), step(buffer)
    guard.reset()
    for _ in range(3):
        buffer += 1e-3
        guard.step(ACTION)


def test_make_passes_the_option_on():
    env = make("awac/PointMass-v0", stale_after=2)
    env.reset(options={"position": (1.0, 1.0)})
    env.step(np.ones(2, np.float32))
    with pytest.raises(BadTransition, match="awac/PointMass-v0, step 2 of episode 0: observation has not changed"):
        env.step(np.ones(2, np.float32))


def test_five_faults_in_a_row_are_too_many(caplog):
    budget = FaultBudget(steps=10**6)
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            budget.fault(BadTransition("broken"))
        with pytest.raises(EnvironmentFault, match="5 failures in a row; the last one: broken") as caught:
            budget.fault(BadTransition("broken"))
    assert caught.value.exit_code == 5
    assert len(caplog.records) == 5


@pytest.mark.parametrize(("steps", "allowed"), [(0, 5), (400, 5), (10_000, 101)])
def test_more_than_one_percent_is_too_many(steps, allowed):
    budget = FaultBudget(steps)
    for _ in range(allowed):
        budget.fault(BadTransition("broken"))
        budget.good_step()
        budget.steps -= 1
    with pytest.raises(EnvironmentFault, match="more than 1%"):
        budget.fault(BadTransition("broken"))


def test_a_good_step_ends_the_row():
    budget = FaultBudget(steps=10_000)
    for _ in range(20):
        budget.fault(BadTransition("broken"))
        budget.good_step()
    assert (budget.faults, budget.in_a_row) == (20, 0)
