"""HandReposition: go above the object with the hand open, lower, close, drag it to the target and hold it there."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awac.envs.hand_reposition import GOAL, HAND, HIGH, LOW, OBJECT, OPEN, STEP

Array = NDArray[Any]


@dataclass(frozen=True)
class HandExpert:
    """It looks at the observation alone: how far the fingers are closed says what comes next.

    Attributes:
        offset_x: where the hand should be, seen from the object, when it grasps, in m; so are the next two.
        offset_y: likewise.
        offset_z: likewise.
        bend_1: second joint of the fingers while they hold, in rad; so are the next six.
        bend_2: third joint.
        bend_3: fourth joint.
        thumb_0: first joint of the thumb.
        thumb_1: second joint.
        thumb_2: third joint.
        thumb_3: fourth joint.
        speed: of the drag, in m per step.
        grip: it drags when the second joints are closed by this share of `bend_1`.
    """

    offset_x: float = 0.026
    offset_y: float = -0.035
    offset_z: float = 0.045
    bend_1: float = 1.21
    bend_2: float = 1.177
    bend_3: float = 0.27
    thumb_0: float = 0.985
    thumb_1: float = 1.347
    thumb_2: float = 1.17
    thumb_3: float = 1.077
    speed: float = 0.018
    grip: float = 0.815

    aligned, hovering, carried = 0.02, 0.17, 0.11  # m

    def __call__(self, observations: Array) -> Array:
        """Actions float32 (n, 19) for observations (n, 25)."""
        return np.stack([self.action(row) for row in np.asarray(observations, np.float64)]).astype(np.float32)

    def action(self, observation: Array) -> Array:
        """The action (19,) for one observation (25,)."""
        hand, thing, target = observation[HAND], observation[OBJECT], observation[GOAL]
        gap = thing + np.array([self.offset_x, self.offset_y, self.offset_z]) - hand
        closed = float(observation[[1, 5, 9]].mean()) / self.bend_1
        near = hand[2] < thing[2] + self.offset_z + 0.04 and np.linalg.norm((thing - hand)[:2]) < self.carried
        holds = bool(near) and closed > 0.35
        if holds:
            motion = self.drag(hand, thing, target) if closed > self.grip else np.zeros(3)
        elif np.linalg.norm(gap[:2]) > self.aligned:
            # Rise first: sideways only where the fingers pass above the object.
            motion = np.array([*gap[:2] * (hand[2] > self.hovering - 0.04), self.hovering - hand[2]])
        else:
            motion = gap
            holds = bool(np.linalg.norm(gap) < 0.015)
        cage = np.array([0.0, self.bend_1, self.bend_2, self.bend_3] * 3)
        thumb = np.array([self.thumb_0, self.thumb_1, self.thumb_2, self.thumb_3])
        pose = np.concatenate([cage, thumb]) if holds else OPEN
        fingers = 2.0 * (pose - LOW) / (HIGH - LOW) - 1.0
        return np.clip(np.concatenate([fingers, motion / STEP]), -1.0, 1.0)

    def drag(self, hand: Array, thing: Array, target: Array) -> Array:
        """Where the hand goes next (m) to bring the object nearer to the target, at the height where it grasped."""
        way = (target - thing)[:2]
        length = float(np.linalg.norm(way))
        way = way * min(1.0, self.speed / max(length, self.speed)) if length > 0.012 else np.zeros(2)
        return np.array([*way, target[2] + self.offset_z - hand[2]])
