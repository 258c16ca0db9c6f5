"""A hand of four fingers on a Sawyer arm brings an object to the centre of the table: the third robot of the paper.

The hand has the published kinematics of the Allegro hand, with capsules for links. Sixteen servos hold its joints; the
arm carries it over the table, palm down, and follows a point that the action moves.

    reward = -|object - hand| - 3 |object - target|                                                   metres

State, 25 numbers (the paper's "joint angles of the hand, end effector positions of the arm, object position and target
position"):
    0-15   joint angles (rad): four each of index, middle, ring finger and thumb
    16-18  the hand: the point between fingers and palm where it grasps (m)
    19-21  the object's centre
    22-24  the target

Action, 19 numbers in [-1, 1]:
    0-15   where the joints should be, from the lowest to the highest angle
    16-18  how far the grasp point should move, 2 cm at 1
"""

import itertools
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from awac.envs import sawyer, scene
from awac.envs.robot_task import RobotTask, mujoco
from awac.envs.servo import add_servo
from awac.errors import ConfigError

Array = NDArray[Any]

JOINTS, HAND, OBJECT, GOAL = slice(0, 16), slice(16, 19), slice(19, 22), slice(22, 25)

Vector = tuple[float, float, float]

# Angles (rad) of the joints of a finger, spread and then three that bend, and those of the thumb.
FINGER_LIMITS = ((-0.47, 0.47), (-0.196, 1.61), (-0.174, 1.709), (-0.227, 1.618))
THUMB_LIMITS = ((0.263, 1.396), (-0.105, 1.163), (-0.189, 1.644), (-0.162, 1.719))
LOW, HIGH = np.array((FINGER_LIMITS * 3) + THUMB_LIMITS).T
OPEN = np.array([0.0, 0.1, 0.1, 0.1] * 3 + [1.0, 0.2, 0.2, 0.2])  # rad: where an episode begins

# Each link is a capsule from its joint to the next one (m), in its own frame; the last vector ends at the fingertip.
FINGER_LINKS = ((0.0, 0.0, 0.0164), (0.0, 0.0, 0.054), (0.0, 0.0, 0.0384), (0.0, 0.0, 0.0267))
THUMB_LINKS = ((-0.027, 0.005, 0.0399), (0.0, 0.0, 0.0177), (0.0, 0.0, 0.0514), (0.0, 0.0, 0.0423))
FINGER_AXES = ((0, 0, 1), (0, 1, 0), (0, 1, 0), (0, 1, 0))
THUMB_AXES = ((-1, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 0))
# Name, where its first joint sits on the palm (m), how it is turned there (roll, pitch, yaw in rad), and the rest.
DIGITS = (
    ("index", (0.0, 0.0435, -0.001542), (-0.0872665, 0.0, 0.0), FINGER_LINKS, FINGER_AXES, FINGER_LIMITS),
    ("middle", (0.0, 0.0, 0.0007), (0.0, 0.0, 0.0), FINGER_LINKS, FINGER_AXES, FINGER_LIMITS),
    ("ring", (0.0, -0.0435, -0.001542), (0.0872665, 0.0, 0.0), FINGER_LINKS, FINGER_AXES, FINGER_LIMITS),
    ("thumb", (-0.0182, 0.019333, -0.045987), (0.0, -1.6580628, -1.5707963), THUMB_LINKS, THUMB_AXES, THUMB_LIMITS),
)
STIFFNESS = 1.5  # N m / rad, of the servos
SERVO_DAMPING = 0.03  # N m s / rad
TORQUE = 0.7  # N m, the most that a servo gives
FRICTION = 0.6  # sliding, of the object
SURFACE = 8  # `contype` of the table top
RIM = 16  # of what keeps the object on it
TOUCHES = sawyer.OBJECTS | SURFACE  # of hand and object
DARK, LIGHT = (0.16, 0.17, 0.19, 1), (0.93, 0.93, 0.9, 1)
ORANGE, GREEN = (0.9, 0.55, 0.1, 1), (0.1, 0.7, 0.3, 1)

# How the hand hangs at the flange: its fingers along the flange's y axis, the inside of its palm facing away.
MOUNT = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
STEP = 0.02  # m, how far an action of 1 moves the commanded point
LEAD = 0.04  # m, how far that point runs ahead of the hand at most, so that pushing at an obstacle does not wind up
WORKSPACE = (np.array([-0.25, 0.45, 0.07]), np.array([0.25, 0.75, 0.25]))  # m, of the commanded point
START = np.array([0.0, 0.58, 0.2])  # m, the hand's, give or take `START_SPREAD` on each axis
START_SPREAD = 0.03
PLACES = (np.array([-0.16, 0.5]), np.array([0.16, 0.7]))  # m, of the object on the table
APART = 0.06  # m, of object and target at least, when an episode begins
RADIUS, HALF_HEIGHT = 0.032, 0.028  # m, of the object, a cylinder that stands
CENTRE = np.array([0.0, 0.6, HALF_HEIGHT])  # m, the target
DISTANCE = 0.05  # m, success


