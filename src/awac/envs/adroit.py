"""The paper's binary hand tasks: pen, door and relocate of Adroit, paid 0 on success and -1 otherwise.

The simulation is that of gymnasium-robotics. Success is a function of the next observation alone, so the same function
pays the environment and relabels any dataset. It is judged on float32, which is what datasets keep: recomputing the
rewards of a stored episode gives the very rewards that the environment paid.

Observation layouts (float64, metres and radians):
    pen, 45: 24 joint angles, pen position 3, pen velocity 6, pen axis 3, goal axis 3, position difference 3, axis
        difference 3.
    door, 39: 27 joint angles, latch angle, door angle, palm position 3, handle position 3, palm - handle 3, open flag.
    relocate, 39: 30 joint angles, palm - ball 3, palm - target 3, ball - target 3.
"""

import contextlib
import importlib
import io
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from awac.envs import snapshot
from awac.errors import ConfigError

Array = NDArray[Any]
Success = Callable[[Array], Array]


def _measured(observations: Array, columns: slice | int) -> Array:
    """Columns of (..., O) as float64, after the rounding to float32 that datasets apply."""
    return np.asarray(observations[..., columns], np.float32).astype(np.float64)


@dataclass(frozen=True)
class PenSuccess:
    """The pen is within `distance` (m) of the goal and the cosine between the two axes is above `cosine`.

    The paper prints "<= 0.95", a misprint: the authors' code tests "> 0.95", and "<=" would pay for misaligned pens.
    """

    distance: float = 0.075
    cosine: float = 0.95

    def __call__(self, observations: Array) -> Array:
        """Bool (...,) from observations (..., 45)."""
        near = np.linalg.norm(_measured(observations, slice(39, 42)), axis=-1) <= self.distance
        axis, goal = _measured(observations, slice(33, 36)), _measured(observations, slice(36, 39))
        return near & ((axis * goal).sum(axis=-1) > self.cosine)


@dataclass(frozen=True)
class DoorSuccess:
    """The door is open by more than `angle` (rad): 1.4 in the paper, 1.35 in the released code."""

    angle: float = 1.4

    def __call__(self, observations: Array) -> Array:
        """Bool (...,) from observations (..., 39)."""
        return _measured(observations, 28) > self.angle


@dataclass(frozen=True)
class RelocateSuccess:
    """The ball is within `distance` (m) of its target."""

    distance: float = 0.1

    def __call__(self, observations: Array) -> Array:
        """Bool (...,) from observations (..., 39)."""
        return np.linalg.norm(_measured(observations, slice(36, 39)), axis=-1) <= self.distance


@dataclass(frozen=True)
class Task:
    """What distinguishes one hand task from another.

    Attributes:
        simulation: module and class in gymnasium-robotics.
        success: its class; the defaults of its fields are the paper's thresholds.
        released: the thresholds of the authors' code, where they differ.
        dapg_success_steps: DAPG counts an episode as a success when more steps than this are successful (Rajeswaran et
            al. 2018, `evaluate_success`).
        camera: the one of the model that shows hand, object and goal best.
    """

    simulation: tuple[str, str]
    success: type[PenSuccess] | type[DoorSuccess] | type[RelocateSuccess]
    released: Mapping[str, float]
    dapg_success_steps: int
    camera: str


TASKS: Mapping[str, Task] = {
    "pen": Task(("adroit_pen", "AdroitHandPenEnv"), PenSuccess, {}, 20, "fixed"),
    "door": Task(("adroit_door", "AdroitHandDoorEnv"), DoorSuccess, {"angle": 1.35}, 25, "vil_camera"),
    "relocate": Task(("adroit_relocate", "AdroitHandRelocateEnv"), RelocateSuccess, {}, 25, "fixed"),
}


def success_function(task: str, thresholds: str = "paper", **overrides: float) -> Success:
    """The success of a task as a function of observations (..., O) -> bool (...,).

    Args:
        task: `pen`, `door` or `relocate`.
        thresholds: `paper` or `released`.
        overrides: single thresholds by name: `distance` (m) and `cosine` for pen, `angle` (rad) for door, `distance`
            for relocate.

    Raises:
        ConfigError: an unknown task, set of thresholds or threshold, or one that nothing or everything meets.
    """
    if task not in TASKS:
        raise ConfigError(f"task {task!r} is unknown; known are {', '.join(TASKS)}")
    if thresholds not in ("paper", "released"):
        raise ConfigError(f"thresholds={thresholds!r} is unknown; known are 'paper' and 'released'")
    names = [field.name for field in fields(TASKS[task].success)]
    for name, value in overrides.items():
        if name not in names:
            raise ConfigError(f"awac/{task.title()}Binary-v0 has no option {name!r}; its thresholds are {names}")
        if not 0 < value < np.inf:
            raise ConfigError(f"{name}={value!r} of awac/{task.title()}Binary-v0 must be a positive number")
        if name == "cosine" and value >= 1:
            raise ConfigError(f"cosine={value!r} of awac/{task.title()}Binary-v0 must be below 1, which none is above")
    chosen = dict(TASKS[task].released) if thresholds == "released" else dict[str, float]()
    return TASKS[task].success(**{**chosen, **overrides})


