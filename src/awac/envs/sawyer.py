"""The Sawyer arm of Rethink Robotics, built in code: kinematics and inertias of the public `sawyer_description`.

Nothing is loaded from files: links are drawn as capsules, carry their published masses and inertias, and collide with
nothing. What touches the world is the tool that a task adds to the flange:

    spec = workbench()
    flange = add_arm(spec, control="ik")                    # its z axis points away from the arm
    flange.add_site(name="tip", pos=[0, 0, 0.16])
    model = spec.compile()
    arm = Arm(model, "tip", control="ik")
    arm.place(data, position)                               # puts the arm there, for a reset
    arm.move(data, position)                                # commands it to go there, for a step

Two controllers keep the tool's orientation and follow commanded positions. `ik` solves damped least squares for joint
angles, which position servos follow, as on the robot. `mocap` drags the flange by a soft weld, as multiworld does it.
"""

import importlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from awac.envs import scene
from awac.envs.servo import add_servo
from awac.errors import ConfigError

mujoco: Any = importlib.import_module("mujoco")  # it comes without complete types

Array = NDArray[Any]
Vector = tuple[float, ...]
Control = Literal["ik", "mocap"]
CONTROLS = ("ik", "mocap")

# Two geometries touch where they share a bit.
NOTHING, TABLE, OBJECTS = 0, 2, 4  # `contype` and `conaffinity` of the geometries

RED = (0.55, 0.09, 0.09, 1)
HOME = (1.889, -0.576, -0.977, 1.642, 0.943, 1.044, 2.293)  # rad; elbow up, flange above the table, pointing down
DOWN = ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0))  # the flange's z axis points at the table
STIFFNESS = (2000.0,) * 4 + (1000.0,) * 3  # N m / rad


@dataclass(frozen=True)
class Link:
    """One link and the joint about its z axis.

    Attributes:
        position: in the link before it, in metres.
        quaternion: likewise, w first.
        range: of the joint, in radians.
        mass: in kilograms.
        center_of_mass: in the link, in metres.
        inertia: about its principal axes, in kg m^2.
        radius: of the capsule that is drawn, in metres.
    """

    position: Vector
    quaternion: Vector
    range: Vector
    mass: float
    center_of_mass: Vector
    inertia: Vector
    radius: float


HALF = 0.70711
LINKS = (
    Link((0, 0, 0.08), (1, 0, 0, 0), (-3.0503, 3.0503), 5.3213,
         (0.024366, 0.010969, 0.14363), (0.0651588, 0.0510944, 0.0186218), 0.07),
    Link((0.081, 0.05, 0.237), (0.5, -0.5, 0.5, 0.5), (-3.8095, 2.2736), 4.505,
         (-0.0030849, -0.026811, 0.092521), (0.0224339, 0.0221624, 0.0097097), 0.06),
    Link((0, -0.14, 0.1425), (HALF, HALF, 0, 0), (-3.0426, 3.0426), 1.745,
         (-0.00016044, -0.014967, 0.13582), (0.0257928, 0.025506, 0.00292515), 0.055),
    Link((0, -0.042, 0.26), (HALF, -HALF, 0, 0), (-3.0439, 3.0439), 2.5097,
         (-0.0048135, -0.0281, -0.084154), (0.0102404, 0.0096997, 0.00369622), 0.05),
    Link((0, -0.125, -0.1265), (HALF, HALF, 0, 0), (-2.9761, 2.9761), 1.1136,
         (-0.0018844, 0.0069001, 0.1341), (0.0136549, 0.0135493, 0.00127353), 0.045),
    Link((0, 0.031, 0.275), (HALF, -HALF, 0, 0), (-2.9761, 2.9761), 1.5625,
         (0.0061133, -0.023697, 0.076416), (0.00474131, 0.00422857, 0.00190672), 0.045),
    Link((0, -0.11, 0.1053), (0.0616248, 0.06163, -0.704416, 0.704416), (-4.7124, 4.7124), 0.3292,
         (0, 0.0085838, -0.0049566), (0.000360258, 0.000311068, 0.000214974), 0.04),
)  # fmt: skip
FLANGE = (0.0, 0.0, 0.0245)  # in the last link


