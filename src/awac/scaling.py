"""The two units of measure: those of the environment, and those that networks like.

Learners and networks see normalised observations and actions in [-1, 1]; environments, datasets and robots see their
own units. `Scaling` is the only place that knows both. NumPy only: the robot's computer needs nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from awac.errors import ConfigError

Floats: TypeAlias = NDArray[np.float32]

STD_FLOOR = 1e-3
"""A column whose standard deviation in the data is below this is centred and not divided (its std is taken as 1).

Such a column is constant, or constant but for noise. Dividing by almost nothing would turn the first change seen later
(a sensor that was still while the data were recorded) into an observation thousands of deviations away.
"""


@dataclass(frozen=True, eq=False)
class Scaling:
    """Observation normalisation and action bounds. Whatever array-like is given is kept as read-only float32.

    Attributes:
        observation_mean: (O,), in the environment's units.
        observation_std: (O,), positive, in the environment's units.
        action_low: (A,), the action that the learner calls -1, in the environment's units.
        action_high: (A,), the action that the learner calls 1.

    Raises:
        ConfigError: A field is not a vector, is not finite, has the wrong length, a std that is not positive, or a low
            bound that is not below its high bound.
    """

    observation_mean: Floats
    observation_std: Floats
    action_low: Floats
    action_high: Floats

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, vector(field.name, getattr(self, field.name)))
        _same_length(self, "observation_mean", "observation_std")
        _same_length(self, "action_low", "action_high")
        _refuse("observation_std", self.observation_std, self.observation_std <= 0, "must be positive")
        _refuse("action_low", self.action_low, self.action_low >= self.action_high, "must be below action_high")

    @property
    def observation_size(self) -> int:
        """O, the number of observation columns."""
        return len(self.observation_mean)

    @property
    def action_size(self) -> int:
        """A, the number of action columns."""
        return len(self.action_low)

    def normalize(self, observations: Any) -> Any:
        """(observations - mean) / std, for float arrays (..., O) of NumPy or of any framework with operators."""
        return (observations - self.observation_mean) / self.observation_std

    def to_unit(self, actions: Any) -> Any:
        """Actions (..., A) from the environment's units to [-1, 1]; what lies outside the bounds stays outside."""
        return (actions - self.action_low) * (2 / (self.action_high - self.action_low)) - 1

    def from_unit(self, actions: Any) -> Any:
        """Actions (..., A) from [-1, 1] to the environment's units; the inverse of `to_unit`, without a clip."""
        return self.action_low + (actions + 1) * (0.5 * (self.action_high - self.action_low))

    @classmethod
    def identity(cls, observation_size: int, action_size: int) -> Scaling:
        """Changes nothing: mean 0, std 1, actions in [-1, 1] on both sides."""
        ones = np.ones(action_size, np.float32)
        return cls(np.zeros(observation_size, np.float32), np.ones(observation_size, np.float32), -ones, ones)

    @classmethod
    def of_space(cls, observation_size: int, action_space: Any) -> Scaling:
        """Observations as they are, actions by the bounds of a Gymnasium `Box` (anything with `low` and `high`).

        Raises:
            ConfigError: The space is not a `Box`, is not a vector, or is unbounded in some dimension.
        """
        if not (hasattr(action_space, "low") and hasattr(action_space, "high")):
            raise ConfigError(f"action space {action_space} is not supported: a bounded one-dimensional Box is needed")
        low, high = np.asarray(action_space.low), np.asarray(action_space.high)
        unbounded = np.flatnonzero(~(np.isfinite(low) & np.isfinite(high)))
        if len(unbounded):
            raise ConfigError(
                f"action space {action_space} has no bound in dimension {unbounded[0]}: "
                "wrap the environment so that every action dimension has a finite low and high"
            )
        zeros, ones = np.zeros(observation_size, np.float32), np.ones(observation_size, np.float32)
        return cls(zeros, ones, *inner_bounds(low, high))

    @classmethod
    def of_data(cls, observations: ArrayLike, action_low: ArrayLike, action_high: ArrayLike) -> Scaling:
        """Mean and standard deviation of observations (n, O), taken in float64; columns below `STD_FLOOR` get std 1.

        Raises:
            ConfigError: `observations` is not a table of at least one row, or holds what is not finite.
        """
        table = np.asarray(observations, np.float64)
        if table.ndim != 2 or not len(table):
            raise ConfigError(f"observations has shape {table.shape}; (n, observation) with n >= 1 is needed")
        std = table.std(axis=0)
        return cls(
            np.asarray(table.mean(axis=0), np.float32),
            np.where(std < STD_FLOOR, 1.0, std).astype(np.float32),
            np.asarray(action_low, np.float32),
            np.asarray(action_high, np.float32),
        )


def inner_bounds(low: NDArray[Any], high: NDArray[Any]) -> tuple[Floats, Floats]:
    """The bounds in float32, never outside of what was given: `float32(0.1)` is more than 0.1."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
        lowest, highest = low.astype(np.float32), high.astype(np.float32)
    inside = np.float32(np.inf)
    return (
        np.where(lowest < low, np.nextafter(lowest, inside), lowest),
        np.where(highest > high, np.nextafter(highest, -inside), highest),
    )


def vector(name: str, values: ArrayLike) -> Floats:
    """A read-only float32 copy of a finite vector; `name` is for the message of the ConfigError."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused below, by name
        array = np.array(values, np.float32)
    if array.ndim != 1:
        raise ConfigError(f"{name} has shape {array.shape}; a vector is needed")
    _refuse(name, array, ~np.isfinite(array), "must be finite")
    array.flags.writeable = False
    return array


def _same_length(scaling: Scaling, first: str, second: str) -> None:
    lengths = len(getattr(scaling, first)), len(getattr(scaling, second))
    if lengths[0] != lengths[1]:
        raise ConfigError(f"{first} has {lengths[0]} entries, {second} has {lengths[1]}; they must agree")


def _refuse(name: str, array: Floats, bad: NDArray[np.bool_], why: str) -> None:
    if bad.any():
        column = int(bad.argmax())
        raise ConfigError(f"{name}[{column}] is {array[column]}; it {why}")
