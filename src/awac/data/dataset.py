"""Episodes and datasets: what enters from files and leaves as transitions, in NumPy.

An episode keeps its final observation, so that every step has its real successor and no pair can cross from one
episode into the next.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from awac.batch import Batch, Provenance
from awac.errors import ConfigError, DataError

SUCCESS_NAMES = ("success", "is_success", "goal_achieved")  # Gymnasium-Robotics, Gymnasium, the paper's environments


def success_of(info: Mapping[str, Any]) -> bool | None:
    """Whether the step was successful, by the names in use, or None where the environment does not say.

    Raises:
        ConfigError: it is more than one truth value.
    """
    for name in SUCCESS_NAMES:
        if name in info:
            value = np.asarray(info[name])
            if value.size != 1 or value != value:  # NaN, which would count as true, is not even itself
                raise ConfigError(f"the environment's info[{name!r}] is {info[name]!r}; allowed: one truth value")
            return bool(value)
    return None


@dataclass(frozen=True, eq=False)
class Episode:
    """One episode of T steps.

    `terminated[t]` says that the state after step t has no future, `truncated[t]` that a clock, a fault or the end of
    the recording cut the episode there. Both are false before the last step. An episode that ends with neither was cut
    when its recording stopped: `Dataset.transitions` marks its last step truncated, so that its target bootstraps.
    Both at once is allowed (a time limit that falls on a terminal state): then `terminated` decides.

    Attributes:
        observations: float32 (T + 1, observation), the final one included.
        actions: float32 (T, action), in the environment's own units.
        rewards: float32 (T,); `rewards[t]` is paid for the step from `observations[t]` to `observations[t + 1]`.
        terminated: bool (T,).
        truncated: bool (T,).
        infos: named arrays (T,), such as `success`; entry t belongs to `observations[t + 1]`.
        provenance: who acted.
        source: file and episode, for messages.

    Raises:
        DataError: an array has the wrong number of axes or the lengths disagree.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    infos: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    provenance: Provenance = Provenance.DEMONSTRATION
    source: str = "episode"

    def __post_init__(self) -> None:
        steps = len(self.rewards)
        if steps == 0:
            raise DataError(f"{self.source}: the episode has no steps")
        expected = {"observations": (steps + 1, 2), "actions": (steps, 2), "rewards": (steps, 1)}
        expected |= {"terminated": (steps, 1), "truncated": (steps, 1)}
        for name, (length, axes) in expected.items():
            shape = getattr(self, name).shape
            if len(shape) != axes or shape[0] != length:
                wanted = f"({length}, size)" if axes == 2 else f"({length},)"
                raise DataError(f"{self.source}: {name} has shape {shape}, expected {wanted}")
        for name, values in self.infos.items():
            if values.shape != (steps,):
                raise DataError(f"{self.source}: infos/{name} has shape {values.shape}, expected ({steps},)")

    def __len__(self) -> int:
        """The number of steps T."""
        return len(self.rewards)

    @property
    def place(self) -> tuple[str, int | None]:
        """The file and the index in it, as far as `source` says so."""
        file, found, index = self.source.rpartition(", episode ")
        return (file, int(index)) if found and index.isdigit() else (self.source, None)

    @property
    def success(self) -> np.ndarray | None:
        """Bool (T,), or None where the episode does not record it."""
        name = next((name for name in SUCCESS_NAMES if name in self.infos), None)
        return None if name is None else self.infos[name].astype(bool)

    @property
    def total_reward(self) -> float:
        """The undiscounted return, added up in float64."""
        return float(self.rewards.sum(dtype=np.float64))

    def part(self, start: int, stop: int) -> "Episode":
        """Steps start .. stop - 1, at least one, truncated where the episode went on."""
        steps = slice(start, stop)
        truncated = self.truncated[steps].copy()
        truncated[-1] |= stop < len(self)
        return replace(
            self,
            observations=self.observations[start : stop + 1],
            actions=self.actions[steps],
            rewards=self.rewards[steps],
            terminated=self.terminated[steps],
            truncated=truncated,
            infos={name: values[steps] for name, values in self.infos.items()},
        )


class FlatSteps(NamedTuple):
    """All steps of a dataset on one axis, for vectorised checks; `starts[i]` is where episode i begins."""

    observations: np.ndarray
    next_observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray


