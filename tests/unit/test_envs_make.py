"""The way in: ids, factories, options, spaces, and the tasks' own registration."""

import re
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import awac.envs
from awac.batch import Provenance
from awac.collect import Collector
from awac.errors import ConfigError, EnvironmentFault
from awac.exploration import Uniform

IDS = ["PenBinary-v0", "DoorBinary-v0", "RelocateBinary-v0", "Ant-v0", "PointMass-v0"]


def wordless():
    """As tasks of packages do that want another simulator."""
    raise AssertionError


@pytest.mark.parametrize("name", IDS)
def test_check_env_passes(name):
    env = gymnasium.make(f"awac/{name}")
    with warnings.catch_warnings():
        # Unbounded observations are what these simulations have; Gymnasium only advises against them.
        warnings.filterwarnings("ignore", message=r".*A Box observation space (maximum|minimum) value is")
        check_env(env.unwrapped, skip_render_check=True)
    env.close()


@pytest.mark.parametrize(
    "code",
    [
        "import gymnasium; env = gymnasium.make('awac.envs:awac/PenBinary-v0')",
        "import gymnasium, awac.envs; env = gymnasium.make('awac/PenBinary-v0')",
        "import awac.envs; env = awac.envs.make('awac/PenBinary-v0')",
    ],
)
def test_a_fresh_process_finds_the_ids_and_prints_nothing(code):
    code += "; env.reset(seed=0); print(env.observation_space.shape)"
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr, result.returncode) == ("(45,)\n", "", 0)


def test_importing_the_ids_loads_no_simulator():
    code = "import sys, awac.envs; print([m for m in ('mujoco', 'gymnasium_robotics', 'jax') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_registering_twice_changes_nothing():
    before = dict(gymnasium.registry)
    awac.envs.register()
    assert gymnasium.registry == before


@pytest.mark.parametrize("steps", [100, 200])
def test_the_horizon_is_an_option(steps):
    env = gymnasium.make("awac/PenBinary-v0", **({} if steps == 200 else {"max_episode_steps": steps}))
    env.reset(seed=0)
    flags = [env.step(env.action_space.low)[2:4] for _ in range(steps)]
    assert flags == [(False, False)] * (steps - 1) + [(False, True)]
    env.close()


def test_unknown_ids_name_the_nearest():
    with pytest.raises(ConfigError, match="nearest are awac/PenBinary-v0"):
        awac.envs.make("awac/PenBinry-v0")


@pytest.mark.parametrize(
    ("env_id", "options", "message"),
    [
        ("no_such_module:Thing", {}, "no_such_module cannot be imported"),
        ("awac/PointMass-v0", {"gravity": 3}, "cannot be made with the options {'gravity': 3}"),
        ("awac/PointMass-v0", {"reward": "sparse"}, "known are 'distance' and 'binary'"),
        ("awac/DoorBinary-v0", {"distance": 1.0}, r"its thresholds are \['angle'\]"),
        ("awac/DoorBinary-v0", {"angle": -1.0}, "must be a positive number"),
        ("awac/DoorBinary-v0", {"thresholds": "loose"}, "known are 'paper' and 'released'"),
        ("./my_robot:make", {}, r"'\./my_robot' names no module; allowed: as in `import`"),
        ("awac/PenBinary-v0", {"cosine": 2.0}, "cosine=2.0 .* must be below 1"),
        ("awac/PenBinary-v0", {"camera_name": "nope"}, "camera_name='nope' is unknown; the cameras are .*fixed"),
        ("awac/PenBinary-v0", {"gravity": 3}, "cannot be made with the options {'gravity': 3}"),
        ("awac/PointMass-v0", {"max_episode_steps": 0}, r"be positive, actually: 0 \(\w+\.py:\d+\)"),
        (f"{__name__}:wordless", {}, r"options {}: AssertionError \(test_envs_make\.py:\d+\)"),
        ("builtins:dict", {}, "dict returns dict, no gymnasium.Env"),
        ("CartPole-v1", {}, "action_space is Discrete.*supported are a one-dimensional float Box"),
    ],
)
def test_impossible_options_and_spaces_are_refused(env_id, options, message):
    with pytest.raises(ConfigError, match=message):
        awac.envs.make(env_id, **options)


