"""A claw of three fingers turns a valve of four prongs by 180 degrees: the paper's first robot, simulated.

The dimensions are those of the D'Claw of ROBEL (Ahn et al. 2019), whose collision shapes are boxes and capsules, as
here. Nine servos hold joint positions; an action is where they should be, ten times a second.

    reward = 0 if |target - valve| < 0.25 rad, the short way round, else -1

The paper prints these two the other way round ("-1 if the valve is rotated within 0.25 radians of the target"), which
would pay for staying away.

**What the 22 numbers are is inferred.** The paper says "22 dimensions, consisting of joint angles of the robot and
rotational position of the object", which alone would be 10 or 11. ROBEL's own observation has 21: joint angles, last
action, cosine and sine of the valve, and one signed error. With the target in place of that error it is 22:
    0-8    joint angles (rad): base, middle and tip joint of each of three fingers
    9-17   last action, so that the state says what the servos are pulling towards
    18-19  cosine and sine of the valve's angle
    20-21  cosine and sine of the target's
"""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from awac.envs import scene
from awac.envs.robot_task import RobotTask, mujoco
from awac.envs.servo import add_servo
from awac.errors import ConfigError

Array = NDArray[Any]

JOINTS = slice(0, 9)
LAST_ACTION = slice(9, 18)
VALVE = slice(18, 20)
TARGET = slice(20, 22)

FINGERS = ("left", "right", "back")
RESET_POSE = np.array([0.0, -np.pi / 3, np.pi / 3] * 3)  # rad: fingers spread, clear of the valve
REACH = np.array([0.48, np.pi / 3, np.pi / 2] * 3)  # rad: actions in [-1, 1] are targets in [-REACH, REACH]

# Where each finger is mounted on the claw (m), and how it is turned about the vertical (rad).
MOUNTS = (((0.03, -0.052, 0.003), 0.52), ((0.03, 0.052, 0.003), 2.6), ((-0.06, 0.0, 0.003), -1.57))
# Each link hangs this far (m) below the one before, and turns about this axis, within these limits (rad).
LINKS = (
    (0.01425, (0, 1, 0), (-0.45, 1.35)),
    (0.0675, (1, 0, 0), (-2.0, 2.0)),
    (0.068, (1, 0, 0), (-2.0, 2.0)),
)
STIFFNESS = 2.0  # N m / rad, of the servos
FRICTION = 0.2  # sliding, of fingertips and valve
PRONGS = 4
TOLERANCE = 0.25  # rad; the paper's
GHOST = {"contype": 0, "conaffinity": 0, "mass": 0.0}  # drawn, not felt
SOLID = {"contype": 2, "conaffinity": 2, "condim": 4, "margin": 0.0005}
DARK, METAL, LIGHT = (0.2, 0.22, 0.25, 1), (0.62, 0.64, 0.67, 1), (0.95, 0.95, 0.92, 1)
GREY, BLUE, GREEN = (0.42, 0.45, 0.5, 1), (0.12, 0.38, 0.9, 1), (0.1, 0.7, 0.3, 1)


def angle_error(observations: Array) -> Array:
    """The signed angle (rad) from the valve to its target, the short way round: (...,) from (..., 22)."""
    valve, target = (np.asarray(observations[..., part], np.float32).astype(np.float64) for part in (VALVE, TARGET))
    cosine = (valve * target).sum(axis=-1)
    sine = valve[..., 0] * target[..., 1] - valve[..., 1] * target[..., 0]
    return np.arctan2(sine, cosine)