def distances(observations: Array) -> tuple[Array, Array]:
    """From object to hand and from object to target (m), each (...,), from (..., 25); judged on float32."""
    hand, thing, target = (np.asarray(observations[..., part], np.float32) for part in (HAND, OBJECT, GOAL))
    pairs = ((thing, hand), (thing, target))
    to_hand, to_target = (np.linalg.norm(one.astype(np.float64) - other, axis=-1) for one, other in pairs)
    return to_hand, to_target


class HandReposition(RobotTask):
    """Bring the object to the target; see the module for what is observed.

    An episode begins with the open hand above the table and the object lying elsewhere than at the target: what the
    paper's reset mechanism does before each trajectory, at once.
    """

    friction_range = (0.01, 5.0)  # beyond, MuJoCo's pyramidal friction cones throw the object off or let it sink

    def __init__(self, distance: float = DISTANCE, camera_name: str = "close", **options: Any) -> None:
        """Builds the simulation.

        Args:
            distance: from object to target (m) below which it is a success; the paper names none.
            camera_name: `close`, or `view`, which shows the whole arm.
            options: those of `RobotTask`.

        Raises:
            ConfigError: an option that is unknown or cannot be.
        """
        if not 0 < distance < np.inf:
            raise ConfigError(f"distance={distance!r} of awac/HandReposition-v0: allowed is a positive number (m)")
        space = gymnasium.spaces.Box(-np.inf, np.inf, (25,), np.float32)
        model = build_spec().compile()
        super().__init__(model, 19, space, ["object"], camera_name=camera_name, **options)
        self.distance = distance
        self.arm = sawyer.Arm(model, "hand/grasp", orientation=np.array(sawyer.DOWN) @ MOUNT)
        names = [f"hand/{name}{index}" for name, *_ in DIGITS for index in range(4)]
        self.angles = np.array([int(model.joint(name).qposadr[0]) for name in names])
        self.servos = np.array([int(model.actuator(f"{name}_servo").id) for name in names])
        self.place = int(model.joint("object").qposadr[0])
        self.thing = int(model.body("object").id)
        self.commanded = START.copy()

    @staticmethod
    def reward_function(**_: Any) -> Callable[[Array], Array]:
        """Rewards float32 (n,) as a function of next observations (n, 25); for relabelling datasets."""

        def rewards(next_observations: Array) -> Array:
            to_hand, to_target = distances(next_observations)
            return (-to_hand - 3.0 * to_target).astype(np.float32)

        return rewards

    def begin(self) -> None:
        """The open hand above the table; the object drawn."""
        self.commanded = START + self.np_random.uniform(-START_SPREAD, START_SPREAD, 3)
        self.arm.place(self.data, self.commanded)
        self.data.qpos[self.angles] = self.data.ctrl[self.servos] = OPEN
        place = CENTRE[:2]
        while np.linalg.norm(place - CENTRE[:2]) < APART:
            place = self.np_random.uniform(*PLACES)
        self.data.qpos[self.place : self.place + 2] = place

    def command(self, action: Array) -> None:
        """Moves the servos' targets and the point that the arm follows."""
        self.data.ctrl[self.servos] = LOW + 0.5 * (action[:16] + 1.0) * (HIGH - LOW)
        hand = self.arm.position(self.data)
        lead = np.clip(self.commanded + STEP * action[16:] - hand, -LEAD, LEAD)
        self.commanded = np.clip(hand + lead, *WORKSPACE)
        self.arm.move(self.data, self.commanded)

    def measure(self) -> Array:
        """Joint angles of the hand (rad), its place and the object's (m)."""
        return np.concatenate([self.data.qpos[self.angles], self.arm.position(self.data), self.data.xpos[self.thing]])

    def observe(self, measured: Array) -> Array:
        """The 25 numbers, float32."""
        return np.concatenate([measured, CENTRE]).astype(np.float32)

    def judge(self, observation: Array) -> tuple[float, dict[str, Any]]:
        """The paper's reward."""
        to_hand, to_target = (float(value) for value in distances(observation))
        info = {"success": to_target < self.distance, "object_to_hand": to_hand, "object_to_target": to_target}
        return -to_hand - 3.0 * to_target, info


