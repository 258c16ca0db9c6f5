"""The Sawyer arm and its tasks: controllers, delays, domain parameters, exact states, experts."""

import json
import os
import subprocess
import sys
import warnings

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from awac.envs import make, relabel, snapshot
from awac.envs.experts import Noisy, expert_of
from awac.envs.robot_task import PERIOD
from awac.envs.sawyer import CONTROLS, DOWN, Arm, add_arm, workbench
from awac.envs.sawyer_drawer import SPOOL, SawyerDrawer
from awac.envs.sawyer_push import FIELD, GOAL, HAND, PUCK, SawyerPush
from awac.errors import CheckpointError, ConfigError

TASKS = {"awac/SawyerPush-v0": (6, 2, 200), "awac/SawyerDrawer-v0": (4, 3, 60)}
NOISY = {"friction": 1.5, "mass": 0.7, "latency": 0.03, "action_delay": 0.08, "observation_noise": 0.002}


def play(env, act, seed, steps):
    """Observations, rewards and successes of an episode's first steps."""
    observation, info = env.reset(seed=seed)
    observations, rewards, successes = [observation], [], [info["success"]]
    for _ in range(steps):
        observation, reward, _, _, info = env.step(act(observation[None])[0])
        observations.append(observation)
        rewards.append(reward)
        successes.append(info["success"])
    return np.array(observations), np.array(rewards), np.array(successes)


def still(observations):
    return np.zeros((len(observations), 2), np.float32)


@pytest.mark.parametrize("control", CONTROLS)
def test_the_arm_goes_where_it_is_commanded(control):
    spec = workbench()
    add_arm(spec, control).add_site(name="tip", pos=[0, 0, 0.16])
    model = spec.compile()
    data = mujoco.MjData(model)
    arm = Arm(model, "tip", control)
    generator = np.random.default_rng(0)
    for _ in range(5):
        target = generator.uniform([-0.2, 0.45, 0.05], [0.2, 0.75, 0.3])
        arm.place(data, target)
        mujoco.mj_forward(model, data)
        np.testing.assert_allclose(arm.position(data), target, atol=2e-4)
        np.testing.assert_allclose(data.site("tip").xmat.reshape(3, 3), DOWN, atol=5e-3)
        for _ in range(10):
            target += generator.uniform(-0.02, 0.02, 3)
            arm.move(data, target)
            mujoco.mj_step(model, data, nstep=40)
            np.testing.assert_allclose(arm.position(data), target, atol=1e-2)


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("task", [SawyerPush, SawyerDrawer])
def test_check_env_passes(task, control):
    env = task(control=control)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*A Box observation space (maximum|minimum) value is")
        check_env(env, skip_render_check=True)


PICTURE = """
import json, sys, awac.envs
env = awac.envs.make(sys.argv[1], "rgb_array", width=160, height=120)
env.reset(seed=0)
first = env.render()
env.step(env.action_space.high)
print(json.dumps([first.shape, float(first.std()), int((env.render() != first).sum())]))
env.close()
"""


@pytest.mark.parametrize("env_id", TASKS)
def test_a_picture_shows_something_that_moves(env_id):
    command = [sys.executable, "-W", "error", "-c", PICTURE, env_id]
    result = subprocess.run(command, env={**os.environ, "MUJOCO_GL": "egl"}, capture_output=True, text=True, check=True)
    shape, contrast, changed = json.loads(result.stdout)
    assert shape == [120, 160, 3]
    assert contrast > 20
    assert changed > 100
    assert SawyerDrawer().render() is None


@pytest.mark.parametrize("env_id", TASKS)
def test_sizes_and_horizon(env_id):
    env = make(env_id)
    observation, action, steps = TASKS[env_id]
    assert (env.observation_space.shape, env.observation_space.dtype) == ((observation,), np.float32)
    assert (env.action_space.shape, env.spec.max_episode_steps) == ((action,), steps)
    assert env.metadata["render_fps"] * PERIOD == 1


@pytest.mark.parametrize("options", [{}, NOISY, {"control": "mocap"}])
@pytest.mark.parametrize("env_id", TASKS)
def test_a_seed_gives_the_same_episode_and_its_rewards_are_those_of_the_data(env_id, options):
    env = make(env_id, **options)
    first, again = (play(env, expert_of(env_id), 3, 20) for _ in range(2))
    other = play(make(env_id, **options), expert_of(env_id), 3, 20)
    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
    np.testing.assert_array_equal(relabel(env_id, **options)(first[0][1:]), first[1].astype(np.float32))