class ClawValve(RobotTask):
    """Turn the valve until its blue prong points at the target; see the module for what is observed.

    An episode begins with the fingers spread and the valve near zero: what the paper's reset mechanism does before each
    trajectory, at once. The target stands half a turn away.
    """

    def __init__(
        self, tolerance: float = TOLERANCE, start_spread: float = 0.05, target_spread: float = 0.0, **options: Any
    ) -> None:
        """Builds the simulation.

        Args:
            tolerance: error (rad) below which the valve is where it should be; the paper's.
            start_spread: the valve begins at up to this angle (rad) to either side of zero, uniformly.
            target_spread: likewise for the target, to either side of half a turn.
            options: those of `RobotTask`.

        Raises:
            ConfigError: an option that is unknown or cannot be.
        """
        check_tolerance(tolerance)
        for name, spread in (("start_spread", start_spread), ("target_spread", target_spread)):
            if not 0 <= spread <= np.pi:
                raise ConfigError(f"{name}={spread!r} of awac/ClawValve-v0: allowed is 0 to pi (rad)")
        space = gymnasium.spaces.Box(-np.inf, np.inf, (22,), np.float32)
        super().__init__(build_spec().compile(), 9, space, ["valve"], **options)
        self.tolerance, self.start_spread, self.target_spread = tolerance, start_spread, target_spread
        self.target, self.last_action = np.pi, RESET_POSE / REACH

    @staticmethod
    def reward_function(tolerance: float = TOLERANCE, **_: Any) -> Callable[[Array], Array]:
        """Rewards float32 (n,) as a function of next observations (n, 22); for relabelling datasets.

        Raises:
            ConfigError: an impossible tolerance.
        """
        check_tolerance(tolerance)
        return lambda next_observations: np.where(np.abs(angle_error(next_observations)) < tolerance, 0, -1).astype(
            np.float32
        )

    def begin(self) -> None:
        """Fingers spread; valve and target drawn."""
        self.data.qpos[:9] = self.data.ctrl[:9] = RESET_POSE
        self.data.qpos[9] = self.np_random.uniform(-self.start_spread, self.start_spread)
        self.target = np.pi + float(self.np_random.uniform(-self.target_spread, self.target_spread))
        self.model.body("target").quat[:] = turned(self.target)
        self.last_action = RESET_POSE / REACH

    def command(self, action: Array) -> None:
        """Moves the servos' targets."""
        self.last_action = action
        self.data.ctrl[:9] = action * REACH

    def measure(self) -> Array:
        """Nine joint angles and the valve's (rad)."""
        return self.data.qpos[:10].copy()

    def observe(self, measured: Array) -> Array:
        """The 22 numbers, float32."""
        angles = np.array([measured[9], self.target])
        pairs = np.column_stack([np.cos(angles), np.sin(angles)]).ravel()
        return np.concatenate([measured[:9], self.last_action, pairs]).astype(np.float32)

    def judge(self, observation: Array) -> tuple[float, dict[str, Any]]:
        """0 where the valve is close enough to its target, else -1."""
        error = float(angle_error(observation))
        success = abs(error) < self.tolerance
        return float(success) - 1.0, {"success": success, "error": error}


def check_tolerance(tolerance: float) -> None:
    """Refuses a tolerance that no error or every error meets.

    Raises:
        ConfigError: naming it.
    """
    if not 0 < tolerance < np.pi:
        raise ConfigError(f"tolerance={tolerance!r} of awac/ClawValve-v0: allowed is above 0 and below pi (rad)")


def build_spec() -> Any:
    """The `MjSpec` of claw, valve and target."""
    spec = scene.new_spec(floor=0.0)
    spec.modelname = "claw_valve"
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    scene.add_camera(spec, "view", eye=(0.46, 0.06, 0.37), target=(0.0, 0.0, 0.14), field_of_view=42.0)
    spec.worldbody.add_light(pos=[0.8, -0.6, 1.0], dir=[-0.7, 0.5, -0.8], diffuse=[0.15, 0.15, 0.15], castshadow=False)
    claw = spec.worldbody.add_body(name="claw", pos=[0, 0, 0.335], quat=[0, 1, 0, 0])  # it hangs upside down
    claw.add_geom(type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[0.075, 0.004, 0], rgba=METAL, **GHOST)
    for name, (position, yaw) in zip(FINGERS, MOUNTS, strict=True):
        add_finger(spec, claw, name, position, yaw)
    add_valve(spec.worldbody)
    target = spec.worldbody.add_body(name="target")
    target.add_site(
        type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=[0, 0, 0.135, 0.1, 0, 0.135], size=[0.006, 0, 0], rgba=GREEN
    )
    return spec


