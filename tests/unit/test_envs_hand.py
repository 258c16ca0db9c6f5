"""The hand on the arm: what is observed and paid, where episodes begin, what the options do, that it can be solved."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from awac.envs import make, relabel, snapshot
from awac.envs.experts import Noisy, expert_of
from awac.envs.hand_reposition import CENTRE, HIGH, LOW, OPEN, STEP, HandReposition
from awac.errors import ConfigError

ENV = "awac/HandReposition-v0"
OPEN_ACTION = 2 * (OPEN - LOW) / (HIGH - LOW) - 1


def still(motion=(0.0, 0.0, 0.0)):
    """The action that keeps the hand open and moves it."""
    return np.concatenate([OPEN_ACTION, motion]).astype(np.float32)


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


# Positions and angles have no bounds worth declaring.
@pytest.mark.filterwarnings("ignore:.*A Box observation space m")
def test_gymnasium_accepts_it():
    check_env(HandReposition(), skip_render_check=True)


def test_what_is_observed():
    env = make(ENV)
    observation, info = env.reset(seed=0)
    assert observation.shape == (25,)
    np.testing.assert_allclose(observation[:16], OPEN, rtol=1e-6)
    np.testing.assert_allclose(observation[22:], CENTRE, rtol=1e-6)
    to_hand = np.linalg.norm(observation[19:22] - observation[16:19])
    to_target = np.linalg.norm(observation[19:22] - observation[22:])
    assert info == {
        "success": False,
        "object_to_hand": pytest.approx(to_hand, abs=1e-6),
        "object_to_target": pytest.approx(to_target, abs=1e-6),
    }


def test_the_reward_is_the_paper_s_and_can_be_recomputed():
    env, generator = make(ENV, max_episode_steps=10), np.random.default_rng(0)
    observations, rewards, _ = play(env, lambda rows: generator.uniform(-1, 1, (len(rows), 19)).astype(np.float32), 0)
    hand, thing, target = observations[1:, 16:19], observations[1:, 19:22], observations[1:, 22:]
    expected = -np.linalg.norm(thing - hand, axis=1) - 3 * np.linalg.norm(thing - target, axis=1)
    np.testing.assert_allclose(rewards, expected, atol=1e-6)
    np.testing.assert_allclose(relabel(ENV)(observations[1:]), rewards, atol=1e-6)


def test_the_hand_moves_as_told_and_no_farther_than_its_workspace():
    env = make(ENV)
    begin = env.reset(seed=0)[0][16:19]
    for _ in range(4):
        observation = env.step(still((1.0, 0.5, 0.0)))[0]
    for _ in range(3):
        observation = env.step(still())[0]
    np.testing.assert_allclose(observation[16:19] - begin, STEP * np.array([4.0, 2.0, 0.0]), atol=0.006)
    for _ in range(20):
        observation = env.step(still((1.0, 0.0, 1.0)))[0]
    np.testing.assert_allclose(observation[[16, 18]], [0.25, 0.25], atol=0.01)


def test_the_fingers_follow_their_servos():
    env = make(ENV)
    env.reset(seed=0)
    pose = LOW + 0.4 * (HIGH - LOW)
    action = np.concatenate([2 * (pose - LOW) / (HIGH - LOW) - 1, np.zeros(3)]).astype(np.float32)
    for _ in range(8):
        observation = env.step(action)[0]
    np.testing.assert_allclose(observation[:16], pose, atol=0.06)


def test_the_expert_solves_it_with_and_without_noise():
    env, expert = make(ENV), expert_of(ENV)
    for seed, sigma in ((100, 0.0), (101, 0.0), (102, 0.1)):
        _, rewards, infos = play(env, Noisy(expert, sigma, np.random.default_rng(seed)), seed)
        assert infos[-1]["success"]
        assert len(rewards) == 80
        assert rewards[-10:].mean() > rewards[:10].mean()


def test_the_same_seed_gives_the_same_bits():
    one, two = (play(make(ENV, max_episode_steps=15), expert_of(ENV), 3)[0] for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_a_grasp_goes_on_exactly_in_a_fresh_environment():
    env, fresh, expert = make(ENV), make(ENV), expert_of(ENV)
    observation, _ = env.reset(seed=100)
    for _ in range(14):  # the fingers touch the object
        observation = env.step(expert(observation[None])[0])[0]
    snapshot.restore(fresh, snapshot.capture(env))
    for _ in range(8):
        action = expert(observation[None])[0]
        observation = env.step(action)[0]
        assert fresh.step(action)[0].tobytes() == observation.tobytes()


@pytest.mark.parametrize("velocity", [(3.0, 0.0), (-3.0, 0.0), (0.0, 3.0), (0.0, -3.0), (2.0, 2.0)])
def test_an_object_that_is_hit_stays_where_the_hand_gets_to_it(velocity):
    env = HandReposition()
    env.reset(seed=0)
    start = int(env.model.joint("object").dofadr[0])
    env.data.qvel[start : start + 2] = velocity
    places = np.stack([env.step(still())[0][19:22] for _ in range(30)])
    off = np.abs(places[:, :2] - [0, 0.6]) - [0.25, 0.15]  # from the walls, which its round side touches
    assert -0.01 < off.max() < 0.02


def test_where_episodes_begin():
    env = make(ENV)
    starts = np.stack([env.reset(seed=seed)[0] for seed in range(40)])
    hand, thing = starts[:, 16:19], starts[:, 19:22]
    np.testing.assert_array_less(np.abs(hand - [0, 0.58, 0.2]), 0.031)
    assert (np.abs(thing[:, :2] - [0, 0.6]) < [0.161, 0.101]).all()
    assert np.ptp(thing[:, 0]) > 0.25
    assert np.linalg.norm((thing - CENTRE)[:, :2], axis=1).min() >= 0.06


def test_the_object_lies_still_until_it_is_touched():
    env = make(ENV)
    begin = env.reset(seed=1)[0][19:22]
    for _ in range(10):
        observation = env.step(still())[0]
    np.testing.assert_allclose(observation[19:22], begin, atol=0.002)


def test_fingers_do_not_pass_through_the_table():
    env = make(ENV)
    env.reset(seed=0)
    pose = np.array([0.0, 1.4, 0.0, 0.0] * 3 + [1.0, 0.2, 0.2, 0.2])  # the fingers point down
    action = np.concatenate([2 * (pose - LOW) / (HIGH - LOW) - 1, [0.0, 0.0, -1.0]]).astype(np.float32)
    for _ in range(15):
        env.step(action)
    last_joints = [float(env.unwrapped.data.body(f"hand/{name}3").xpos[2]) for name in ("index", "middle", "ring")]
    assert min(last_joints) > 0.0
    assert any(-0.003 < contact.dist < 0.0 for contact in env.unwrapped.data.contact)


def test_success_has_a_distance():
    env = make(ENV, distance=1.0)
    assert env.reset(seed=0)[1]["success"] is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"distance": 0.0}, "distance=0.0"),
        ({"weight": 2.0}, "weight"),
        ({"friction": 0.001}, "friction=0.001 of HandReposition: allowed is 0.01 to 5"),
        ({"domain": "friction=0.5:6"}, "friction=6.0 of HandReposition: allowed is 0.01 to 5"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make(ENV, **options)


@pytest.mark.parametrize("camera_name", ["close", "view"])
def test_the_picture_shows_object_and_target(camera_name):
    env = gymnasium.make(f"awac.envs:{ENV}", render_mode="rgb_array", width=320, height=240, camera_name=camera_name)
    env.reset(seed=2)
    red, green, blue = env.render().astype(int).transpose(2, 0, 1)
    assert (green - np.maximum(red, blue) > 60).sum() > 40  # the target
    assert ((red - blue > 100) & (green > blue + 30)).sum() > 100  # the object
    env.close()
