"""SawyerPush: the arm pushes a puck to a goal in a field of 40 x 20 cm (appendix E of the paper, after multiworld).

The conventions are those of goal environments: the observation is a dictionary, and `compute_reward`,
`compute_terminated` and `compute_truncated` take whole batches, so that goals can be relabelled in hindsight.

    observation       hand x, y, puck x, y        float32, metres
    achieved_goal     puck x, y
    desired_goal      where the puck should be
    action            the hand moves by up to 2 cm in x and y, 10 times a second
    reward            -|puck - goal|

`awac.envs.make` flattens the dictionary to (observation, desired_goal): hand 0-1, puck 2-3, goal 4-5.

Where versions differ we follow the paper and the authors' run: multiworld's registered `SawyerPush-v0` has goals for
the hand too and a field of 30 x 20 cm for the puck; the paper says puck, and 40 x 20 cm.
"""

from collections.abc import Callable
from typing import Any, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from awac.envs.goal import GoalLayout
from awac.envs.robot_task import RobotTask, mujoco
from awac.envs.sawyer import NOTHING, OBJECTS, Arm, Control, add_arm, workbench
from awac.errors import ConfigError

Array = NDArray[Any]

FIELD = np.array([[-0.2, 0.5], [0.2, 0.7]])  # m; goals, and where hand and puck begin
MARGIN = 0.01  # m; how far out of the field the puck can go
PUCK_RADIUS, PEG_RADIUS = 0.04, 0.012  # m
REACH = FIELD + 0.07 * np.array([[-1], [1]])  # m; so that the hand gets behind the puck anywhere
HEIGHT = 0.02  # m; of the tip of the peg
STEP_SIZE = 0.02  # m
APART = 0.055  # m; hand and puck begin farther from each other than this
HAND, PUCK, GOAL = slice(0, 2), slice(2, 4), slice(4, 6)  # columns of the flat observation


class SawyerPush(RobotTask):
    """Push the puck to the goal; success is within `success_distance`."""

    def __init__(
        self,
        success_distance: float = 0.05,
        hand_start: Literal["uniform", "fixed"] = "uniform",
        control: Control = "ik",
        **options: Any,
    ) -> None:
        """Builds the simulation.

        Args:
            success_distance: of puck and goal, in metres.
            hand_start: anywhere in the field, or always behind it at (0, .46).
            control: `ik` or `mocap`; see `awac.envs.sawyer`.
            options: of `RobotTask`.

        Raises:
            ConfigError: an option that is unknown or cannot be.
        """
        if not 0 < success_distance < np.inf:
            raise ConfigError(f"success_distance={success_distance!r} of awac/SawyerPush-v0 must be a positive number")
        if hand_start not in ("uniform", "fixed"):
            raise ConfigError(
                f"hand_start={hand_start!r} of awac/SawyerPush-v0 is unknown; known are 'uniform' and 'fixed'"
            )
        self.success_distance, self.hand_start = success_distance, hand_start
        parts = {"observation": 4, "achieved_goal": 2, "desired_goal": 2}
        boxes: dict[str, gymnasium.Space[Any]] = {
            name: gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32) for name, size in parts.items()
        }
        super().__init__(_build(control), 2, gymnasium.spaces.Dict(boxes), ["puck"], **options)
        self.arm = Arm(self.model, "tip", control)
        self.puck = [int(self.model.joint(f"puck_{axis}").qposadr[0]) for axis in "xy"]
        self.goal: Array = np.zeros(2)
        self.target: Array = np.zeros(3)

    @staticmethod
    def reward_function(**_: Any) -> Callable[[Array], Array]:
        """Rewards float32 (n,) as a function of flat next observations (n, 6); for relabelling datasets."""
        return lambda following: _reward(following[..., PUCK], following[..., GOAL]).astype(np.float32)

    @staticmethod
    def goal_layout(**_: Any) -> GoalLayout:
        """Puck and goal in the flat observation, paid by distance; goals are drawn from the field."""
        (left, near), (right, far) = FIELD.tolist()
        return GoalLayout(achieved=(2, 3), desired=(4, 5), low=(left, near), high=(right, far))

    def compute_reward(self, achieved_goal: Array, desired_goal: Array, info: Any) -> Any:
        """Minus the distance: float64 (...,) of goals (..., 2); the info is not looked at."""
        del info
        return _reward(achieved_goal, desired_goal)

    def compute_terminated(self, achieved_goal: Array, desired_goal: Array, info: Any) -> Any:
        """Never: bool (...,) of goals (..., 2)."""
        del desired_goal, info
        return np.zeros(np.shape(achieved_goal)[:-1], bool)

    def compute_truncated(self, achieved_goal: Array, desired_goal: Array, info: Any) -> Any:
        """Never: bool (...,) of goals (..., 2); the time limit is a wrapper's."""
        return self.compute_terminated(achieved_goal, desired_goal, info)

    def begin(self) -> None:
        """Draws hand, puck and goal uniformly from the field, the puck not under the hand."""
        hand = self._point() if self.hand_start == "uniform" else np.array([0.0, 0.46])
        puck = self._point()
        while np.linalg.norm(puck - hand) <= APART:
            puck = self._point()
        self.goal = self._point()
        self.model.site("goal").pos[:2] = self.goal
        self.data.qpos[self.puck] = puck
        self.target = np.append(hand, HEIGHT)
        self.arm.place(self.data, self.target)

    def command(self, action: Array) -> None:
        """Moves the commanded position of the hand."""
        self.target[:2] = np.clip(self.target[:2] + STEP_SIZE * action, *REACH)
        self.arm.move(self.data, self.target)

    def measure(self) -> Array:
        """Hand and puck (4,)."""
        return np.concatenate([self.arm.position(self.data)[:2], self.data.qpos[self.puck]])

    def observe(self, measured: Array) -> dict[str, Array]:
        """The dictionary of the goal conventions."""
        parts = {"observation": measured, "achieved_goal": measured[PUCK], "desired_goal": self.goal}
        return {name: values.astype(np.float32) for name, values in parts.items()}

    def judge(self, observation: dict[str, Array]) -> tuple[float, dict[str, Any]]:
        """Reward; success and the distance (m)."""
        reward = float(_reward(observation["achieved_goal"], observation["desired_goal"]))
        return reward, {"success": -reward <= self.success_distance, "distance": -reward}

    def _point(self) -> Array:
        return FIELD[0] + (FIELD[1] - FIELD[0]) * self.np_random.random(2)