@pytest.mark.parametrize("options", [{}, {"domain": "friction=0.5:2 mass=0.5:2 latency=0:0.1", **NOISY}])
@pytest.mark.parametrize("env_id", TASKS)
def test_a_saved_state_goes_on_bit_by_bit(env_id, options):
    env, other, act = make(env_id, **options), make(env_id, **options), expert_of(env_id)
    play(env, act, 5, 22)
    saved = snapshot.capture(env)
    observation = env.step(env.action_space.low)[0]
    play(other, act, 6, 3)
    snapshot.restore(other, saved)
    assert other.unwrapped.domain == env.unwrapped.domain
    np.testing.assert_array_equal(other.step(env.action_space.low)[0], observation)
    for _ in range(15):
        action = act(observation[None])[0]
        observation = env.step(action)[0]
        np.testing.assert_array_equal(other.step(action)[0], observation)
    np.testing.assert_array_equal(env.reset()[0], other.reset()[0])


def test_a_state_without_its_domain_is_refused():
    env = SawyerDrawer()
    state = {name: values for name, values in env.get_state().items() if name != "domain"}
    with pytest.raises(CheckpointError, match="holds no domain parameters"):
        env.set_state(state)


@pytest.mark.parametrize(
    ("env_id", "noise", "steps", "least"),
    [
        ("awac/SawyerPush-v0", 0.0, 60, 8),
        ("awac/SawyerPush-v0", 0.3, 60, 8),
        ("awac/SawyerDrawer-v0", 0.0, 45, 8),
        ("awac/SawyerDrawer-v0", 0.1, 50, 8),
        ("awac/SawyerDrawer-v0", 0.6, 45, 0),
    ],
)
def test_experts_solve_their_tasks(env_id, noise, steps, least):
    env = make(env_id)
    act = Noisy(expert_of(env_id), noise, np.random.default_rng(0))
    solved = sum(play(env, act, seed, steps)[2][-1] for seed in range(8))
    assert solved >= least
    assert noise < 0.5 or solved < 6  # graded data: more noise, less success


def test_a_task_without_expert_and_a_negative_noise_are_refused():
    with pytest.raises(ConfigError, match=r"PointMass-v0 has no scripted expert; .*awac/SawyerDrawer-v0"):
        expert_of("awac/PointMass-v0")
    with pytest.raises(ConfigError, match=r"noise is -0\.1; allowed: 0 or more"):
        Noisy(still, -0.1, np.random.default_rng(0))


def test_push_follows_the_conventions_of_goal_environments():
    env = gymnasium.make("awac/SawyerPush-v0")
    rows = [env.reset(seed=seed)[0] for seed in range(30)]
    observation, reward, terminated, truncated, info = env.step(np.ones(2, np.float32))
    goals = observation["achieved_goal"], observation["desired_goal"]
    task = env.unwrapped
    assert reward == task.compute_reward(*goals, info) == -info["distance"]
    assert terminated == task.compute_terminated(*goals, info) == truncated == task.compute_truncated(*goals, info)
    achieved, desired = (np.array([row[name] for row in rows]) for name in ("achieved_goal", "desired_goal"))
    np.testing.assert_allclose(task.compute_reward(achieved, desired, {}), -np.linalg.norm(achieved - desired, axis=1))
    assert task.compute_terminated(achieved, desired, {}).shape == (30,)
    assert ((desired >= FIELD[0] - 1e-6) & (desired <= FIELD[1] + 1e-6)).all()
    np.testing.assert_allclose(desired.max(axis=0) - desired.min(axis=0), [0.4, 0.2], atol=0.05)
    assert all(np.linalg.norm(row["observation"][PUCK] - row["observation"][HAND]) > 0.05 for row in rows)


def test_the_flat_observation_of_push_is_observation_and_goal():
    flat, _ = make("awac/SawyerPush-v0").reset(seed=1)
    parts, _ = gymnasium.make("awac/SawyerPush-v0").reset(seed=1)
    np.testing.assert_array_equal(flat, np.concatenate([parts["observation"], parts["desired_goal"]]))
    np.testing.assert_array_equal(flat[PUCK], parts["achieved_goal"])
    np.testing.assert_array_equal(flat[GOAL], parts["desired_goal"])


