"""What the robot tasks share: the step of time with its delays, domain parameters, exact states, pictures.

A task gives a compiled `MjModel` and five methods: `begin` (where an episode starts), `command` (what an action does),
`measure` (what the sensors say), `observe` (what the policy sees of that) and `judge` (what it is paid). Rewards and
success are functions of the observation: they are judged on what was measured, as on a robot.

One step lasts `PERIOD`. The action arrives `action_delay` after the step began, the sensors are read `latency` before
it ends:

    step begins      action arrives                        sensors are read      step ends
    |--action_delay--|                                     |-------latency-------|
"""

import abc
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from awac.envs import scene, snapshot
from awac.errors import CheckpointError, ConfigError

mujoco: Any = importlib.import_module("mujoco")  # it comes without complete types

Array = NDArray[Any]

PERIOD = 0.1  # s


@dataclass(frozen=True)
class Domain:
    """In what one robot, or one day, differs from another.

    Attributes:
        friction: factor on the friction of the task's object, at its surface and in its joint.
        mass: factor on the mass and inertia of the task's object.
        latency: age of the observation, 0 to .1 s.
        action_delay: time until an action takes effect, 0 to .1 s; until then the last one does.
        observation_noise: standard deviation of each measured number, in its own unit (m, rad).
    """

    friction: float = 1.0
    mass: float = 1.0
    latency: float = 0.0
    action_delay: float = 0.0
    observation_noise: float = 0.0

    def __post_init__(self) -> None:
        """Refuses what cannot be.

        Raises:
            ConfigError: naming the parameter, its value and what is allowed.
        """
        allowed = {"friction": (0.0, 100.0), "mass": (0.01, 100.0), "observation_noise": (0.0, 1.0)}
        for name, value in asdict(self).items():
            low, high = allowed.get(name, (0.0, PERIOD))
            if not low <= value <= high:
                raise ConfigError(f"{name}={value!r} of a robot task: allowed is {low:g} to {high:g}")