def workbench(eye: Vector = (0.65, 1.3, 0.7), target: Vector = (0.0, 0.55, 0.08)) -> Any:
    """An `MjSpec` with a table, top at z = 0, y away from the arm; the camera `view` looks from `eye` at `target`."""
    spec = scene.new_spec()
    table = {"contype": TABLE, "conaffinity": TABLE, "friction": [0.6, 0.005, 0.0001], "rgba": scene.WOOD}
    box, world = mujoco.mjtGeom.mjGEOM_BOX, spec.worldbody
    world.add_geom(name="table", type=box, pos=[0, 0.7, -0.02], size=[0.5, 0.45, 0.02], **table)
    for side in (-0.42, 0.42):
        for depth in (0.32, 1.08):
            leg = [side, depth, 0.5 * scene.FLOOR]
            world.add_geom(type=box, pos=leg, size=[0.03, 0.03, 0.43], rgba=scene.DARK, contype=0, conaffinity=0)
    scene.add_camera(spec, "view", eye, target)
    return spec


def add_arm(spec: Any, control: Control = "ik") -> Any:
    """Adds the arm at the origin, with what its controller needs.

    Args:
        spec: an `MjSpec`; see `workbench`.
        control: `ik` or `mocap`.

    Returns:
        The body of the flange, for the tool: z points away from the arm, the mounting face is at z = .03 m.

    Raises:
        ConfigError: an unknown controller.
    """
    if control not in CONTROLS:
        raise ConfigError(f"control={control!r} of a Sawyer task is unknown; known are 'ik' and 'mocap'")
    cylinder, ghost = mujoco.mjtGeom.mjGEOM_CYLINDER, {"contype": NOTHING, "conaffinity": NOTHING}
    shell = {**ghost, "mass": 0}  # of links, whose inertia is given
    body = spec.worldbody.add_body(name="base")
    body.add_geom(type=cylinder, size=[0.09, 0.13, 0], pos=[0, 0, 0.1], rgba=scene.DARK, **ghost)
    body.add_geom(type=cylinder, size=[0.16, 0.435, 0], pos=[0, 0, -0.465], rgba=(0.3, 0.3, 0.32, 1), **ghost)
    ends = [*(link.position for link in LINKS[1:]), FLANGE]
    for number, (link, end) in enumerate(zip(LINKS, ends, strict=True)):
        body = body.add_body(
            name=f"right_l{number}", pos=link.position, quat=link.quaternion, mass=link.mass, ipos=link.center_of_mass,
            inertia=link.inertia, explicitinertial=True, gravcomp=1,
        )  # fmt: skip
        name = f"right_j{number}"
        body.add_joint(name=name, axis=[0, 0, 1], range=link.range, limited=1, damping=10, armature=0.1)
        capsule = mujoco.mjtGeom.mjGEOM_CAPSULE
        body.add_geom(type=capsule, fromto=[0, 0, 0, *end], size=[link.radius, 0, 0], rgba=RED, **shell)
        body.add_geom(type=cylinder, size=[1.16 * link.radius, 0.8 * link.radius, 0], rgba=scene.DARK, **shell)
        if control == "ik":
            stiffness = STIFFNESS[number]
            add_servo(spec, name, link.range, stiffness, damping=2 * stiffness**0.5)
    flange = body.add_body(name="right_hand", pos=FLANGE, quat=[HALF, 0, 0, HALF])
    flange.add_geom(type=cylinder, size=[0.035, 0.015, 0], pos=[0, 0, 0.015], mass=0.1, rgba=scene.DARK, **ghost)
    if control == "mocap":
        _add_mocap(spec)
    return flange


def _add_mocap(spec: Any) -> None:
    spec.worldbody.add_body(name="mocap", mocap=True)
    weld = spec.add_equality(
        name="mocap", type=mujoco.mjtEq.mjEQ_WELD, objtype=mujoco.mjtObj.mjOBJ_BODY, name1="mocap", name2="right_hand",
        solref=[0.02, 1], solimp=[0.9, 0.95, 0.001, 0.5, 2],
    )  # fmt: skip
    # Anchor 3, relative position 3 and quaternion 4, torque scale 1; newer versions have a column more.
    weld.data[:11] = [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3.75]


