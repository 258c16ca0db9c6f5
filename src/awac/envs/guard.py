"""The check between an environment and everything that learns from it.

An environment is foreign code: it may raise, or return what its own spaces do not allow. `Guard` turns each such event
into `BadTransition`, before anything of it can be stored; `FaultBudget` decides how many of them are too many.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

import gymnasium
import numpy as np
from numpy.typing import NDArray

from awac.data.dataset import success_of
from awac.errors import ConfigError, DivergedError, EnvironmentFault, RobotStop

Array = NDArray[Any]

NUMBERS = (float, int, np.floating, np.integer)
FLOAT32_MAX = np.float64(np.finfo(np.float32).max)  # typed: beside float16 a Python float would become infinite

logger = logging.getLogger(__name__)


class BadTransition(EnvironmentFault):
    """One reset or step failed or broke the environment's own spaces; nothing of it may be stored."""


class FaultBudget:
    """Counts steps and faults, and says when it is enough.

    Too many are: five faults without a good step between them, or more than 1 % of all steps (of 500, while fewer have
    been made, so that one early fault does not end a run).

    Attributes:
        steps: good steps so far.
        faults: bad resets and steps so far.
        in_a_row: faults since the last good step.
    """

    limit_in_a_row = 5
    limit_share = 0.01
    limit_from = 500

    def __init__(self, steps: int = 0, faults: int = 0, in_a_row: int = 0) -> None:
        self.steps, self.faults, self.in_a_row = steps, faults, in_a_row

    @property
    def counts(self) -> tuple[int, int, int]:
        """Steps, faults and faults in a row: what another budget goes on with."""
        return self.steps, self.faults, self.in_a_row

    def good_step(self) -> None:
        """Counts one step that went well."""
        self.steps += 1
        self.in_a_row = 0

    def fault(self, error: BadTransition) -> None:
        """Counts one fault.

        Raises:
            EnvironmentFault: that was one too many; chained to the last fault.
        """
        self.faults += 1
        self.in_a_row += 1
        logger.warning("%s; the episode is restarted", error)
        if self.in_a_row >= self.limit_in_a_row:
            raise EnvironmentFault(f"{self.in_a_row} failures in a row; the last one: {error}") from error
        attempts = max(self.steps + self.faults, self.limit_from)
        if self.faults > self.limit_share * attempts:
            raise EnvironmentFault(
                f"{self.faults} of {self.steps + self.faults} steps failed, more than {self.limit_share:.0%}; "
                f"the last one: {error}"
            ) from error