class RobotTask(gymnasium.Env[Any, Array], abc.ABC):
    """A task with one MuJoCo model; actions are float32 in [-1, 1], `info["success"]` is there after reset and step.

    It never terminates. Options that all tasks have are those of `__init__`.

    Attributes:
        model: the `MjModel`.
        data: its `MjData`.
        domain: the domain parameters in force.
        friction_range: lowest and highest `friction` that the task's contacts bear.
    """

    friction_range: ClassVar[tuple[float, float]] = (0.0, 100.0)
    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": round(1 / PERIOD)}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(
        self,
        model: Any,
        actions: int,
        observation_space: gymnasium.Space[Any],
        objects: Sequence[str],
        *,
        render_mode: str | None = None,
        width: int = 640,
        height: int = 480,
        camera_name: str = "view",
        **domain: float,
    ) -> None:
        """Prepares simulation and spaces.

        Args:
            model: compiled.
            actions: how many numbers an action has.
            observation_space: of the task.
            objects: the bodies whose mass and friction are domain parameters.
            render_mode: None or `rgb_array`.
            width: of pictures, in pixels.
            height: of pictures, in pixels.
            camera_name: of the model; where it has no `view`, that is MuJoCo's free camera.
            domain: the attributes of `Domain` by name.

        Raises:
            ConfigError: an option that is unknown or cannot be.
        """
        self.model, self.data = model, mujoco.MjData(model)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (actions,), np.float32)
        self.observation_space = observation_space
        self.render_mode = render_mode
        self.mujoco_renderer: Any = None
        scene.allow_pictures(model, width, height, None if camera_name == "view" else camera_name)
        self._picture = {"width": width, "height": height, "camera_name": camera_name}
        self._nominal = _Nominal(model, objects)
        self.domain = Domain()
        self.set_domain(**domain)

    @abc.abstractmethod
    def begin(self) -> None:
        """Puts where the episode begins, drawn from `np_random`, into `model` and `data`; `data` was just reset."""

    @abc.abstractmethod
    def command(self, action: Array) -> None:
        """Sets the controls for an action float64 (A,) in [-1, 1]; kinematic quantities are up to date."""

    @abc.abstractmethod
    def measure(self) -> Array:
        """What the sensors say, float64 (M,); kinematic quantities are up to date."""

    @abc.abstractmethod
    def observe(self, measured: Array) -> Any:
        """The observation, made of what was measured (M,), noise included."""

    @abc.abstractmethod
    def judge(self, observation: Any) -> tuple[float, dict[str, Any]]:
        """Reward and info of an observation; the info has `success`, and always the same names."""

    def set_domain(self, **parameters: float) -> None:
        """Changes domain parameters by name, from the next step on.

        Raises:
            ConfigError: one that is unknown or cannot be.
        """
        unknown = sorted(set(parameters) - set(asdict(self.domain)))
        if unknown:
            known = list(asdict(self.domain))
            raise ConfigError(f"options {unknown} of {type(self).__name__} are unknown; its domain has {known}")
        domain = replace(self.domain, **{name: _number(name, value) for name, value in parameters.items()})
        low, high = self.friction_range
        if not low <= domain.friction <= high:
            raise ConfigError(f"friction={domain.friction!r} of {type(self).__name__}: allowed is {low:g} to {high:g}")
        if (domain.friction, domain.mass) != (self.domain.friction, self.domain.mass):
            self._nominal.scale(self.model, domain.friction, domain.mass)
        self.domain = domain

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode; there are no `options`.

        Raises:
            ConfigError: `options` are given.
        """
        super().reset(seed=seed)
        if options:
            raise ConfigError(f"reset options {sorted(options)} of {type(self).__name__}: it has none")
        mujoco.mj_resetData(self.model, self.data)
        self.begin()
        mujoco.mj_forward(self.model, self.data)
        observation = self.observe(self._measured())
        return observation, self.judge(observation)[1]

    def step(self, action: Array) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Goes on by `PERIOD`."""
        total = self._substeps(PERIOD)
        arrives, read = self._substeps(self.domain.action_delay), total - self._substeps(self.domain.latency)
        action = np.clip(np.asarray(action, np.float64), -1.0, 1.0)
        if read < arrives:
            self._simulate(read)
            measured = self._measured()
            self._simulate(arrives - read)
            self.command(action)
            self._simulate(total - arrives)
        else:
            self._simulate(arrives)
            self.command(action)
            self._simulate(read - arrives)
            measured = self._measured()
            self._simulate(total - read)
        observation = self.observe(measured)
        reward, info = self.judge(observation)
        return observation, reward, False, False, info

    def render(self) -> Array | None:
        """A picture uint8 (height, width, 3), or None without a render mode."""
        if self.render_mode is None:
            return None
        if self.mujoco_renderer is None:
            rendering: Any = importlib.import_module("gymnasium.envs.mujoco.mujoco_rendering")  # slow to import
            self.mujoco_renderer = rendering.MujocoRenderer(self.model, self.data, **self._picture)
        return self.mujoco_renderer.render(self.render_mode)

    def close(self) -> None:
        """Frees the renderer."""
        if self.mujoco_renderer is not None:
            self.mujoco_renderer.close()
            self.mujoco_renderer = None

    def get_state(self) -> dict[str, Array]:
        """Everything that the next step depends on, as arrays; see `awac.envs.snapshot`."""
        return {**snapshot.mujoco_state(self), "domain": np.array(astuple(self.domain))}

    def set_state(self, state: Mapping[str, Array]) -> None:
        """The inverse of `get_state`.

        Raises:
            CheckpointError: the state is not one of this task, or of another version of MuJoCo.
        """
        names = list(asdict(self.domain))
        if state.get("domain", np.zeros(0)).shape != (len(names),):
            raise CheckpointError(f"{type(self).__name__}: the state holds no domain parameters {names}")
        self.set_domain(**dict(zip(names, state["domain"].tolist(), strict=True)))
        snapshot.set_mujoco_state(self, state)

    def _substeps(self, seconds: float) -> int:
        return round(seconds / float(self.model.opt.timestep))

    def _simulate(self, substeps: int) -> None:
        if substeps:
            mujoco.mj_step(self.model, self.data, nstep=substeps)
            mujoco.mj_kinematics(self.model, self.data)  # a step leaves positions of sites one substep behind

    def _measured(self) -> Array:
        measured = self.measure()
        if self.domain.observation_noise:
            measured = measured + self.domain.observation_noise * self.np_random.standard_normal(measured.shape)
        return measured


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}={value!r} of a robot task: allowed is a number") from error


class _Nominal:
    """Masses and frictions of some bodies as they were compiled, to scale them."""

    def __init__(self, model: Any, bodies: Sequence[str]) -> None:
        self.bodies = np.array([int(model.body(name).id) for name in bodies], int)
        self.geometries = np.flatnonzero(np.isin(model.geom_bodyid, self.bodies))
        self.freedoms = np.flatnonzero(np.isin(model.dof_bodyid, self.bodies))
        self.mass, self.inertia = model.body_mass[self.bodies].copy(), model.body_inertia[self.bodies].copy()
        self.friction = model.geom_friction[self.geometries].copy()
        self.friction_loss = model.dof_frictionloss[self.freedoms].copy()

    def scale(self, model: Any, friction: float, mass: float) -> None:
        """Sets the model to these multiples."""
        model.body_mass[self.bodies] = mass * self.mass
        model.body_inertia[self.bodies] = mass * self.inertia
        model.geom_friction[self.geometries] = friction * self.friction
        model.dof_frictionloss[self.freedoms] = friction * self.friction_loss
        mujoco.mj_setConst(model, mujoco.MjData(model))  # what MuJoCo derives from masses