def test_options_of_pictures_change_no_reward():
    rewards = awac.envs.relabel("awac/PenBinary-v0", cosine=0.5, camera_name="fixed", width=64)
    row = np.zeros((1, 45))
    row[0, 33:39] = 0.8, 0.6, 0, 1, 0, 0
    assert rewards(row) == 0
    assert awac.envs.relabel("awac/PenBinary-v0")(row) == -1
    with pytest.raises(ConfigError, match=r"its thresholds are \['distance', 'cosine'\]"):
        awac.envs.relabel("awac/PenBinary-v0", angle=1.0)


class Spaces(gymnasium.Env):
    """An environment that only has spaces."""

    def __init__(self, observation, action, render_mode=None):
        self.observation_space, self.action_space, self.render_mode = observation, action, render_mode


BOX = gymnasium.spaces.Box(-1, 1, (3,), np.float32)


@pytest.mark.parametrize(
    ("observation", "action", "fault"),
    [
        (gymnasium.spaces.Dict(observation=BOX), BOX, "observation_space is Dict"),
        (gymnasium.spaces.Box(0, 255, (8, 8, 3), np.uint8), BOX, "observation_space is Box"),
        (gymnasium.spaces.Box(0, 9, (3,), np.int64), BOX, "observation_space is Box"),
        (BOX, gymnasium.spaces.Box(-np.inf, 1, (3,), np.float32), "has infinite bounds"),
        (BOX, gymnasium.spaces.Box(-3e38, 3e38, (3,), np.float32), "is wider than float32 holds"),
        (BOX, gymnasium.spaces.MultiDiscrete([2, 2]), "action_space is MultiDiscrete"),
    ],
)
def test_only_float_vectors_are_supported(observation, action, fault):
    with pytest.raises(ConfigError, match=fault):
        awac.envs.factory.check_spaces("mine", Spaces(observation, action))


def test_a_factory_is_called_with_its_options():
    env = awac.envs.make("awac.envs.pointmass:PointMass", "rgb_array", reward="binary", max_episode_steps=4)
    assert env.unwrapped.reward == "binary"
    env.reset(seed=0)
    assert [env.step(np.zeros(2, np.float32))[3] for _ in range(4)] == [False, False, False, True]
    assert env.render().shape == (256, 256, 3)


def limited():
    return gymnasium.wrappers.TimeLimit(awac.envs.pointmass.PointMass(), 3)


@pytest.mark.parametrize(("option", "steps"), [({}, 3), ({"max_episode_steps": 2}, 2), ({"max_episode_steps": 5}, 5)])
def test_a_limit_takes_the_place_of_a_factorys_own(option, steps):
    env = awac.envs.make(f"{__name__}:limited", **option)
    env.reset(seed=0)
    assert [env.step(np.zeros(2, np.float32))[3] for _ in range(steps)] == [False] * (steps - 1) + [True]


OFF = """
import gymnasium
class Off(gymnasium.Env):
    def __init__(self):
        raise ConnectionError("no route to the robot")
"""


@pytest.mark.parametrize("isolate", [False, True])
def test_what_cannot_be_reached_says_why(tmp_path, monkeypatch, isolate):
    (tmp_path / "robot_that_is_off.py").write_text(OFF)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(EnvironmentFault, match="no route to the robot") as caught:
        awac.envs.make("robot_that_is_off:Off", isolate=isolate)
    assert caught.value.exit_code == 5


def with_a_mistake():
    return {}.nothing


def not_calibrated():
    raise RuntimeError("joint 3 is not calibrated")