class Guard(gymnasium.Wrapper[Array, Array, Array, Array], gymnasium.utils.RecordConstructorArgs):
    """Checks every action on its way in and every result on its way out, and changes neither.

    Checked are the action (shape, finite, inside the bounds), the observation (an array of the declared shape and
    dtype, finite in float32), the reward (one finite number), the two flags (bool) and the info (a mapping).

    Raises:
        BadTransition: from `reset` and `step`: the environment raised, or returned something else than it declares.
        DivergedError: from `step`: the action is not finite; the policy is broken, not the environment.
        RobotStop: from `reset` and `step`: the environment raised it; no fault, since nobody may begin another episode.
        ValueError: from `step`: the action has the wrong shape or lies outside the bounds.
    """

    def __init__(
        self,
        env: gymnasium.Env[Array, Array],
        stale_after: int | None = None,
        name: str | None = None,
        made_with: Mapping[str, Any] | None = None,
    ) -> None:
        """Wraps an environment with `Box` spaces.

        Args:
            env: what to check.
            stale_after: refuse this many observations in a row that are equal bit by bit (a camera or a simulator that
                froze). None allows it: a point at a wall may well stand still.
            name: for messages; the environment's id, or else its class, when None.
            made_with: the options of a factory, which no registered specification keeps; see `goal_layout`.
        """
        gymnasium.utils.RecordConstructorArgs.__init__(self, stale_after=stale_after, name=name, made_with=made_with)
        gymnasium.Wrapper.__init__(self, env)  # pyright: ignore[reportUnknownMemberType] - gymnasium leaves it untyped
        self.stale_after, self.made_with = stale_after, dict(made_with or {})
        self.name = name or (env.spec.id if env.spec is not None else type(env.unwrapped).__name__)
        action_space: Any = env.action_space
        self.low, self.high = action_space.low, action_space.high
        self.episode, self.steps, self.unchanged = -1, 0, 0
        self.last_observation: Array | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """As the environment's, checked."""
        self.episode, self.steps, self.unchanged = self.episode + 1, 0, 0
        self.last_observation = None
        observation, info = self._call("reset", ("observation", "info"), seed=seed, options=options)
        self._check_observation(observation, "reset")
        self._check_info(info, "reset")
        return observation, info

    def step(self, action: Array) -> tuple[Array, Any, bool, bool, dict[str, Any]]:
        """As the environment's, checked."""
        self._check_action(action)
        self.steps += 1
        names = ("observation", "reward", "terminated", "truncated", "info")
        theirs = np.array(action)  # which they may change
        observation, reward, terminated, truncated, info = self._call("step", names, action=theirs)
        self._check_observation(observation, "step")
        self._check_reward(reward)
        self._check_flag("terminated", terminated)
        self._check_flag("truncated", truncated)
        self._check_info(info, "step")
        return observation, reward, terminated, truncated, info

    def close(self) -> None:
        """As the environment's.

        Raises:
            EnvironmentFault: it raised.
            RobotStop: it asked for that.
        """
        try:
            super().close()
        except RobotStop as error:
            raise RobotStop(f"{self.name}, close: {error}") from error
        except Exception as error:  # foreign code may raise anything
            raise EnvironmentFault(f"{self.name}, close: raised {error!r}") from error

    def _call(self, call: Literal["reset", "step"], names: tuple[str, ...], **arguments: Any) -> tuple[Any, ...]:
        """The result of the environment's method, as many values as there are names."""
        method: Callable[..., Any] = self.env.reset if call == "reset" else self.env.step
        try:
            result = method(*arguments.values()) if call == "step" else method(**arguments)
        except RobotStop as error:
            raise RobotStop(f"{self._place(call)} {error}") from error
        except Exception as error:  # foreign code may raise anything
            raise BadTransition(f"{self._place(call)} raised {error!r}") from error
        if not isinstance(result, tuple) or len(cast("tuple[Any, ...]", result)) != len(names):
            raise BadTransition(f"{self._place(call)} returned {_short(result)}, expected ({', '.join(names)})")
        return cast("tuple[Any, ...]", result)

    def _place(self, call: str) -> str:
        where = f"step {self.steps} of episode {self.episode}" if call == "step" else f"reset of episode {self.episode}"
        return f"{self.name}, {where}:"

    def _check_action(self, action: Array) -> None:
        if np.shape(action) != self.low.shape:
            raise ValueError(f"{self.name}: action {_short(action)} is not an array of shape {self.low.shape}")
        inside = (action >= self.low) & (action <= self.high)  # false for NaN too
        if inside.all():
            return
        finite = np.isfinite(action)
        if not finite.all():
            column = int(finite.argmin())
            raise DivergedError(f"{self._place('step')} the policy's action[{column}] is {action[column]}")
        column = int(inside.argmin())
        raise ValueError(
            f"{self.name}: action[{column}] is {action[column]}, allowed is [{self.low[column]}, {self.high[column]}]"
        )

    def _check_observation(self, value: Any, call: str) -> None:
        space = self.env.observation_space
        if not isinstance(value, np.ndarray):
            raise BadTransition(f"{self._place(call)} observation is {_short(value)}, expected an array")
        observation = cast("Array", value)
        if observation.shape != space.shape:
            raise BadTransition(
                f"{self._place(call)} observation has shape {observation.shape}, expected {space.shape}"
            )
        if observation.dtype != space.dtype:
            raise BadTransition(
                f"{self._place(call)} observation has dtype {observation.dtype}, expected {space.dtype} "
                "(cast it, or declare the dtype in observation_space)"
            )
        finite = np.abs(observation) <= FLOAT32_MAX  # false for NaN too
        if not finite.all():
            column = int(np.flatnonzero(~finite)[0])
            raise BadTransition(
                f"{self._place(call)} observation[{column}] is {observation.flat[column]}, expected a finite float32"
            )
        if self.stale_after is not None:
            self._check_stale(observation, call, self.stale_after)

    def _check_stale(self, observation: Array, call: str, limit: int) -> None:
        same = self.last_observation is not None and np.array_equal(observation, self.last_observation)
        self.unchanged = self.unchanged + 1 if same else 0
        self.last_observation = observation.copy()
        if self.unchanged >= limit:
            raise BadTransition(f"{self._place(call)} observation has not changed for {self.unchanged} steps")

    def _check_reward(self, reward: Any) -> None:
        try:
            fits = isinstance(reward, NUMBERS) and abs(float(cast("float", reward))) <= FLOAT32_MAX
        except OverflowError:  # an integer that no float holds
            fits = False
        if not fits:
            raise BadTransition(f"{self._place('step')} reward is {_short(reward)}, expected one finite number")

    def _check_flag(self, name: str, flag: Any) -> None:
        if not isinstance(flag, (bool, np.bool_)):
            raise BadTransition(f"{self._place('step')} {name} is {_short(flag)}, expected True or False")

    def _check_info(self, info: Any, call: str) -> None:
        if not isinstance(info, Mapping):
            raise BadTransition(f"{self._place(call)} info is {_short(info)}, expected a dictionary")
        try:
            success_of(cast("Mapping[str, Any]", info))
        except ConfigError as error:
            raise BadTransition(f"{self._place(call)} {error}") from error


def _short(value: Any) -> str:
    """A value for a message: its type, and its text if that is short."""
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
