"""Goal environments for learners that take vectors: the observation and the desired goal, one after the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from awac.errors import ConfigError

Array = NDArray[Any]
GOAL_KEYS = {"observation", "achieved_goal", "desired_goal"}


@dataclass(frozen=True)
class GoalLayout:
    """Where goals stand in the flat observation, how they are paid and drawn: what relabelling in hindsight needs.

    A task says it by a static method `goal_layout(**options)` of its class; see `goal_layout`. Numbers are in the
    environment's units.

    Attributes:
        achieved: columns of the flat observation that hold the achieved goal (G of them).
        desired: columns that hold the desired goal, in the same order.
        low: the lower corner (G,) of the box from which the environment draws goals, uniformly.
        high: its upper corner (G,).
        reward: of a step that ends at some distance from the goal: minus that (`distance`), or 0 within `radius` and -1
            beyond (`binary`).
        radius: the distance up to which a goal counts as reached.
        ends_at_goal: whether a reached goal terminates the episode; nothing else may, then.

    Raises:
        ConfigError: naming the field that cannot be.
    """

    achieved: tuple[int, ...]
    desired: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    reward: Literal["distance", "binary"] = "distance"
    radius: float | None = None
    ends_at_goal: bool = False

    def __post_init__(self) -> None:
        for name in ("achieved", "desired", "low", "high"):
            if not self.achieved or len(getattr(self, name)) != len(self.achieved):
                raise ConfigError(f"goal layout: {name} is {getattr(self, name)}; allowed: one number per goal column")
        if min(self.achieved + self.desired) < 0:
            raise ConfigError(f"goal layout: columns {self.achieved} and {self.desired}; allowed: 0 or more")
        if not all(-np.inf < low <= high < np.inf for low, high in zip(self.low, self.high, strict=True)):
            raise ConfigError(f"goal layout: the box is {self.low} to {self.high}; allowed: finite, low up to high")
        if self.reward not in ("distance", "binary"):
            raise ConfigError(f"goal layout: reward is {self.reward!r}; allowed: 'distance', 'binary'")
        if (self.reward == "binary" or self.ends_at_goal) and not (self.radius is not None and self.radius > 0):
            raise ConfigError(f"goal layout: radius is {self.radius}; allowed where it decides: more than 0")


def goal_layout(env: gymnasium.Env[Any, Any], **options: Any) -> GoalLayout | None:
    """Where the goals of an environment stand, and how they are paid and drawn; None where its class does not say.

    Args:
        env: a made environment, wrapped or not.
        options: that a factory was called with; those of a registered environment, and of what `make` made, are known.

    Raises:
        ConfigError: the static method `goal_layout` of its class does not take these options, or returns another type.
    """
    declared: Any = getattr(env.unwrapped, "goal_layout", None)
    if declared is None or isinstance(declared, GoalLayout):  # its class is in another process
        return declared
    if not options and env.has_wrapper_attr("made_with"):
        options = env.get_wrapper_attr("made_with")
    own = env.spec.kwargs if env.spec is not None else task_options(options)
    name = f"{type(env.unwrapped).__name__}.goal_layout"
    try:
        found = declared(**own)
    except TypeError as error:
        raise ConfigError(f"{name} was given the options {own} of the environment: {error}") from error
    if not isinstance(found, GoalLayout):
        raise ConfigError(f"{name} returns {type(found).__name__}; allowed: awac.envs.GoalLayout")
    return found


def task_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those that the task itself gets; the others are for what wraps it."""
    return {name: value for name, value in options.items() if name not in ("max_episode_steps", "domain")}


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