def test_an_action_moves_the_hand_by_two_centimetres():
    env = make("awac/SawyerPush-v0", hand_start="fixed")
    before, _ = env.reset(seed=0)
    after, *_ = env.step(np.array([1.0, -0.5], np.float32))
    np.testing.assert_allclose(after[HAND] - before[HAND], [0.02, -0.01], atol=4e-3)


def test_the_puck_stays_where_the_hand_gets_behind_it():
    env = make("awac/SawyerPush-v0", max_episode_steps=1000)
    observation, _ = env.reset(seed=0)
    for target in ([0.4, 0.6], [-0.4, 0.6], [0.0, 1.0], [0.0, 0.2]):  # goals that nobody reaches
        for _ in range(80):
            observation = np.concatenate([observation[:4], target]).astype(np.float32)
            observation, *_ = env.step(expert_of("awac/SawyerPush-v0")(observation[None])[0])
        assert (observation[PUCK] > FIELD[0] - 0.02).all()
        assert (observation[PUCK] < FIELD[1] + 0.02).all()


def test_the_drawer_is_open_beyond_fifteen_centimetres():
    env = SawyerDrawer()
    env.reset(seed=0)
    assert env.judge(np.array([0, 0, 0, 15.0], np.float32)) == (-1.0, {"success": False})
    assert env.judge(np.array([0, 0, 0, 15.01], np.float32)) == (0.0, {"success": True})
    np.testing.assert_allclose(15 * SPOOL, 0.15)


def test_the_hook_must_be_inserted():
    env = make("awac/SawyerDrawer-v0")
    observation, _ = env.reset(seed=0)
    for _ in range(60):  # straight back, in front of the bar: nothing to pull at
        observation, *_ = env.step(np.array([0, -1, -0.5], np.float32))
    assert observation[3] < 0.5


def test_latency_and_delay_shift_what_is_seen():
    """With all of one period of latency, an observation is the one that a step earlier would have been."""
    plain, late, slow = (make("awac/SawyerPush-v0", **{name: PERIOD} if name else {}) for name in (
        None, "latency", "action_delay"
    ))  # fmt: skip
    generator = np.random.default_rng(0)
    actions = generator.uniform(-1, 1, (12, 2)).astype(np.float32)
    tables = [[env.reset(seed=0)[0], *(env.step(action)[0] for action in actions)] for env in (plain, late, slow)]
    np.testing.assert_array_equal(tables[1][1:], tables[0][:-1])
    np.testing.assert_allclose(tables[2][2][HAND], tables[0][1][HAND], atol=1e-4)
    np.testing.assert_allclose(tables[2][1][HAND], tables[2][0][HAND], atol=1e-3)


def test_domain_parameters_change_the_physics_and_can_be_undone():
    env = SawyerPush()
    env.reset(seed=0)
    nominal = env.model.body("puck").mass.copy(), env.model.joint("puck_x").frictionloss.copy()
    env.set_domain(mass=2, friction=3)
    assert env.model.body("puck").mass == 2 * nominal[0]
    assert env.model.joint("puck_x").frictionloss == 3 * nominal[1]
    env.set_domain(mass=1, friction=1)
    assert (env.model.body("puck").mass, env.model.joint("puck_x").frictionloss) == nominal


def test_noise_disturbs_what_is_measured_and_not_the_goal():
    clean, noisy = SawyerPush(), SawyerPush(observation_noise=0.01)
    one, two = clean.reset(seed=0)[0], noisy.reset(seed=0)[0]
    np.testing.assert_array_equal(one["desired_goal"], two["desired_goal"])
    difference = two["observation"] - one["observation"]
    assert (difference != 0).all()
    assert np.abs(difference).max() < 0.05
    np.testing.assert_array_equal(two["achieved_goal"], two["observation"][PUCK])


def test_randomisation_draws_inside_the_ranges_anew_for_each_episode():
    env = make("awac/SawyerDrawer-v0", domain="mass=0.5:2 latency=0.02")
    drawn = []
    for seed in (0, None, None, 0):
        env.reset(seed=seed)
        drawn.append(env.unwrapped.domain)
    assert drawn[0] == drawn[3]
    assert len({domain.mass for domain in drawn}) == 3
    assert all(0.5 <= domain.mass <= 2 and domain.latency == 0.02 and domain.friction == 1 for domain in drawn)