def build_spec() -> Any:
    """The `MjSpec` of table, arm, hand, object and target."""
    spec = sawyer.workbench()
    spec.modelname = "hand_reposition"
    scene.add_camera(spec, "close", eye=(0.5, 1.12, 0.42), target=(0.0, 0.56, 0.09))
    flange = sawyer.add_arm(spec)
    turn = np.zeros(4)
    mujoco.mju_mat2Quat(turn, MOUNT.ravel())
    flange.add_frame(pos=[0, -0.03, 0.05], quat=turn).attach_body(build_hand().body("palm"), "hand/", "")
    thing = spec.worldbody.add_body(name="object", pos=[*CENTRE[:2], HALF_HEIGHT + 0.001])
    thing.add_freejoint(name="object")
    # Contacts take the object's own friction (priority), so that it can be a domain parameter.
    skin = {"friction": [FRICTION, 0.01, 0.0005], "priority": 1, "condim": 4}
    # An invisible plane stands in for the table's box: contacts with a plane are exact, and equal in all versions.
    top = {"type": mujoco.mjtGeom.mjGEOM_PLANE, "size": [0.5, 0.5, 0.1], "rgba": (0, 0, 0, 0)}
    spec.worldbody.add_geom(contype=SURFACE, conaffinity=SURFACE, friction=[FRICTION, 0.01, 0.0005], **top)
    add_rim(spec)
    cylinder = {"type": mujoco.mjtGeom.mjGEOM_CYLINDER, "size": [RADIUS, HALF_HEIGHT, 0], "mass": 0.2}
    thing.add_geom(rgba=ORANGE, contype=TOUCHES | RIM, conaffinity=TOUCHES | RIM, **cylinder, **skin)
    disc = {"type": mujoco.mjtGeom.mjGEOM_CYLINDER, "size": [1.2 * RADIUS, 0.001, 0.001]}
    spec.worldbody.add_site(name="target", pos=[*CENTRE[:2], 0.002], rgba=GREEN, **disc)
    return spec


def add_rim(spec: Any) -> None:
    """Walls that the object alone touches, drawn low: a cylinder that fell over would roll away for metres.

    They stand where the hand still gets to an object at them.
    """
    low, high = WORKSPACE[0][:2] - RADIUS, WORKSPACE[1][:2] + RADIUS
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    for axis, side in itertools.product((0, 1), (-1, 1)):
        place, size = [*middle, 0.0], [*half, 0.006]
        place[axis] += side * half[axis]
        roll, pitch = (0.5 * np.pi * side, 0.0) if axis else (0.0, -0.5 * np.pi * side)  # the normal, up, turns inwards
        wall = {"type": mujoco.mjtGeom.mjGEOM_PLANE, "size": [0.5, 0.5, 0.1], "rgba": (0, 0, 0, 0)}
        spec.worldbody.add_geom(pos=place, quat=quaternion((roll, pitch, 0.0)), contype=RIM, conaffinity=RIM, **wall)
        size[axis] = 0.003
        spec.worldbody.add_site(type=mujoco.mjtGeom.mjGEOM_BOX, pos=place, size=size, rgba=DARK)


def build_hand() -> Any:
    """The specification of the hand alone; its body `palm` is what to attach."""
    spec = mujoco.MjSpec()
    spec.modelname = "hand"
    spec.compiler.degree = False
    skin = {"condim": 4, "friction": [1.0, 0.02, 0.0005], "contype": TOUCHES, "conaffinity": TOUCHES}
    palm = spec.worldbody.add_body(name="palm", gravcomp=1)
    box = {"size": [0.0204, 0.0565, 0.0475], "pos": [-0.0093, 0, -0.0475], "mass": 0.4, "rgba": DARK}
    palm.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, **box, **skin)
    palm.add_site(name="grasp", pos=[0.045, 0, -0.02], size=[0.004] * 3, rgba=(0, 0, 0, 0))
    for digit in DIGITS:
        add_digit(spec, palm, skin, *digit)
    spec.add_exclude(bodyname1="palm", bodyname2="thumb1")  # the thumb's second knuckle lies inside of the palm's box
    return spec


def add_digit(
    spec: Any,
    palm: Any,
    skin: dict[str, Any],
    name: str,
    position: Vector,
    angles: Vector,
    links: tuple[Vector, ...],
    axes: tuple[tuple[int, int, int], ...],
    limits: tuple[tuple[float, float], ...],
) -> None:
    """A chain of four joints, with a servo at each."""
    body, offset, turn = palm, position, quaternion(angles)
    for index, (link, axis, limit) in enumerate(zip(links, axes, limits, strict=True)):
        joint, tip = f"{name}{index}", index == len(links) - 1
        body = body.add_body(name=joint, pos=offset, quat=turn, gravcomp=1)
        damped = {"damping": 0.05, "armature": 0.0005, "frictionloss": 0.01}
        body.add_joint(name=joint, axis=axis, range=limit, limited=1, **damped)
        shape = {"fromto": [0, 0, 0, *link], "size": [0.012 if tip else 0.0115, 0, 0], "mass": 0.03}
        add_servo(spec, joint, limit, STIFFNESS, SERVO_DAMPING, TORQUE)
        # First knuckles lie inside of the palm's box.
        felt = skin if index else {**skin, "contype": 0, "conaffinity": 0}
        body.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, rgba=LIGHT if tip else DARK, **shape, **felt)
        offset, turn = link, (1.0, 0.0, 0.0, 0.0)


def quaternion(angles: Vector) -> Array:
    """The quaternion of roll, pitch and yaw (rad) about fixed axes."""
    result = np.zeros(4)
    mujoco.mju_euler2Quat(result, np.array(angles), "XYZ")
    return result
