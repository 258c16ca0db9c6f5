"""ClawValve: all fingers reach in, sweep the valve along, let go and return, until it is where it should be."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awac.envs.claw_valve import JOINTS, LAST_ACTION, REACH, RESET_POSE, angle_error

Array = NDArray[Any]


@dataclass(frozen=True)
class ValveExpert:
    """It looks at the observation alone: the last action in it says how far the gait is.

    Attributes:
        sweep: the fingers go from `-sweep` to `sweep` with their base joints, in rad.
        middle: the middle joints while they touch, in rad.
        tip: the tip joints, likewise.
        stride: how far the base joints go in one step, in rad.
        tolerance: how near to the begin of a sweep the base joints must be to reach in again, in rad.
        stop: error at which the fingers let go, in rad.
    """

    sweep: float = 0.478
    middle: float = 0.08
    tip: float = -0.099
    stride: float = 0.349
    tolerance: float = 0.139
    stop: float = 0.137

    def __call__(self, observations: Array) -> Array:
        """Actions float32 (n, 9) for observations (n, 22)."""
        error = angle_error(observations)
        # Near half a turn both ways are equally short, and a noisy sign would turn to and fro.
        direction = np.where(np.abs(error) > np.pi - 0.5, 1.0, np.sign(error))
        targets = np.asarray(observations[:, LAST_ACTION], np.float64) * REACH
        reached_in = targets[:, 1::3].mean(axis=1) > 0.5 * (self.middle + RESET_POSE[1])
        target = direction * targets[:, 0::3].mean(axis=1)
        angle = direction * observations[:, JOINTS][:, 0::3].mean(axis=1)
        sweeps = reached_in & (target < self.sweep - 0.5 * self.stride)
        reaches = ~reached_in & (angle < self.tolerance - self.sweep)
        arrived = np.abs(error) < self.stop
        base = np.where(sweeps, np.minimum(target + self.stride, self.sweep), np.where(reached_in, 1, -1) * self.sweep)
        touch, apart = (self.middle, self.tip), RESET_POSE[1:3]
        bend = np.where(((sweeps | reaches) & ~arrived)[:, None], touch, apart)
        pose = np.column_stack([np.where(arrived, 0.0, direction * base), bend])
        return np.clip(np.tile(pose, 3) / REACH, -1.0, 1.0).astype(np.float32)