@dataclass(frozen=True, eq=False)
class Dataset:
    """Episodes that belong together, with what is known of their origin.

    Attributes:
        episodes: in the order of their recording.
        name: for people.
        metadata: environment id, versions, recipe, seed, commit: whatever the file says.
        action_low: float32 (action,), the environment's bounds, where known.
        action_high: float32 (action,).
    """

    episodes: tuple[Episode, ...]
    name: str = "dataset"
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    action_low: np.ndarray | None = None
    action_high: np.ndarray | None = None

    def __len__(self) -> int:
        """The number of transitions."""
        return sum(len(episode) for episode in self.episodes)

    def __iter__(self) -> Iterator[Episode]:
        return iter(self.episodes)

    @property
    def env_id(self) -> str | None:
        """The environment the episodes come from, where the file says so."""
        return self.metadata.get("env_id")

    def column_name(self, field: str, column: int) -> str:
        """What the imported file calls a column of `observations` or `actions`; empty where it has no names."""
        columns: Mapping[str, Sequence[str]] = self.metadata.get("columns") or dict[str, Sequence[str]]()
        names = columns.get(field, ())
        return names[column] if column < len(names) else ""

    def flat(self) -> FlatSteps:
        """Concatenates the steps of all episodes, successors taken inside each episode only."""
        if not self.episodes:
            raise DataError(f"{self.name}: the dataset has no episodes")
        lengths = np.array([len(episode) for episode in self.episodes])
        return FlatSteps(
            observations=np.concatenate([episode.observations[:-1] for episode in self.episodes]),
            next_observations=np.concatenate([episode.observations[1:] for episode in self.episodes]),
            actions=np.concatenate([episode.actions for episode in self.episodes]),
            rewards=np.concatenate([episode.rewards for episode in self.episodes]),
            terminated=np.concatenate([episode.terminated for episode in self.episodes]),
            truncated=np.concatenate([episode.truncated for episode in self.episodes]),
            starts=np.cumsum(lengths) - lengths,
            lengths=lengths,
        )

    def transitions(self) -> Batch:
        """All transitions in recorded order, one step each.

        No pair crosses episodes: `next_observations[t]` is the episode's own successor, the final observation at its
        end. An episode that ends neither terminated nor truncated was cut: its last step is marked truncated.

        Returns:
            A NumPy batch of `len(self)` transitions, actions in environment units.

        Raises:
            DataError: there is no episode.
        """
        steps = self.flat()
        truncated = steps.truncated.copy()
        last = steps.starts + steps.lengths - 1
        truncated[last] |= ~steps.terminated[last]
        provenance = np.array([episode.provenance for episode in self.episodes], np.int8)
        return Batch(
            observations=steps.observations,
            actions=steps.actions,
            rewards=steps.rewards,
            next_observations=steps.next_observations,
            terminated=steps.terminated,
            truncated=truncated,
            provenance=np.repeat(provenance, steps.lengths),
            steps=np.ones(len(steps.rewards), np.int32),
        )

    def statistics(self) -> dict[str, Any]:
        """What a person wants to know first; plain Python numbers, so that it can be printed as JSON."""
        lengths = np.array([len(episode) for episode in self.episodes])
        returns = np.array([episode.total_reward for episode in self.episodes])
        counts = Counter(episode.provenance for episode in self.episodes)
        steps = Counter[Provenance]()
        for episode in self.episodes:
            steps[episode.provenance] += len(episode)
        successes = [episode.success for episode in self.episodes]
        known = [success for success in successes if success is not None]
        return {
            "episodes": len(self.episodes),
            "transitions": len(self),
            "observation_size": int(self.episodes[0].observations.shape[1]) if self.episodes else 0,
            "action_size": int(self.episodes[0].actions.shape[1]) if self.episodes else 0,
            "length": _spread(lengths),
            "return": _spread(returns),
            "terminated_episodes": sum(bool(episode.terminated[-1]) for episode in self.episodes),
            "truncated_episodes": sum(bool(episode.truncated[-1]) for episode in self.episodes),
            "success_any_step": float(np.mean([success.any() for success in known])) if known else None,
            "success_final_step": float(np.mean([success[-1] for success in known])) if known else None,
            "provenance": {
                kind.name.lower(): {"episodes": counts[kind], "transitions": steps[kind]} for kind in sorted(counts)
            },
        }


def join(parts: Sequence[Dataset]) -> Dataset:
    """Puts datasets behind one another; what they disagree on is an error, or is not carried over.

    Raises:
        DataError: observation or action sizes, or known action bounds, differ.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    low, high = first.action_low, first.action_high
    for part in parts:
        for name in ("observations", "actions"):
            sizes = [getattr(other.episodes[0], name).shape[1] for other in (first, part)]
            if sizes[0] != sizes[1]:
                raise DataError(f"{part.name}: {name} have size {sizes[1]}, those of {first.name} have {sizes[0]}")
        low, high = (_agreed(known, part, own) for known, own in ((low, part.action_low), (high, part.action_high)))
    ids = {part.env_id for part in parts}
    metadata: dict[str, Any] = {"sources": [dict(part.metadata) for part in parts]}
    if len(ids) == 1:
        metadata["env_id"] = ids.pop()
    episodes = tuple(episode for part in parts for episode in part.episodes)
    return Dataset(episodes, " + ".join(part.name for part in parts), metadata, low, high)


def _agreed(known: np.ndarray | None, part: Dataset, own: np.ndarray | None) -> np.ndarray | None:
    if known is None or own is None:
        return own if known is None else known
    if not np.allclose(known, own):
        raise DataError(f"{part.name}: action bounds {own} differ from {known} of the data before it")
    return known


def _spread(values: np.ndarray) -> dict[str, float]:
    if not len(values):
        return {}
    return {"mean": float(values.mean()), "min": float(values.min()), "max": float(values.max())}
