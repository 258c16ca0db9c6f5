"""A policy and an environment make transitions: online training, evaluation and data generation share this file.

A policy is a function `act(observations float32 (n, O)) -> actions float32 (n, A)` in the environment's own units. One
with memory (correlated noise) may offer `reset(row)`, called when row `row` of its input begins a new episode.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from awac.batch import Batch, Provenance
from awac.data.dataset import success_of
from awac.envs import snapshot
from awac.envs.guard import BadTransition, FaultBudget
from awac.errors import EnvironmentFault, RobotStop
from awac.journal import UNKNOWN
from awac.scaling import inner_bounds

Array = NDArray[Any]
Act = Callable[[Array], Array]
Env = gymnasium.Env[Array, Array]


@dataclass(frozen=True)
class EpisodeRecord:
    """What is reported of one finished episode.

    Attributes:
        return_: undiscounted sum of rewards.
        length: steps.
        success_any: success at any step; None where the environment does not say.
        success_final: success at the last step; None likewise.
        success_steps: successful steps, 0 where the environment does not say.
        terminated: it ended in a terminal state, not by a time limit.
    """

    return_: float
    length: int
    success_any: bool | None
    success_final: bool | None
    success_steps: int
    terminated: bool


class Collector:
    """Steps one environment and returns what happened in chunks; an episode goes on from one chunk to the next.

    A step that fails (`BadTransition`) is not stored and nor is anything of it: the episode ends, truncated, with its
    last good step, and another one begins. `FaultBudget` says when that has happened too often.

    Attributes:
        previous_truncated: the episode under way was cut before the first step of the last chunk, so the last
            transition of the chunk before it ends its episode: mark it truncated where it is stored.
        success: int8 (steps,) of the last chunk: 1 or 0 as the environment said, -1 where it did not.
        budget: good steps and faults so far.
    """

    def __init__(self, env: Env, provenance: Provenance, seed: int) -> None:
        """Takes an environment; the first reset happens in the first `collect`.

        Args:
            env: from `awac.envs.make`.
            provenance: stored with each transition.
            seed: of the environment's first reset, and of those after a fault.
        """
        self.env, self.provenance, self.seed = env, provenance, seed
        self.low, self.high = action_bounds(env)
        self.budget = FaultBudget()
        self.previous_truncated = False
        self.success = np.zeros(0, np.int8)
        self._cut = False
        self._seeded_resets = 0
        self._unseeded = False
        self._observation: Array | None = None
        self._running = _Running()
        self._finished: list[EpisodeRecord] = []

    def collect(self, act: Act, steps: int) -> Batch:
        """Makes `steps` transitions, in time order.

        Args:
            act: the policy; its actions are clipped to the bounds, and the clipped ones are stored.
            steps: how many.

        Returns:
            NumPy, float32, `steps` = 1 each.

        Raises:
            EnvironmentFault: too many faults; the collector is where it was before, but its episode has ended there.
            RobotStop: the environment raised it; likewise.
            DivergedError: the policy's action is not finite.
        """
        budget, finished = FaultBudget(*self.budget.counts), len(self._finished)
        begun = self._cut or self._running.length > 0
        try:
            return self._fill(act, steps)
        except (EnvironmentFault, RobotStop):
            self.cut()
            self.budget, self._cut = budget, begun
            del self._finished[finished:]
            raise

    def _fill(self, act: Act, steps: int) -> Batch:
        batch = self._empty(steps)
        self.previous_truncated, self._cut = self._cut, False
        self.success = np.full(steps, UNKNOWN, np.int8)
        done = 0
        while done < steps:
            observation = self._begin(act) if self._observation is None else self._observation
            action = np.clip(act(observation[None])[0], self.low, self.high)
            try:
                following, reward, terminated, truncated, info = self.env.step(action)
            except BadTransition as error:
                self._interrupt(batch, done)
                self.budget.fault(error)
                continue
            self.budget.good_step()
            following = following.astype(np.float32)
            values = (observation, action, reward, following, terminated, truncated)
            for array, value in zip(batch, values, strict=False):
                array[done] = value
            told = success_of(info)
            self.success[done] = UNKNOWN if told is None else told
            done += 1
            self._observation = following
            self._running.add(float(reward), info)
            if terminated or truncated:
                self._finished.append(self._running.record(bool(terminated)))
                self._observation, self._running = None, _Running()
        return batch

    def drain(self) -> list[EpisodeRecord]:
        """The episodes finished since the last call; those cut by a fault are not among them."""
        finished, self._finished = self._finished, []
        return finished

    def cut(self) -> None:
        """Ends the episode under way before somebody else uses the environment; the next chunk reports it."""
        self._cut |= self._running.length > 0
        self._observation, self._running, self._unseeded = None, _Running(), False

    def state(self) -> dict[str, Array]:
        """Everything needed to go on exactly, as arrays.

        Where the environment cannot be captured, its episode ends here, for this collector as for the one restored:
        both begin the same new episode next, and report `previous_truncated`.
        """
        captured = snapshot.capture(self.env) if self._unseeded else None
        if captured is None:
            self.cut()
        counters = [*self.budget.counts, self._seeded_resets, self._cut]
        state = {
            "counters": np.array([*counters, self._unseeded], np.int64),
            "running": self._running.to_array(),
            "finished": records_to_array(self._finished),
        }
        if self._observation is not None:
            state["observation"] = self._observation
        return state | {f"env/{name}": values for name, values in (captured or {}).items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Goes on where `state` was taken, in an environment made with the same id and options.

        Raises:
            CheckpointError: the state belongs to another environment.
        """
        *budget, self._seeded_resets, cut, unseeded = (int(value) for value in state["counters"])
        self.budget = FaultBudget(*budget)
        self._cut, self._unseeded = bool(cut), bool(unseeded)
        self._running = _Running.from_array(state["running"])
        self._finished = records_from_array(state["finished"])
        self._observation = state.get("observation")
        captured = {name.removeprefix("env/"): values for name, values in state.items() if name.startswith("env/")}
        if captured:
            snapshot.restore(self.env, captured)

    def _begin(self, act: Act) -> Array:
        """Resets until it succeeds; seeded at first and after each fault, by the environment's own generator else."""
        while True:
            seed = None
            if not self._unseeded:
                seed = derived_seed(self.seed, self._seeded_resets)
                self._seeded_resets += 1
            try:
                observation, _ = self.env.reset(seed=seed)
            except BadTransition as error:
                self._unseeded = False
                self.budget.fault(error)
                continue
            self._unseeded = True
            forget(act, 0)
            self._observation = observation.astype(np.float32)
            return self._observation

    def _interrupt(self, batch: Batch, done: int) -> None:
        if self._running.length and done:
            batch.truncated[done - 1] = True
        elif self._running.length:
            self.previous_truncated = True
        self._observation, self._running, self._unseeded = None, _Running(), False

    def _empty(self, steps: int) -> Batch:
        observation, action = size_of(self.env.observation_space), size_of(self.env.action_space)
        return Batch(
            observations=np.zeros((steps, observation), np.float32),
            actions=np.zeros((steps, action), np.float32),
            rewards=np.zeros(steps, np.float32),
            next_observations=np.zeros((steps, observation), np.float32),
            terminated=np.zeros(steps, bool),
            truncated=np.zeros(steps, bool),
            provenance=np.full(steps, self.provenance, np.int8),
            steps=np.ones(steps, np.int32),
        )