class Arm:
    """Controls the arm of a compiled model so that a site follows commanded positions in a fixed orientation."""

    damping, pull, largest, tolerance = 0.02, 0.1, 0.1, 1e-4
    placing, tracking = 100, 4  # iterations; the tracked target moves by centimetres

    def __init__(self, model: Any, site: str, control: Control = "ik", orientation: Array | None = None) -> None:
        """Looks the arm up.

        Args:
            model: compiled with `add_arm`.
            site: what is to be moved; rigidly attached to the flange.
            control: as given to `add_arm`.
            orientation: (3, 3) of the site in the world; `DOWN` if left out.
        """
        self.model, self.control = model, control
        self.site = int(model.site(site).id)
        self.orientation = np.array(DOWN if orientation is None else orientation, np.float64)
        joints = [model.joint(f"right_j{number}") for number in range(len(LINKS))]
        self.angles = np.array([int(joint.qposadr[0]) for joint in joints])
        self.speeds = np.array([int(joint.dofadr[0]) for joint in joints])
        self.limits = np.array([link.range for link in LINKS]).T
        self.scratch = mujoco.MjData(model)
        if control == "ik":
            self.servos = np.array([int(model.actuator(f"right_j{number}_servo").id) for number in range(len(LINKS))])
        else:
            self.flange, self.offset = self._flange_pose()

    def position(self, data: Any) -> Array:
        """Where the site is (3,), in metres."""
        return data.site_xpos[self.site].copy()

    def place(self, data: Any, position: Array) -> None:
        """Puts the arm with the site at `position` (3,), in metres, at rest, and commands it to stay there."""
        data.qpos[self.angles] = HOME
        data.qpos[self.angles] = self.solve(data.qpos, position, self.placing)
        data.qvel[self.speeds] = 0.0
        mujoco.mj_kinematics(self.model, data)
        self.move(data, position)

    def move(self, data: Any, position: Array) -> None:
        """Commands the site to go to `position` (3,), in metres."""
        if self.control == "ik":
            data.ctrl[self.servos] = self.solve(data.qpos, position, self.tracking)
        else:
            data.mocap_pos[0] = position - self.flange @ self.offset
            mujoco.mju_mat2Quat(data.mocap_quat[0], self.flange.ravel())

    def solve(self, start: Array, position: Array, iterations: int) -> Array:
        """Joint angles (7,) by damped least squares, inside their limits, near `HOME` where there is a choice.

        Args:
            start: (nq,) where to begin.
            position: (3,) of the site, in metres.
            iterations: at most so many.
        """
        scratch, model = self.scratch, self.model
        scratch.qpos[:] = start
        jacobian, quaternion, error = np.zeros((6, model.nv)), np.zeros(4), np.zeros(6)
        for _ in range(iterations):
            mujoco.mj_kinematics(model, scratch)
            mujoco.mj_comPos(model, scratch)
            rotation = self.orientation @ scratch.site_xmat[self.site].reshape(3, 3).T
            mujoco.mju_mat2Quat(quaternion, rotation.ravel())
            mujoco.mju_quat2Vel(error[3:], quaternion, 1.0)
            error[:3] = position - scratch.site_xpos[self.site]
            if np.abs(error[:3]).max() < self.tolerance and np.abs(error[3:]).max() < 10 * self.tolerance:
                break
            mujoco.mj_jacSite(model, scratch, jacobian[:3], jacobian[3:], self.site)
            own = jacobian[:, self.speeds]
            inverse = own.T @ np.linalg.inv(own @ own.T + self.damping**2 * np.eye(6))
            home = self.pull * (np.array(HOME) - scratch.qpos[self.angles])
            change = inverse @ np.clip(error, -self.largest, self.largest) + home - inverse @ (own @ home)
            scratch.qpos[self.angles] = np.clip(scratch.qpos[self.angles] + change, *self.limits)
        return scratch.qpos[self.angles].copy()

    def _flange_pose(self) -> tuple[Array, Array]:
        """The flange's orientation (3, 3) in the world when the site's is as wanted; the site's place (3,) in it."""
        mujoco.mj_kinematics(self.model, self.scratch)
        flange = self.scratch.body("right_hand")
        own = flange.xmat.reshape(3, 3)
        relative = own.T @ self.scratch.site_xmat[self.site].reshape(3, 3)
        return self.orientation @ relative.T, own.T @ (self.scratch.site_xpos[self.site] - flange.xpos)
