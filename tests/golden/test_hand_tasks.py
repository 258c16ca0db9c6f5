"""The hand tasks: what stands where in the observation, where episodes begin, what is paid."""

import gymnasium
import numpy as np
import pytest

from awac.envs import make, relabel
from awac.envs.adroit import DoorSuccess, PenSuccess, RelocateSuccess, success_function

TASKS = {"Pen": (45, 24, 20), "Door": (39, 28, 25), "Relocate": (39, 30, 25)}
SIMULATIONS = {"Pen": "AdroitHandPen-v1", "Door": "AdroitHandDoor-v1", "Relocate": "AdroitHandRelocate-v1"}
REACH = {  # lowest and highest value of each drawn number: see gymnasium-robotics' reset_model and the authors' fork
    "Door": ("body_pos", "frame", [(-0.3, -0.2), (0.25, 0.35), (0.252, 0.35)]),
    "Relocate": ("body_pos", "Object", [(-0.15, 0.15), (-0.15, 0.3)]),
}


@pytest.fixture(scope="module")
def envs():
    made = {name: make(f"awac/{name}Binary-v0") for name in TASKS}
    yield made
    for env in made.values():
        env.close()


@pytest.mark.parametrize("name", TASKS)
def test_sizes_and_step_of_time(envs, name):
    env = envs[name]
    observation, action, dapg = TASKS[name]
    assert env.observation_space.shape == (observation,)
    assert env.observation_space.dtype == np.float64
    assert (env.action_space.shape, env.action_space.dtype) == ((action,), np.float32)
    assert (env.action_space.low == -1).all()
    assert (env.action_space.high == 1).all()
    assert env.unwrapped.simulation.dt == pytest.approx(0.01)
    assert env.unwrapped.dapg_success_steps == dapg
    assert env.spec.max_episode_steps == 200


@pytest.mark.parametrize("name", TASKS)
def test_layout_is_that_of_the_simulation(envs, name):
    env = envs[name]
    env.reset(seed=3)
    for _ in range(20):
        observation, *_ = env.step(env.action_space.sample())
    simulation = env.unwrapped.simulation
    data, model = simulation.data, simulation.model

    def site(of):
        return data.site(of).xpos

    if name == "Pen":
        axis = site("object_top") - site("object_bottom")
        goal = site("target_top") - site("target_bottom")
        parts = [data.qpos[:24], data.body("Object").xpos, data.qvel[-6:]]
        # The lengths are those of the first instant, so the two axes are of unit length.
        parts += [axis / np.linalg.norm(axis), goal / np.linalg.norm(goal)]
        parts += [data.body("Object").xpos - site("eps_ball"), parts[3] - parts[4]]
    elif name == "Door":
        hinge = data.qpos[model.joint("door_hinge").qposadr[0]]
        parts = [data.qpos[1:-2], [data.qpos[-1], hinge], site("S_grasp"), site("S_handle")]
        parts += [site("S_grasp") - site("S_handle"), [-1.0]]
    else:
        ball, palm, target = data.body("Object").xpos, site("S_grasp"), site("target")
        parts = [data.qpos[:30], palm - ball, palm - target, ball - target]
    np.testing.assert_allclose(observation, np.concatenate(parts), atol=1e-9)


@pytest.mark.parametrize("name", REACH)
def test_episodes_begin_in_the_published_ranges(envs, name):
    field, body, ranges = REACH[name]
    env, drawn = envs[name], []
    for seed in range(100):
        env.reset(seed=seed)
        model = env.unwrapped.simulation.model
        drawn.append(getattr(model, field)[model.body(body).id][: len(ranges)].copy())
    for values, (low, high) in zip(np.transpose(drawn), ranges, strict=True):
        assert low <= values.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < values.max() <= high


def test_pen_goals_are_tilted_by_up_to_one_radian_on_two_axes(envs):
    tilts = []
    for seed in range(100):
        envs["Pen"].reset(seed=seed)
        model = envs["Pen"].unwrapped.simulation.model
        w, x, y, z = model.body_quat[model.body("target").id]
        # Euler angles (a, b, 0) give w = cos cos, x = sin cos, y = cos sin, z = -+ sin sin (half angles).
        a, b = 2 * np.arctan2(x, w), 2 * np.arctan2(y, w)
        assert abs(abs(z) - abs(np.sin(a / 2) * np.sin(b / 2))) < 1e-9
        tilts.append((a, b))
    tilts = np.abs(tilts)
    assert tilts.max() <= 1.0
    assert (tilts.max(axis=0) > 0.9).all()


