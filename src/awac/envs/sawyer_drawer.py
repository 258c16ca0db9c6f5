"""SawyerDrawer: the arm opens a drawer with a hook that must be dropped behind its handle (section VI-C of the paper).

    observation   hook x, y, z (m), angle of the encoder on the drawer's spool (rad)   float32
    action        velocity of the hook, 1 is .2 m/s
    reward        0 where the drawer is open, else -1

The paper calls the drawer open when the motor on it has turned by more than 15 rad; on a spool of 10 mm that is 15 cm.

The paper prints "-1 if the drawer is open beyond a threshold and 0 otherwise". That is a misprint: it would punish
success, and every other sparse reward of the paper is 0 on success and -1 before; so is ours.

The robot of the paper cannot be had in simulation: geometry, masses and the 60 steps of an episode are ours. Compare
methods with each other on it, not with the paper's curves.
"""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from awac.envs.robot_task import PERIOD, RobotTask, mujoco
from awac.envs.sawyer import NOTHING, OBJECTS, Arm, Control, add_arm, workbench
from awac.errors import ConfigError

Array = NDArray[Any]

SPOOL = 0.01  # m; travel of the drawer for each radian of the encoder
SPEED = 0.2  # m/s
LEAD = 0.03  # m; how far the commanded position may lead the hook, so that a blocked motion does not wind up
REACH = np.array([[-0.15, 0.4, 0.03], [0.15, 0.74, 0.3]])  # m
START = np.array([[-0.1, 0.5, 0.18], [0.1, 0.6, 0.28]])  # m
CASE = 0.86  # m; y of the cabinet
SLOT = (0.0, CASE - 0.155, 0.1)  # m; between bar and front of the closed drawer, at the height of the bar


class SawyerDrawer(RobotTask):
    """Open the drawer; success is an encoder beyond `open_angle`."""

    def __init__(self, open_angle: float = 15.0, control: Control = "ik", **options: Any) -> None:
        """Builds the simulation.

        Args:
            open_angle: of the encoder, in radians; 15 are 15 cm, the stop is at 22.
            control: `ik` or `mocap`; see `awac.envs.sawyer`.
            options: of `RobotTask`.

        Raises:
            ConfigError: an option that is unknown or cannot be.
        """
        if not 0 < open_angle < 22:
            raise ConfigError(f"open_angle={open_angle!r} of awac/SawyerDrawer-v0: allowed is more than 0, below 22")
        self.open_angle = open_angle
        space = gymnasium.spaces.Box(-np.inf, np.inf, (4,), np.float32)
        super().__init__(_build(control), 3, space, ["drawer"], **options)
        self.arm = Arm(self.model, "hook", control)
        self.slide = int(self.model.joint("drawer").qposadr[0])
        self.target: Array = np.zeros(3)

    @staticmethod
    def reward_function(open_angle: float = 15.0, **_: Any) -> Callable[[Array], Array]:
        """Rewards float32 (n,) as a function of next observations (n, 4); for relabelling datasets."""
        return lambda following: (following[..., 3] > open_angle).astype(np.float32) - np.float32(1)

    def begin(self) -> None:
        """Draws where the hook is; the drawer is closed, as after the paper's automatic reset."""
        self.target = START[0] + (START[1] - START[0]) * self.np_random.random(3)
        self.arm.place(self.data, self.target)

    def command(self, action: Array) -> None:
        """Moves the commanded position of the hook, and takes it along where the hook stays behind."""
        hook = self.arm.position(self.data)
        lead = np.clip(self.target + SPEED * PERIOD * action - hook, -LEAD, LEAD)
        self.target = np.clip(hook + lead, *REACH)
        self.arm.move(self.data, self.target)

    def measure(self) -> Array:
        """Hook and encoder (4,)."""
        return np.append(self.arm.position(self.data), self.data.qpos[self.slide] / SPOOL)

    def observe(self, measured: Array) -> Array:
        """The measurement, float32 (4,)."""
        return measured.astype(np.float32)

    def judge(self, observation: Array) -> tuple[float, dict[str, Any]]:
        """Reward; success."""
        success = bool(observation[3] > self.open_angle)
        return float(success) - 1.0, {"success": success}


def _build(control: Control) -> Any:
    """The model: a hook at the flange, a cabinet, and a drawer in it with a bar for a handle."""
    spec = workbench(eye=(0.85, 0.12, 0.66), target=(0.0, 0.63, 0.09))
    flange = add_arm(spec, control)
    capsule, box = mujoco.mjtGeom.mjGEOM_CAPSULE, mujoco.mjtGeom.mjGEOM_BOX
    touching = {"contype": OBJECTS, "conaffinity": OBJECTS}
    ghost = {"contype": NOTHING, "conaffinity": NOTHING}
    steel = {"size": [0.008, 0, 0], "mass": 0.05, "rgba": (0.85, 0.86, 0.88, 1)}
    flange.add_geom(name="hook", type=capsule, fromto=[0, 0, 0.03, 0, 0, 0.16], **steel, **touching)
    flange.add_site(name="hook", pos=[0, 0, 0.165], size=[0.004] * 3)
    case = spec.worldbody.add_body(name="case", pos=[0, CASE, 0])
    green = {"type": box, "rgba": (0.3, 0.45, 0.4, 1), **touching}
    for side in (-1, 1):
        case.add_geom(pos=[side * 0.14, 0, 0.09], size=[0.008, 0.12, 0.09], **green)
    case.add_geom(pos=[0, 0, 0.185], size=[0.148, 0.12, 0.006], **green)
    case.add_geom(pos=[0, 0.115, 0.09], size=[0.148, 0.006, 0.09], **green)
    drawer = case.add_body(name="drawer", pos=[0, -0.01, 0.02])
    slide = {"type": mujoco.mjtJoint.mjJNT_SLIDE, "axis": [0, -1, 0], "range": [0, 0.22], "limited": 1}
    drawer.add_joint(name="drawer", damping=6, frictionloss=1.5, **slide)
    white = {"type": box, "rgba": (0.88, 0.87, 0.83, 1)}
    drawer.add_geom(pos=[0, -0.11, 0.075], size=[0.12, 0.006, 0.065], mass=0.3, **white, **touching)
    drawer.add_geom(pos=[0, 0, 0.012], size=[0.12, 0.11, 0.004], mass=0.3, **white, **ghost)
    for side in (-1, 1):
        drawer.add_geom(pos=[side * 0.116, 0, 0.05], size=[0.004, 0.11, 0.04], mass=0.1, **white, **ghost)
    bar = {"type": capsule, "size": [0.006, 0, 0], "mass": 0.02, "rgba": (0.15, 0.15, 0.16, 1), **touching}
    for side in (-0.05, 0.05):
        drawer.add_geom(fromto=[side, -0.116, 0.08, side, -0.165, 0.08], **bar)
    drawer.add_geom(name="handle", fromto=[-0.05, -0.165, 0.08, 0.05, -0.165, 0.08], **bar)
    return spec.compile()
