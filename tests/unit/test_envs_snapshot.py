"""Snapshots: an environment restored into a fresh one goes on bit by bit, in the episode and after the next reset."""

import gymnasium
import numpy as np
import pytest

from awac.envs import make, snapshot
from awac.envs.sawyer_drawer import SawyerDrawer
from awac.errors import CheckpointError

EXACT = [
    "awac/PointMass-v0",
    "HalfCheetah-v5",
    "Walker2d-v5",
    "Hopper-v5",
    "awac/Ant-v0",
    "awac/PenBinary-v0",
    "awac/DoorBinary-v0",
    "awac/RelocateBinary-v0",
    "AdroitHandPen-v1",
    "awac/SawyerPush-v0",
    "awac/SawyerDrawer-v0",
    "awac/ClawValve-v0",
    "awac/HandReposition-v0",
]


def advance(env, generator, steps):
    """What `steps` random steps return, episodes following each other."""
    results = []
    for _ in range(steps):
        action = generator.uniform(env.action_space.low, env.action_space.high).astype(np.float32)
        observation, reward, terminated, truncated, info = env.step(action)
        results.append((observation.tobytes(), float(reward), terminated, truncated, sorted(info.items())))
        if terminated or truncated:
            observation, info = env.reset()
            results.append((observation.tobytes(), sorted(info.items())))
    return results


def made(env_id):
    """Short episodes, so that a reset is near; falls end some of the others earlier."""
    return make(env_id, max_episode_steps=40)


@pytest.mark.parametrize("env_id", EXACT)
def test_a_fresh_environment_goes_on_exactly(env_id):
    env = made(env_id)
    env.reset(seed=11)
    advance(env, np.random.default_rng(0), 55)
    captured = snapshot.capture(env)
    assert captured is not None
    assert all(values.dtype.kind in "biuf" for values in captured.values())
    expected = advance(env, np.random.default_rng(1), 70)
    fresh = made(env_id)
    snapshot.restore(fresh, captured)
    again = snapshot.capture(fresh)
    assert again is not None
    assert {name: (values.dtype, values.tobytes()) for name, values in again.items()} == {
        name: (values.dtype, values.tobytes()) for name, values in captured.items()
    }
    assert advance(fresh, np.random.default_rng(1), 70) == expected
    snapshot.restore(env, captured)  # a used one as well
    assert advance(env, np.random.default_rng(1), 70) == expected
    env.close()
    fresh.close()


def test_capturing_changes_nothing():
    first, second = made("awac/Ant-v0"), made("awac/Ant-v0")
    first.reset(seed=0)
    second.reset(seed=0)
    one, two = np.random.default_rng(0), np.random.default_rng(0)
    for _ in range(10):
        snapshot.capture(first)
        assert advance(first, one, 5) == advance(second, two, 5)


def test_attributes_that_a_fresh_environment_lacks_or_has_in_another_type():
    env, fresh = make("HalfCheetah-v5"), make("HalfCheetah-v5")
    env.reset(seed=0)
    kept = {"target": np.arange(3.0), "counted": 7, "level": 0.37}
    vars(env.unwrapped).update(kept)
    fresh.unwrapped.level = 0  # a whole number only where it begins
    snapshot.restore(fresh, snapshot.capture(env))
    found = vars(fresh.unwrapped)
    assert {name: np.array(found[name]).tolist() for name in kept} == {"target": [0, 1, 2], "counted": 7, "level": 0.37}


def test_the_time_limit_goes_on_where_it_was():
    env = made("awac/PointMass-v0")
    env.reset(seed=0)
    advance(env, np.random.default_rng(0), 39)
    fresh = made("awac/PointMass-v0")
    snapshot.restore(fresh, snapshot.capture(env))
    assert fresh.step(np.zeros(2, np.float32))[3] is True