class BinaryAdroit(gymnasium.Env[Array, Array]):
    """An Adroit hand task with reward `success(next observation) - 1`, never terminated.

    Actions are 24 (pen), 28 (door) or 30 (relocate) joint targets, float32 in [-1, 1]; one step is 10 ms. `info` holds
    `success` after every reset and step.

    Attributes:
        dapg_success_steps: an episode counts for DAPG's success rate when more steps than this are successful.
    """

    metadata: dict[str, Any] = {"render_modes": ["human", "rgb_array", "depth_array"], "render_fps": 100}  # noqa: RUF012 - as Gymnasium declares it
    simulation_package: ClassVar[str] = "gymnasium_robotics.envs.adroit_hand"

    def __init__(
        self,
        task: Literal["pen", "door", "relocate"],
        thresholds: Literal["paper", "released"] = "paper",
        render_mode: str | None = None,
        distance: float | None = None,
        cosine: float | None = None,
        angle: float | None = None,
        **simulation_options: Any,
    ) -> None:
        """Builds the simulation.

        Args:
            task: which object the hand has to do with.
            thresholds: `paper` or `released` (the authors' code).
            render_mode: as in Gymnasium.
            distance: metres, pen and relocate.
            cosine: pen.
            angle: radians, door.
            simulation_options: passed to gymnasium-robotics, such as `width`, `height` or `camera_name`.

        Raises:
            ConfigError: an unknown task or threshold, or pictures that cannot be.
        """
        self.success = success_function(task, thresholds, **_given(distance=distance, cosine=cosine, angle=angle))
        self.dapg_success_steps = TASKS[task].dapg_success_steps
        self.render_mode = render_mode
        if "camera_id" not in simulation_options:
            simulation_options.setdefault("camera_name", TASKS[task].camera)
        self.simulation = _simulation(*TASKS[task].simulation, render_mode=render_mode, **simulation_options)
        scene = importlib.import_module("awac.envs.scene")  # it imports MuJoCo, which relabelling does without
        pictures = {"width": self.simulation.width, "height": self.simulation.height}
        scene.allow_pictures(self.simulation.model, camera_name=simulation_options.get("camera_name"), **pictures)
        self.observation_space = self.simulation.observation_space
        self.action_space = self.simulation.action_space

    @staticmethod
    def reward_function(
        task: str,
        thresholds: str = "paper",
        distance: float | None = None,
        cosine: float | None = None,
        angle: float | None = None,
        **_: Any,
    ) -> Callable[[Array], Array]:
        """Rewards float32 (n,) as a function of next observations (n, O); for relabelling datasets.

        Raises:
            ConfigError: as `success_function`.
        """
        success = success_function(task, thresholds, **_given(distance=distance, cosine=cosine, angle=angle))
        return lambda next_observations: success(next_observations).astype(np.float32) - np.float32(1)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Draws a new goal; `options` as in gymnasium-robotics (`initial_state_dict`)."""
        super().reset(seed=seed)
        self.simulation.np_random = self.np_random  # one generator, so that one state captures it
        observation, _ = self.simulation.reset(options=options)
        return observation, {"success": bool(self.success(observation))}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Moves the joint targets for 10 ms."""
        observation, *_ = self.simulation.step(action)
        success = bool(self.success(observation))
        return observation, float(success) - 1.0, False, False, {"success": success}

    def render(self) -> Any:
        """A frame, as the simulation draws it."""
        return self.simulation.render()

    def close(self) -> None:
        """Frees the renderer."""
        self.simulation.close()

    def get_state(self) -> dict[str, Array]:
        """Everything that the next step depends on, as arrays; see `awac.envs.snapshot`."""
        return snapshot.mujoco_state(self.simulation)

    def set_state(self, state: Mapping[str, Array]) -> None:
        """The inverse of `get_state`.

        Raises:
            CheckpointError: the state is not one of this task, or of another version of MuJoCo.
        """
        snapshot.set_mujoco_state(self.simulation, state)


def _given(**thresholds: float | None) -> dict[str, float]:
    return {name: value for name, value in thresholds.items() if value is not None}


def _simulation(module: str, name: str, **options: Any) -> Any:
    """Imports and builds an environment of gymnasium-robotics.

    Importing that package prints a notice: the dense rewards of v1 of these tasks changed without a new version number.
    Our rewards are computed from observations and never from its reward, so the notice would only mislead. It alone is
    dropped; anything else that the import prints is passed on.
    """
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed):
        package = importlib.import_module(f"{BinaryAdroit.simulation_package}.{module}")
    for line in printed.getvalue().splitlines():
        if "AdroitHandRelocateDense-v1" not in line:
            print(line, file=sys.stderr)
    return getattr(package, name)(reward_type="sparse", **options)