@pytest.mark.parametrize("isolate", [False, True])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("with_a_mistake", r"AttributeError\(.*nothing.*\(test_envs_make.py:\d+\)"),
        ("not_calibrated", r"RuntimeError\('joint 3 is not calibrated'\) \(test_envs_make.py:\d+\)"),
    ],
)
def test_a_factory_that_fails_is_a_fault_at_its_line(monkeypatch, name, message, isolate):
    """And a mistake of its own is not mistaken for MuJoCo's renderer."""
    monkeypatch.setenv("MUJOCO_GL", "egl")
    monkeypatch.delitem(sys.modules, "mujoco", raising=False)
    with pytest.raises(EnvironmentFault, match=f"test_envs_make:{name} cannot be made: {message}") as caught:
        awac.envs.make(f"tests.unit.test_envs_make:{name}", isolate=isolate)
    assert caught.value.exit_code == 5


def test_a_module_that_fails_is_named_with_its_line(tmp_path, monkeypatch):
    (tmp_path / "robot_with_a_slip.py").write_text("import os\nport = prot + 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(EnvironmentFault, match=r"robot_with_a_slip fails: NameError.*\(robot_with_a_slip.py:2\)"):
        awac.envs.make("robot_with_a_slip:Robot")


def test_names_that_a_module_does_not_have_are_told_from_unknown_ids():
    with pytest.raises(ConfigError, match=r"module awac.envs.pointmass has no 'PointMas'; it defines .*PointMass"):
        awac.envs.make("awac.envs.pointmass:PointMas")
    with pytest.raises(ConfigError, match=r"is unknown.*one of your own is `module:factory`: my_robot:make_env"):
        awac.envs.make("my_robot.make_env")


def test_rewards_are_asked_of_a_class():
    with pytest.raises(ConfigError, match="it is a function: name the class that has the static method"):
        awac.envs.relabel(f"{__name__}:limited")


def test_wrappers_stand_in_their_written_order():
    text = str(awac.envs.make("awac/PointMass-v0"))
    assert text == "<Guard<TimeLimit<OrderEnforcing<PointMass<awac/PointMass-v0>>>>>"


def test_module_and_id_work_together():
    assert awac.envs.make("awac.envs:awac/PointMass-v0").unwrapped.spec.id == "awac/PointMass-v0"


def test_ids_of_gymnasium_robotics_are_found():
    env = awac.envs.make("AdroitHandDoor-v1")
    assert env.observation_space.shape == (39,)
    env.close()


def test_reference_scores():
    assert awac.envs.reference_scores("HalfCheetah-v5")[:2] == (-280.178953, 12135.0)
    assert awac.envs.reference_scores("awac/PenBinary-v0") is None
    assert awac.envs.normalized_score("Hopper-v5", 3234.3) == pytest.approx(100.0)
    assert awac.envs.normalized_score("Ant-v5", -325.6) == pytest.approx(0.0)
    assert awac.envs.normalized_score("awac/PointMass-v0", 1.0) is None


def test_the_documented_environment_works_as_documented(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "environments.md").read_text()
    code = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "class Cart" in block)
    (tmp_path / "cart.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    env = awac.envs.make("cart:Cart", max_episode_steps=100)
    collector = Collector(env, Provenance.ONLINE, 0)
    collector.collect(Uniform(env.action_space, np.random.default_rng(0)), 130)
    other = Collector(awac.envs.make("cart:Cart", max_episode_steps=100), Provenance.ONLINE, 0)
    other.restore(collector.state())
    batches = [one.collect(Uniform(env.action_space, np.random.default_rng(1)), 150) for one in (collector, other)]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*(batch.stored().values() for batch in batches), strict=True))
    assert [np.flatnonzero(batch.truncated).tolist() for batch in batches] == [[69], [69]]
    rewards = awac.envs.relabel("cart:Cart")(batches[0].next_observations)
    np.testing.assert_array_equal(rewards, batches[0].rewards)