class Foreign(gymnasium.Env):
    """An environment with a state of its own and no way to get at it."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)


def test_the_unknown_is_not_guessed():
    assert snapshot.capture(Foreign()) is None
    known = gymnasium.make("awac/PointMass-v0")
    known.reset(seed=0)
    captured = snapshot.capture(known)
    fresh = gymnasium.make("awac/PointMass-v0")
    snapshot.restore(fresh, captured)
    action = np.zeros(2, np.float32)
    assert fresh.step(action)[0].tobytes() == known.step(action)[0].tobytes()
    assert snapshot.capture(gymnasium.wrappers.NormalizeObservation(known)) is None


class Own(Foreign):
    """Keeps a plain number, as people do."""

    state: object = 3

    def get_state(self):
        return {"steps": self.state}

    def set_state(self, state):
        self.state = int(state["steps"])


@pytest.mark.parametrize("wrong", [object(), "reaching"])
def test_an_own_state_may_be_a_number_and_nothing_else(wrong, caplog):
    snapshot._warn_once.cache_clear()
    env, other = Own(), Own()
    captured = snapshot.capture(env)
    other.state = 0
    snapshot.restore(other, captured)
    assert other.state == 3
    env.state = wrong
    assert snapshot.capture(env) is None  # a checkpoint without it is better than none
    assert "Own.get_state gives what is no number or array of them: env/steps" in caplog.text


class Telling(Foreign):
    """Has methods of these names, as drivers have for something else."""

    def __init__(self, get_state, set_state=lambda state: None):
        super().__init__()
        self.get_state, self.set_state = get_state, set_state


@pytest.mark.parametrize("tells", [lambda: np.zeros(3), lambda: (1.0, 2.0), lambda: [3], lambda: 1 / 0])
def test_a_state_that_cannot_be_told_is_left_out_and_warned_of(tells, caplog):
    snapshot._warn_once.cache_clear()
    env = Telling(tells)
    assert snapshot.capture(env) is None
    assert snapshot.capture(env) is None
    assert caplog.text.count("its state cannot be saved") == 1


def test_methods_of_these_names_that_take_something_else_are_not_asked():
    assert snapshot.capture(Telling(lambda joint: {"angle": joint})) is None
    assert snapshot.capture(Telling(dict, lambda qpos, qvel: None)) is None


def test_a_state_that_is_not_taken_back_is_one_error():
    env = Telling(dict, lambda state: state["gone"])
    with pytest.raises(CheckpointError, match=r"Telling\.set_state raised KeyError"):
        snapshot.restore(env, snapshot.capture(env))


class Stateless(Foreign):
    """Has nothing to keep beside the generator of its noise."""

    def get_state(self):
        return {}

    def set_state(self, state):
        assert state == {}


def test_an_own_state_may_be_nothing():
    env, other = Stateless(), Stateless()
    env.reset(seed=3)
    snapshot.restore(other, snapshot.capture(env))
    assert other.np_random.random() == env.np_random.random()


class Windows(SawyerDrawer):
    """Keeps arrays that show the simulator's own memory, as people do."""

    def __init__(self):
        super().__init__()
        self.place, self.angles = self.data.body("drawer").xpos, self.data.qpos[:3]
        self.friction = self.model.geom_friction[-1]


def test_what_shows_the_simulators_memory_still_does_after_a_restore():
    env, fresh = Windows(), Windows()
    env.reset(seed=0)
    env.step(np.ones(3, np.float32))
    env.friction[:] = 0.5, 0.01, 0.001
    fresh.np_random  # noqa: B018 - the generator is made when it is asked for
    snapshot.restore(fresh, snapshot.capture(env))
    for each in (env, fresh):
        each.step(-np.ones(3, np.float32))
    for name in ("place", "angles", "friction"):
        np.testing.assert_array_equal(getattr(fresh, name), getattr(env, name))
    assert np.shares_memory(fresh.angles, fresh.data.qpos)


@pytest.mark.parametrize("part", ["env/integration", "env/model/body_pos", "generator"])
def test_a_state_of_another_task_is_refused(part):
    env = make("HalfCheetah-v5")
    env.reset(seed=0)
    captured = snapshot.capture(env)
    if part == "generator":
        del captured[part]
    else:
        captured[part] = captured[part][:-1]
    with pytest.raises(CheckpointError, match=part.removeprefix("env/")):
        snapshot.restore(env, captured)
