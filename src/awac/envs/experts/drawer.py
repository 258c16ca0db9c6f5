"""SawyerDrawer: hover over the slot behind the handle, drop the hook in, pull."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awac.envs.sawyer_drawer import SLOT, SPOOL

Array = NDArray[Any]


@dataclass(frozen=True)
class DrawerExpert:
    """It looks at the state alone: a hook that slipped out is brought back over the slot.

    Attributes:
        hover: height over the table on the way to the slot, in metres.
        inserted: below this height the hook is behind the bar, in metres.
        above: from this height on the hook passes over the bar, in metres.
        aligned: distance from the slot where it drops, in metres.
        lost: distance from the slot where a low hook gives up, in metres.
        gain: of the horizontal approach, per metre.
        drop: speed of the drop, 1 is .2 m/s.
    """

    hover: float = 0.17
    inserted: float = 0.09
    above: float = 0.13
    aligned: float = 0.012
    lost: float = 0.03
    gain: float = 8.0
    drop: float = 0.6

    def __call__(self, observations: Array) -> Array:
        """Actions float32 (n, 3) for observations (n, 4)."""
        return np.stack([self.action(row) for row in np.asarray(observations, np.float64)]).astype(np.float32)

    def action(self, observation: Array) -> Array:
        """The action (3,) at one observation (4,)."""
        height = observation[2]
        error = np.array([SLOT[0], SLOT[1] - SPOOL * observation[3]]) - observation[:2]
        distance = np.linalg.norm(error)
        if distance > (self.aligned if height > self.above else self.lost):
            # A hook beside the bar must rise before it moves over.
            velocity = np.append(error if height > self.above else np.zeros(2), self.hover - height) * self.gain
        elif height > self.inserted:
            velocity = np.append(self.gain * error, -self.drop)
        else:
            velocity = np.array([self.gain * error[0], -1.0, 0.0])
        return np.clip(velocity, -1.0, 1.0)
