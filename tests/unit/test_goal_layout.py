"""What a task says of its goals: where they stand, how they are paid and drawn."""

from functools import cache

import gymnasium
import numpy as np
import pytest

import awac.envs
from awac.envs import GoalLayout
from awac.errors import ConfigError


@cache
def pusher():
    return gymnasium.make("awac/SawyerPush-v0").unwrapped


def test_the_layout_of_the_pusher_is_that_of_its_observation():
    env, layout = awac.envs.make("awac/SawyerPush-v0"), awac.envs.goal_layout(pusher())
    goals = []
    for seed in range(20):
        parts, _ = pusher().reset(seed=seed)
        flat, _ = env.reset(seed=seed)
        np.testing.assert_array_equal(flat[list(layout.achieved)], parts["achieved_goal"])
        np.testing.assert_array_equal(flat[list(layout.desired)], parts["desired_goal"])
        goals.append(parts["desired_goal"])
        achieved, desired = flat[list(layout.achieved)], np.mean([layout.low, layout.high], axis=0)
        following = np.concatenate([flat[:4], desired]).astype(np.float32)
        paid = pusher().compute_reward(achieved, desired.astype(np.float32), {})
        np.testing.assert_allclose(awac.envs.relabel("awac/SawyerPush-v0")(following), paid, rtol=1e-6)
    assert np.all((np.array(goals) >= np.float32(layout.low)) & (np.array(goals) <= np.float32(layout.high)))
    env.close()


class Task(gymnasium.Env):
    """A user's own, whose options decide."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, radius=0.1):
        pass

    @staticmethod
    def goal_layout(radius=0.1):
        return GoalLayout((0,), (1,), (0.0,), (1.0,), "binary", radius)


def make_task(**options):
    return gymnasium.wrappers.TimeLimit(Task(**options), 10)


def make_other(noise):
    return Task()


class Wrong(Task):
    """Says it by another type."""

    @staticmethod
    def goal_layout():
        return {"achieved": (0,)}


@pytest.mark.parametrize("isolate", [False, True])
@pytest.mark.parametrize("name", ["Task", "make_task"])
def test_a_users_own_task_says_it_too_behind_a_function_and_in_a_process_of_its_own(name, isolate):
    options = {"radius": 0.2, "max_episode_steps": 7}
    env = awac.envs.make(f"tests.unit.test_goal_layout:{name}", isolate=isolate, deadline=60.0, **options)
    assert awac.envs.goal_layout(env).radius == 0.2
    assert awac.envs.goal_layout(env.unwrapped, **options).radius == 0.2
    env.close()


def test_tasks_that_do_not_say_it():
    for env_id in ("awac/PenBinary-v0", "HalfCheetah-v5"):
        assert awac.envs.goal_layout(awac.envs.make(env_id)) is None


def test_layouts_that_cannot_be_read():
    env = awac.envs.make(f"{__name__}:make_other", noise=0.1)
    with pytest.raises(ConfigError, match=r"Task.goal_layout was given the options \{'noise': 0.1\}"):
        awac.envs.goal_layout(env, noise=0.1)
    with pytest.raises(ConfigError, match=r"Wrong.goal_layout returns dict; allowed: awac.envs.GoalLayout"):
        awac.envs.goal_layout(awac.envs.make(f"{__name__}:Wrong"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"achieved": (), "desired": ()}, r"achieved is \(\); allowed: one number per goal column"),
        ({"desired": (2, 3)}, r"desired is \(2, 3\); allowed: one number per goal column"),
        ({"achieved": (-1,)}, "allowed: 0 or more"),
        ({"low": (2.0,)}, r"the box is \(2.0,\) to \(1.0,\); allowed: finite"),
        ({"high": (float("nan"),)}, "allowed: finite, low up to high"),
        ({"reward": "sparse"}, "reward is 'sparse'; allowed: 'distance', 'binary'"),
        ({"reward": "binary"}, "radius is None; allowed where it decides: more than 0"),
        ({"ends_at_goal": True, "radius": 0.0}, "radius is 0.0"),
    ],
)
def test_impossible_layouts(changes, message):
    with pytest.raises(ConfigError, match=message):
        GoalLayout(**{"achieved": (0,), "desired": (1,), "low": (0.0,), "high": (1.0,), **changes})