@dataclass
class _Running:
    """The sums of the episode under way; all are numbers, so that they fit one array."""

    return_: float = 0.0
    length: int = 0
    success_steps: int = 0
    success_final: bool = False
    success_known: bool = False

    def add(self, reward: float, info: Mapping[str, Any]) -> None:
        success = success_of(info)
        self.return_ += reward
        self.length += 1
        self.success_known |= success is not None
        self.success_final = bool(success)
        self.success_steps += bool(success)

    def record(self, terminated: bool) -> EpisodeRecord:
        known = self.success_known
        return EpisodeRecord(
            self.return_,
            self.length,
            self.success_steps > 0 if known else None,
            self.success_final if known else None,
            self.success_steps,
            terminated,
        )

    def to_array(self) -> Array:
        return np.array(astuple(self), np.float64)

    @classmethod
    def from_array(cls, values: Array) -> "_Running":
        return cls(float(values[0]), int(values[1]), int(values[2]), bool(values[3]), bool(values[4]))


def action_bounds(env: Env) -> tuple[Array, Array]:
    """The lowest and highest action, float32 (A,), in the environment's units and within its bounds."""
    space: Any = env.action_space
    return inner_bounds(space.low, space.high)


def derived_seed(seed: int, number: int) -> int:
    """The seed of reset `number` of an environment: `seed` itself, then numbers far from any seed a user gives."""
    return seed if number == 0 else int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def forget(act: Act, row: int) -> None:
    """Tells a policy with memory that row `row` of its input begins a new episode."""
    reset: Callable[[int], None] | None = getattr(act, "reset", None)
    if reset is not None:
        reset(row)


def size_of(space: gymnasium.Space[Any]) -> int:
    """The number of columns of a one-dimensional Box."""
    shape = space.shape
    assert shape is not None
    return shape[0]


def records_to_array(records: Iterable[EpisodeRecord]) -> Array:
    """Records as float64 (n, field), NaN for what is not known, to be stored."""
    rows = [[np.nan if value is None else float(value) for value in astuple(record)] for record in records]
    return np.array(rows, np.float64).reshape(-1, len(fields(EpisodeRecord)))


def records_from_array(rows: Array) -> list[EpisodeRecord]:
    """The inverse of `records_to_array`."""

    def known(value: float) -> bool | None:
        return None if np.isnan(value) else bool(value)

    return [
        EpisodeRecord(float(return_), int(length), known(any_), known(final), int(steps), bool(terminated))
        for return_, length, any_, final, steps, terminated in rows
    ]
