"""SawyerPush: walk around the puck until the hand, the puck and the goal lie on a line, then push."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awac.envs.sawyer_push import GOAL, HAND, PUCK, STEP_SIZE

Array = NDArray[Any]


@dataclass(frozen=True)
class PushExpert:
    """It looks at the state alone, so it mends what noise or a slipping puck did.

    Attributes:
        clearance: radius of the walk around the puck, in metres.
        advance: how far ahead on that circle the hand aims, in radians.
        tolerance: how far off the line the hand may be to push, in radians about the puck.
        contact: distance of hand and puck that touch, in metres.
        near: from the goal, in metres, where it stops.
    """

    clearance: float = 0.08
    advance: float = 0.7
    tolerance: float = 0.25
    contact: float = 0.05
    near: float = 0.008

    def __call__(self, observations: Array) -> Array:
        """Actions float32 (n, 2) for flat observations (n, 6)."""
        return np.stack([self.action(row) for row in np.asarray(observations, np.float64)]).astype(np.float32)

    def action(self, observation: Array) -> Array:
        """The action (2,) at one observation (6,)."""
        hand, puck, goal = observation[HAND], observation[PUCK], observation[GOAL]
        distance = float(np.linalg.norm(goal - puck))
        if distance < self.near:
            return np.zeros(2)
        back, arm = (puck - goal) / distance, hand - puck
        angle = np.arctan2(back[0] * arm[1] - back[1] * arm[0], back @ arm)  # of the hand, from the pushing side
        if abs(angle) < self.tolerance:
            target = puck + (self.contact - min(distance, STEP_SIZE)) * back
        else:
            turn = np.sign(angle) * max(abs(angle) - self.advance, 0.0)
            cosine, sine = np.cos(turn), np.sin(turn)
            target = puck + self.clearance * np.array([[cosine, -sine], [sine, cosine]]) @ back
        return np.clip((target - hand) / STEP_SIZE, -1.0, 1.0)
