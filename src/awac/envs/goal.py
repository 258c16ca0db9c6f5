"""Goal environments for learners that take vectors: the observation and the desired goal, one after the other."""

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
GOAL_KEYS = {"observation", "achieved_goal", "desired_goal"}


def is_goal_space(space: gymnasium.Space[Any]) -> bool:
    """Whether observations are dictionaries of the goal conventions, each part a vector."""
    parts: Any = space
    if not isinstance(space, gymnasium.spaces.Dict) or set(parts.spaces) != GOAL_KEYS:
        return False
    return all(isinstance(part, gymnasium.spaces.Box) and len(part.shape) == 1 for part in parts.spaces.values())


class FlattenGoal(gymnasium.ObservationWrapper[Array, Any, Any], gymnasium.utils.RecordConstructorArgs):
    """Observations become vectors (observation, desired_goal).

    The achieved goal is left out: it is a function of the observation, in our tasks some of its columns.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        """Wraps an environment whose space is a goal space; see `is_goal_space`."""
        gymnasium.utils.RecordConstructorArgs.__init__(self)
        gymnasium.ObservationWrapper.__init__(self, env)  # pyright: ignore[reportUnknownMemberType] - left untyped
        parts: Any = env.observation_space
        boxes = [parts["observation"], parts["desired_goal"]]
        low, high = (np.concatenate([getattr(box, name) for box in boxes]) for name in ("low", "high"))
        self.observation_space = gymnasium.spaces.Box(low, high, dtype=low.dtype.type)

    def observation(self, observation: Any) -> Array:
        """Observation and desired goal, one after the other."""
        return np.concatenate([observation["observation"], observation["desired_goal"]])
