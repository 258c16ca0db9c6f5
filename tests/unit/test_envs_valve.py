"""The claw and its valve: what is observed and paid, where episodes begin, what options do, that it can be solved."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from awac.envs import make, relabel, snapshot
from awac.envs.claw_valve import REACH, RESET_POSE, ClawValve, angle_error
from awac.envs.experts import Noisy, expert_of
from awac.errors import ConfigError

ENV = "awac/ClawValve-v0"


def play(env, act, seed):
    """Observations, rewards, infos of one episode."""
    observation, info = env.reset(seed=seed)
    observations, rewards, infos, over = [observation], [], [info], False
    while not over:
        observation, reward, terminated, over, info = env.step(act(observation[None])[0])
        assert terminated is False
        observations.append(observation)
        rewards.append(reward)
        infos.append(info)
    return np.stack(observations), np.array(rewards), infos


def uniform(seed):
    generator = np.random.default_rng(seed)
    return lambda observations: generator.uniform(-1, 1, (len(observations), 9)).astype(np.float32)


# Positions and angles have no bounds worth declaring.
@pytest.mark.filterwarnings("ignore:.*A Box observation space m")
def test_gymnasium_accepts_it():
    check_env(ClawValve(), skip_render_check=True)


def test_what_is_observed():
    env = make(ENV)
    observation, info = env.reset(seed=0)
    np.testing.assert_allclose(observation[:9], RESET_POSE, rtol=1e-6)
    np.testing.assert_allclose(observation[9:18] * REACH, RESET_POSE, rtol=1e-6)
    np.testing.assert_allclose(observation[20:], [-1, 0], atol=1e-6)
    assert abs(np.arctan2(observation[19], observation[18])) <= 0.05
    assert info["success"] is False
    action = np.linspace(-1, 1, 9, dtype=np.float32)
    np.testing.assert_array_equal(env.step(action)[0][9:18], action)


def test_servos_go_where_they_are_told_and_the_claw_stays_clear_of_a_valve_it_does_not_touch():
    env = make(ENV)
    env.reset(seed=0)
    target = (RESET_POSE + np.tile([0.2, 0.1, -0.1], 3)) / REACH
    for _ in range(15):
        observation = env.step(target.astype(np.float32))[0]
    np.testing.assert_allclose(observation[:9] / REACH, target, atol=0.05)  # rad of reach: gravity pulls a little
    assert abs(env.unwrapped.data.qvel[9]) < 1e-6


def test_the_error_is_signed_and_goes_the_short_way():
    def observed(valve, target):
        row = np.zeros(22)
        row[18:] = np.cos(valve), np.sin(valve), np.cos(target), np.sin(target)
        return row

    assert angle_error(observed(0.0, 1.0)) == pytest.approx(1.0)
    assert angle_error(observed(-3.0, 3.0)) == pytest.approx(6.0 - 2 * np.pi)
    rows = np.stack([observed(angle, np.pi) for angle in (np.pi - 0.249, np.pi - 0.251, -np.pi + 0.249, 0.0)])
    np.testing.assert_array_equal(ClawValve.reward_function()(rows), [0, -1, 0, -1])
    np.testing.assert_array_equal(ClawValve.reward_function(tolerance=0.3)(rows), [0, 0, 0, -1])


def test_the_expert_solves_it_with_and_without_noise_and_rewards_can_be_recomputed():
    env, expert = make(ENV), expert_of(ENV)
    for seed, sigma in ((100, 0.0), (101, 0.0), (102, 0.1), (103, 0.2)):
        act = Noisy(expert, sigma, np.random.default_rng(seed))
        observations, rewards, infos = play(env, act, seed)
        assert infos[-1]["success"]
        assert len(rewards) == 60
        assert set(rewards) == {0.0, -1.0}
        np.testing.assert_array_equal(relabel(ENV)(observations[1:]), rewards)
        np.testing.assert_array_equal([info["success"] for info in infos[1:]], rewards == 0)


def test_random_actions_do_not():
    env = make(ENV)
    assert not any(info["success"] for seed in range(2) for info in play(env, uniform(seed), seed)[2])


def test_the_expert_turns_both_ways():
    env, expert = make(ENV, target_spread=1.0, start_spread=1.0), expert_of(ENV)
    signs = set()
    for seed in range(4):
        observations, _, infos = play(env, expert, seed)
        assert infos[-1]["success"], seed
        signs.add(float(np.sign(angle_error(observations[0]))))
    assert signs == {-1.0, 1.0}


def test_the_same_seed_gives_the_same_bits():
    env, other = make(ENV), make(ENV)
    one, two = play(env, uniform(5), 3), play(other, uniform(5), 3)
    again = play(env, uniform(5), 3)
    assert one[0].tobytes() == two[0].tobytes() == again[0].tobytes()


def test_the_target_is_part_of_the_state():
    env, fresh = make(ENV, target_spread=1.0), make(ENV, target_spread=1.0)
    play(env, uniform(0), 0)
    env.reset()
    env.step(np.full(9, 0.3, np.float32))
    snapshot.restore(fresh, snapshot.capture(env))
    for _ in range(5):
        action = np.full(9, -0.3, np.float32)
        assert env.step(action)[0].tobytes() == fresh.step(action)[0].tobytes()
    assert fresh.unwrapped.target == env.unwrapped.target != np.pi
    np.testing.assert_array_equal(fresh.unwrapped.model.body("target").quat, env.unwrapped.model.body("target").quat)


def test_where_episodes_begin():
    env = make(ENV, start_spread=0.5, target_spread=0.25)
    starts = np.stack([env.reset(seed=seed)[0] for seed in range(60)])
    valve, target = np.arctan2(starts[:, 19], starts[:, 18]), np.arctan2(-starts[:, 21], -starts[:, 20])
    for angles, spread in ((valve, 0.5), (target, 0.25)):
        assert 0.85 * spread < np.abs(angles).max() <= spread
        assert abs(angles.mean()) < 0.25 * spread


def test_a_heavy_valve_and_one_without_friction_move_otherwise():
    ends = {}
    for name, options in {"plain": {}, "heavy": {"mass": 20.0}, "slippery": {"friction": 0.0}}.items():
        observations, _, _ = play(make(ENV, max_episode_steps=8, **options), expert_of(ENV), 0)
        ends[name] = abs(float(angle_error(observations[-1])))
    assert ends["heavy"] != ends["plain"] != ends["slippery"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": 0.0}, "tolerance=0.0"),
        ({"start_spread": -1.0}, "start_spread=-1.0"),
        ({"target_spread": 4.0}, "target_spread=4.0"),
        ({"weight": 2.0}, "weight"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make(ENV, **options)


def test_an_impossible_tolerance_is_refused_by_relabelling_too():
    with pytest.raises(ConfigError, match="tolerance=-1"):
        relabel(ENV, tolerance=-1.0)


def test_the_picture_shows_valve_and_target():
    env = gymnasium.make(f"awac.envs:{ENV}", render_mode="rgb_array", width=320, height=240)
    env.reset(seed=0)
    red, green, blue = env.render().astype(int).transpose(2, 0, 1)
    assert (blue - np.maximum(red, green) > 60).sum() > 500  # the prong
    assert (green - np.maximum(red, blue) > 60).sum() > 40  # the target
    env.close()