def test_targets_of_relocate_are_above_the_table(envs):
    targets = []
    for seed in range(100):
        envs["Relocate"].reset(seed=seed)
        targets.append(envs["Relocate"].unwrapped.simulation.model.site("target").pos.copy())
    low, high = np.min(targets, axis=0), np.max(targets, axis=0)
    assert (low >= [-0.2, -0.2, 0.15]).all()
    assert (low <= [-0.16, -0.16, 0.17]).all()
    assert (high <= [0.2, 0.2, 0.35]).all()
    assert (high >= [0.16, 0.16, 0.33]).all()


@pytest.mark.parametrize("name", TASKS)
def test_released_thresholds_agree_with_the_simulation(name):
    """Same seed and actions: same observations, and success where the simulation itself says so."""
    ours = make(f"awac/{name}Binary-v0", thresholds="released")
    theirs = gymnasium.make(SIMULATIONS[name], disable_env_checker=True)
    generator = np.random.default_rng(0)
    for seed in range(3):
        first, second = ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0]
        np.testing.assert_array_equal(first, second)
        for _ in range(60):
            action = generator.uniform(-1, 1, ours.action_space.shape).astype(np.float32)
            observation, reward, terminated, truncated, info = ours.step(action)
            expected, _, _, _, expected_info = theirs.step(action)
            np.testing.assert_array_equal(observation, expected)
            assert info["success"] == bool(expected_info["success"])
            assert reward == float(info["success"]) - 1.0
            assert (terminated, truncated) == (False, False)
    ours.close()
    theirs.close()


def solved(env):
    """The state dictionary of an episode that begins at its goal."""
    simulation = env.unwrapped.simulation
    state = simulation.get_env_state()
    if "door_body_pos" in state:
        state["qpos"][simulation.model.joint("door_hinge").qposadr[0]] = 1.5
        return state
    if "desired_orien" in state:
        # The pen lies along x and the goal, unturned, stands along z: a quarter turn about y brings them together.
        return {**state, "desired_orien": np.sqrt(0.5) * np.array([1.0, 0.0, 1.0, 0.0])}
    ball = simulation.data.body("Object").xpos.copy()
    return {"qpos": state["qpos"], "qvel": state["qvel"], "obj_pos": ball, "target_pos": ball}


@pytest.mark.parametrize("name", TASKS)
def test_a_solved_state_pays_zero_and_does_not_end(envs, name):
    env = envs[name]
    env.reset(seed=0)
    _, info = env.reset(seed=0, options={"initial_state_dict": solved(env)})
    assert info == {"success": True}
    observation, reward, terminated, truncated, info = env.step(np.zeros(env.action_space.shape, np.float32))
    assert (reward, terminated, truncated, info) == (0.0, False, False, {"success": True})
    function = relabel(f"awac/{name}Binary-v0", max_episode_steps=100)
    np.testing.assert_array_equal(function(observation[None]), np.float32([0.0]))


def observation_of(size, **columns):
    observation = np.zeros(size)
    for place, values in columns.items():
        start = int(place.removeprefix("at"))
        observation[start : start + len(values)] = values
    return observation


@pytest.mark.parametrize(
    ("success", "observation", "expected"),
    [
        (PenSuccess(), observation_of(45, at33=[0, 0, 1], at36=[0, 0, 1], at39=[0.07, 0, 0]), True),
        (PenSuccess(), observation_of(45, at33=[0, 0, 1], at36=[0, 0, 1], at39=[0.08, 0, 0]), False),
        (PenSuccess(), observation_of(45, at33=[0, 0, 1], at36=[0.3, 0, 0.94]), False),
        (PenSuccess(cosine=0.9), observation_of(45, at33=[0, 0, 1], at36=[0.3, 0, 0.94]), True),
        (PenSuccess(distance=0.1), observation_of(45, at33=[0, 1, 0], at36=[0, 1, 0], at39=[0.08, 0, 0]), True),
        (DoorSuccess(), observation_of(39, at28=[1.41]), True),
        (DoorSuccess(), observation_of(39, at28=[1.36]), False),
        (success_function("door", "released"), observation_of(39, at28=[1.36]), True),
        (success_function("door", "released", angle=1.37), observation_of(39, at28=[1.36]), False),
        (RelocateSuccess(), observation_of(39, at36=[0.09, 0, 0]), True),
        (RelocateSuccess(), observation_of(39, at36=[0.09, 0, 0.09]), False),
    ],
)
def test_thresholds(success, observation, expected):
    assert bool(success(observation)) is expected
    batch = np.stack([observation, np.zeros_like(observation)])
    assert success(batch).tolist()[0] is expected
    assert success(batch).shape == (2,)


def test_relabelling_float32_gives_what_float64_was_paid():
    """At the very threshold, where the rounding of a dataset could decide otherwise."""
    success = DoorSuccess()
    for angle in 1.4 + np.linspace(-1e-7, 1e-7, 21):
        observation = observation_of(39, at28=[angle])
        assert bool(success(observation)) == bool(success(observation.astype(np.float32)))