def turned(angle: float) -> list[float]:
    """The quaternion of a turn about the vertical (rad)."""
    return [float(np.cos(angle / 2)), 0.0, 0.0, float(np.sin(angle / 2))]


def add_finger(spec: Any, claw: Any, name: str, position: tuple[float, ...], yaw: float) -> None:
    """Three links with a servo at each joint; the last one ends in a soft round tip."""
    shapes = mujoco.mjtGeom
    body = claw.add_body(pos=position, quat=turned(yaw))
    body.add_geom(type=shapes.mjGEOM_BOX, pos=[0.012, 0, 0.014], size=[0.024, 0.0175, 0.015], rgba=DARK, **GHOST)
    for index, (offset, axis, limits) in enumerate(LINKS):
        # The first link faces the other way, so that it bends towards the valve.
        body = body.add_body(name=f"{name}{index}", pos=[0, 0, offset], quat=turned(np.pi) if index == 0 else turned(0))
        joint = f"{name}{index}"
        body.add_joint(name=joint, axis=axis, range=limits, limited=1, damping=0.1, armature=0.001)
        add_servo(spec, joint, (-REACH[index], REACH[index]), STIFFNESS)
        # A light hinge, drawn only: it closes the gap between two links for the eye.
        hinge = {"fromto": [-0.019, 0, 0, 0.019, 0, 0], "size": [0.012, 0, 0], "rgba": METAL}
        body.add_geom(type=shapes.mjGEOM_CYLINDER, **hinge, **GHOST)
        strut = {"fromto": [0, 0, 0, 0, 0, 0.035], "size": [0.009, 0, 0], "rgba": METAL}
        body.add_geom(type=shapes.mjGEOM_CAPSULE, **strut, **GHOST)
        if index < 2:
            size, mass = [0.0175, 0.015, 0.024], 0.105
            body.add_geom(type=shapes.mjGEOM_BOX, pos=[0, 0, 0.056], size=size, mass=mass, rgba=DARK, **SOLID)
    body.add_geom(
        type=shapes.mjGEOM_BOX, pos=[0, 0, 0.026], size=[0.0214, 0.0125, 0.003], mass=0.007, rgba=DARK, **SOLID
    )
    tip = {"pos": [0, 0, 0.053], "size": [0.011, 0.02, 0], "mass": 0.025, "rgba": LIGHT}
    body.add_geom(type=shapes.mjGEOM_CAPSULE, friction=[FRICTION, 0.005, 0.0001], **tip, **SOLID)


def add_valve(world: Any) -> None:
    """A post and on it the valve; one of its prongs is blue, and that is the one that the target speaks of."""
    shapes = mujoco.mjtGeom
    post = world.add_body(name="post", pos=[0, 0, 0.01])
    post.add_geom(
        type=shapes.mjGEOM_BOX, pos=[0, 0, 0.018], size=[0.0175, 0.024, 0.015], rgba=(0.5, 0.5, 0.5, 1), **SOLID
    )
    valve = post.add_body(name="valve", pos=[0, 0, 0.038])
    valve.add_joint(name="valve", axis=[0, 0, 1], damping=0.1, armature=0.001)
    # Contacts take the valve's own friction (priority), so that it can be a domain parameter.
    rough = {"friction": [FRICTION, 0.005, 0.0001], "priority": 1, **SOLID}
    for prong in range(PRONGS):
        angle = 2 * np.pi * prong / PRONGS
        end = [0.074 * np.cos(angle), 0.074 * np.sin(angle), 0.054]
        valve.add_geom(
            type=shapes.mjGEOM_CAPSULE,
            fromto=[0, 0, 0.054, *end],
            size=[0.021, 0, 0],
            mass=0.03,
            rgba=BLUE if prong == 0 else GREY,
            **rough,
        )
    valve.add_geom(
        type=shapes.mjGEOM_CYLINDER, pos=[0, 0, 0.027], size=[0.02, 0.0275, 0], mass=0.04, rgba=GREY, **rough
    )