def _reward(achieved: Array, desired: Array) -> Any:
    return -np.linalg.norm(np.asarray(achieved, np.float64) - np.asarray(desired, np.float64), axis=-1)


def _build(control: Control) -> Any:
    """The model: a peg at the flange, a puck on two slides that rub, a goal, and the border of the puck's field."""
    spec = workbench()
    flange = add_arm(spec, control)
    capsule, cylinder, box = mujoco.mjtGeom.mjGEOM_CAPSULE, mujoco.mjtGeom.mjGEOM_CYLINDER, mujoco.mjtGeom.mjGEOM_BOX
    touching = {"contype": OBJECTS, "conaffinity": OBJECTS}
    peg = {"fromto": [0, 0, 0.03, 0, 0, 0.16], "size": [PEG_RADIUS, 0, 0], "mass": 0.05, "rgba": (0.85, 0.86, 0.88, 1)}
    flange.add_geom(name="peg", type=capsule, **peg, **touching)
    flange.add_site(name="tip", pos=[0, 0, 0.16], size=[0.004] * 3)
    puck = spec.worldbody.add_body(name="puck", pos=[0, 0, 0.0155])
    for axis, direction, limits in zip("xy", ([1, 0, 0], [0, 1, 0]), FIELD.T, strict=True):
        reach = [limits[0] - MARGIN, limits[1] + MARGIN]
        slide = {"type": mujoco.mjtJoint.mjJNT_SLIDE, "axis": direction, "range": reach, "limited": 1}
        slide["solref_limit"] = [0.005, 1]  # a wall that is harder than the hand
        puck.add_joint(name=f"puck_{axis}", damping=0.5, frictionloss=0.6, **slide)
    surface = {"condim": 3, "friction": [0.2, 0.005, 0.0001], "priority": 1, "rgba": (0.1, 0.42, 0.9, 1)}
    puck.add_geom(type=cylinder, size=[PUCK_RADIUS, 0.015, 0], mass=0.1, **surface, **touching)
    goal = {"size": [PUCK_RADIUS, 0.001, 0], "pos": [0, 0.6, 0.002], "rgba": (0.1, 0.75, 0.3, 1)}
    spec.worldbody.add_site(name="goal", type=cylinder, **goal)
    half, middle = (FIELD[1] - FIELD[0]) / 2 + MARGIN + PUCK_RADIUS, FIELD.mean(axis=0)
    border = {"type": box, "contype": NOTHING, "conaffinity": NOTHING, "rgba": (0.95, 0.95, 0.93, 1)}
    for side in (-1, 1):
        spec.worldbody.add_geom(pos=[side * half[0], middle[1], 0], size=[0.003, half[1], 0.002], **border)
        spec.worldbody.add_geom(pos=[0, middle[1] + side * half[1], 0], size=[half[0], 0.003, 0.002], **border)
    return spec.compile()
