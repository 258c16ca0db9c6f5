"""The point mass: its optimum is the optimum, its reward a function of the next observation."""

import numpy as np
import pytest

from awac.envs import make, relabel
from awac.envs.pointmass import PointMass, optimal_action, optimal_return
from awac.errors import CheckpointError, ConfigError

OPTIONS = [
    {"reward": reward, "terminate_at_goal": terminate}
    for reward in ("distance", "binary")
    for terminate in (False, True)
]


def play(env, act, seed):
    observation, _ = env.reset(seed=seed)
    start, total, terminated, truncated = observation, 0.0, False, False
    while not (terminated or truncated):
        observation, reward, terminated, truncated, info = env.step(act(observation))
        total += reward
    return start, total, info


@pytest.mark.parametrize("options", OPTIONS)
def test_the_optimal_policy_earns_its_value_and_others_earn_less(options):
    env = make("awac/PointMass-v0", **options)
    generator = np.random.default_rng(0)

    def noisy(observation):
        return np.clip(optimal_action(observation) + generator.normal(0, 0.5, 2), -1, 1).astype(np.float32)

    for seed in range(20):
        start, total, info = play(env, optimal_action, seed)
        assert info["success"]
        assert total == pytest.approx(optimal_return(start, **options), abs=1e-4)
        assert play(env, noisy, seed)[1] <= total + 1e-6


@pytest.mark.parametrize("reward", ["distance", "binary"])
def test_the_optimum_by_brute_force_over_a_grid(reward):
    """Value iteration on states that are multiples of the step finds the same values, one axis at a time or both."""
    cells = np.arange(7)  # distances 0, .1, ..., .6 on each axis; the goal is at 0
    values = np.zeros((7, 7))
    moves = np.abs(cells[:, None] - cells[None, :]) <= 1
    paid = np.zeros((7, 7))
    for i in cells:
        for j in cells:
            distance = np.hypot(i, j) * 0.1
            paid[i, j] = -distance if reward == "distance" else -float(distance > 0.05)
    for _ in range(50):
        best = paid + 0.9 * values
        values = np.array([[best[np.ix_(moves[i], moves[j])].max() for j in cells] for i in cells])
    points = np.array([[0.1 * i, 0.1 * j, 0.0, 0.0] for i in cells for j in cells])
    found = optimal_return(points, steps=50, discount=0.9, reward=reward)
    np.testing.assert_allclose(found.reshape(7, 7), values, atol=1e-9)


@pytest.mark.parametrize("reward", ["distance", "binary"])
def test_relabelling_gives_the_rewards_that_were_paid(reward):
    env = make("awac/PointMass-v0", reward=reward)
    env.reset(seed=1)
    steps = [env.step(env.action_space.sample()) for _ in range(50)]
    rewards = relabel("awac/PointMass-v0", reward=reward, max_episode_steps=50)(np.stack([step[0] for step in steps]))
    assert rewards.dtype == np.float32
    np.testing.assert_allclose(rewards, [step[1] for step in steps], rtol=1e-6)


def test_reset_options():
    env = PointMass()
    observation, info = env.reset(options={"position": (0.5, 0.25), "goal": (0.5, 0.25)})
    np.testing.assert_array_equal(observation, np.float32([0.5, 0.25, 0.5, 0.25]))
    assert info["success"] is True
    with pytest.raises(ConfigError, match="are two numbers in"):
        env.reset(options={"goal": (2.0, 0.0)})
    with pytest.raises(ConfigError, match="reset option speed"):
        env.reset(options={"speed": (0.0, 0.0)})


def test_whether_it_ends_is_true_or_false():
    with pytest.raises(ConfigError, match="terminate_at_goal='false' of awac/PointMass-v0: allowed is true or false"):
        PointMass(terminate_at_goal="false")


def test_walls_hold():
    env = PointMass()
    env.reset(options={"position": (0.95, 0.0), "goal": (0.0, 0.0)})
    assert env.step(np.float32([1.0, 0.0]))[0][0] == 1.0


def test_a_foreign_state_is_refused():
    with pytest.raises(CheckpointError, match=r"position \(2,\) and goal"):
        PointMass().set_state({"position": np.zeros(3)})


def test_the_picture_shows_point_and_goal():
    env = PointMass(render_mode="rgb_array")
    env.reset(options={"position": (-1.0, 1.0), "goal": (1.0, -1.0)})
    frame = env.render()
    assert (frame.shape, frame.dtype) == ((256, 256, 3), np.uint8)
    assert frame[12, 12].tolist() == [40, 60, 110]  # above, on the left
    assert frame[243, 243].tolist() == [120, 200, 130]
    assert PointMass().render() is None
