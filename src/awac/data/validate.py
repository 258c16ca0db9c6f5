"""Everything that enters passes here: content checks, vectorised over episodes and steps.

`structure.parse` has made sure of form; here come values (finite, inside the action bounds) and the logic of endings.
What is merely suspicious is a warning, see `suspicions`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from awac.batch import Provenance
from awac.data import structure, suspicions
from awac.data.dataset import Dataset, Episode
from awac.data.repair import Repair, clip, drop, prepare
from awac.data.report import Problem, Report
from awac.data.reward_timing import TaskRewards
from awac.data.store import Stored
from awac.data.suspicions import Range
from awac.errors import ConfigError

TOLERANCE = 1e-4  # of half the action range: float rounding; such actions are clipped with a count, larger ones refused
TOGETHER = 100  # episodes that are looked at in one copy: many where they are short, little memory where they are long


@dataclass(frozen=True, eq=False)
class Spaces:
    """What an environment expects of data.

    Attributes:
        observation_size: numbers in one observation.
        action_low: float32 (action,).
        action_high: float32 (action,).
    """

    observation_size: int
    action_low: np.ndarray
    action_high: np.ndarray


Located = tuple[int, Problem]  # with the episode's place in the dataset in memory


class Extremes(NamedTuple):
    """Per episode, the smallest and largest value of every column: enough for most checks, one pass over the data."""

    observations: tuple[np.ndarray, np.ndarray]  # (episodes, observation) each
    actions: tuple[np.ndarray, np.ndarray]
    rewards: tuple[np.ndarray, np.ndarray]  # (episodes, 1) each


def check(
    dataset: Dataset, *, spaces: Spaces | None = None, repair: Repair | None = None, task: TaskRewards | None = None
) -> Report:
    """Checks a dataset in memory; see `examine` for the repaired dataset itself."""
    return examine(dataset, spaces=spaces, repair=repair, task=task)[1]


def check_stored(
    stored: Stored,
    *,
    provenance: Provenance | None = None,
    spaces: Spaces | None = None,
    repair: Repair | None = None,
    task: TaskRewards | None = None,
) -> tuple[Dataset | None, Report]:
    """Checks what a reader found, from form to content.

    Args:
        stored: raw episodes and their origin.
        provenance: overrides what the file says.
        spaces: sizes and bounds to hold the data against; the file's own bounds where None.
        repair: what may be changed.
        task: see `examine`.

    Returns:
        The dataset, None where nothing usable is left, and the report.
    """
    repair = repair or Repair()
    problems: list[Problem] = []
    episodes: list[Episode] = []
    for raw in stored.episodes:
        episode, found = structure.parse(raw, provenance)
        problems += found
        if episode:
            episodes.append(episode)
    misfits = structure.sizes(episodes)
    problems += misfits
    wrong = {problem.episode for problem in misfits}
    kept = tuple(episode for episode in episodes if episode.place[1] not in wrong) if wrong else tuple(episodes)
    dataset = Dataset(kept, stored.name, stored.metadata, stored.action_low, stored.action_high)
    dropped: list[str] = []
    if repair.drop_bad_episodes and kept:
        dropped, problems = [f"dropped: {problem}" for problem in problems], []
    if not stored.episodes:
        problems.append(Problem("empty-dataset", "there is no episode", file=stored.name))
    early = Report(tuple(problems), stored.suspicions, (*stored.notes, *dropped))
    if not kept:
        return None, early
    checked, report = examine(dataset, spaces=spaces, repair=repair, task=task)
    return checked, early.joined(report)


def examine(
    dataset: Dataset, *, spaces: Spaces | None = None, repair: Repair | None = None, task: TaskRewards | None = None
) -> tuple[Dataset | None, Report]:
    """Checks the content of well-formed episodes and makes the repairs that were asked for.

    Args:
        dataset: well-formed episodes.
        spaces: sizes and bounds to hold the data against; the dataset's own bounds where None.
        repair: what may be changed.
        task: rewards (n,) from next observations (n, observation), to tell whether rewards stand at the right step.

    Returns:
        The dataset as it may be used (None where no episode is left), and what was found. Actions outside their
        bounds by rounding are clipped without being asked, and counted.

    Raises:
        ConfigError: actions are to be clipped to bounds that are not known, or rewards recomputed that cannot be.
    """
    repair = repair or Repair()
    if not dataset.episodes:
        return None, Report(errors=(Problem("empty-dataset", "there is no episode", file=dataset.name),))
    dataset, misfit = _fitted(dataset, spaces)
    if misfit:
        return None, Report(errors=(misfit,))
    if repair.clip_actions and dataset.action_low is None:
        raise ConfigError(f"clip_actions: the action bounds of {dataset.name} are not known; give --env")
    dataset, done = prepare(dataset, repair)
    if not dataset.episodes:
        return None, _nothing_left(dataset, done)
    extremes = _extremes(dataset)
    errors = [*_not_finite(dataset, extremes), *_endings(dataset), *_outside(dataset, extremes, repair)]
    if repair.drop_bad_episodes and errors:
        dataset, lines = drop(dataset, errors)
        done, errors = done + lines, []
        if not dataset.episodes:
            return None, _nothing_left(dataset, done)
        extremes = _extremes(dataset)
    found: list[Problem] = []
    if not errors:
        dataset, lines = clip(dataset, _beyond(dataset, extremes))
        done += lines
        found = suspicions.find(dataset, _range(extremes.observations), _range(extremes.actions), task)
    problems = tuple(problem for _, problem in errors)
    warnings = tuple(problem for problem in found if problem.code not in suspicions.NOTES)
    notes = tuple(problem for problem in found if problem.code in suspicions.NOTES)
    return dataset, Report(problems, warnings, tuple(done), len(dataset.episodes), len(dataset), notes)


def _nothing_left(dataset: Dataset, done: Sequence[str]) -> Report:
    empty = Problem("empty-dataset", "no good episode is left", file=dataset.name)
    return Report(errors=(empty,), repairs=tuple(done))


def _fitted(dataset: Dataset, spaces: Spaces | None) -> tuple[Dataset, Problem | None]:
    """Gives the dataset the environment's bounds, or says what does not fit."""
    first = dataset.episodes[0]
    found = (first.observations.shape[1], first.actions.shape[1])
    low = dataset.action_low if spaces is None else spaces.action_low
    high = dataset.action_high if spaces is None else spaces.action_high
    if low is None or high is None:
        return dataset, None
    expected = (found[0] if spaces is None else spaces.observation_size, len(low))
    if found != expected:
        message = f"observation and action sizes {found}, the environment has {expected}"
        return dataset, Problem("shape", message, file=dataset.name, field="observations, actions", value=str(found))
    return replace(dataset, action_low=low.astype(np.float32), action_high=high.astype(np.float32)), None


def _extremes(dataset: Dataset) -> Extremes:
    def of(name: str) -> tuple[np.ndarray, np.ndarray]:
        low: list[np.ndarray] = []
        high: list[np.ndarray] = []
        for first in range(0, len(dataset.episodes), TOGETHER):
            arrays = [getattr(episode, name) for episode in dataset.episodes[first : first + TOGETHER]]
            starts = [0, *accumulate(len(array) for array in arrays[:-1])]
            steps = np.concatenate(arrays).reshape(sum(len(array) for array in arrays), -1)
            low.append(np.minimum.reduceat(steps, starts, axis=0))
            high.append(np.maximum.reduceat(steps, starts, axis=0))
        return np.concatenate(low), np.concatenate(high)

    return Extremes(of("observations"), of("actions"), of("rewards"))


def _range(extremes: tuple[np.ndarray, np.ndarray]) -> Range:
    return Range(extremes[0].min(axis=0), extremes[1].max(axis=0))


def _problem(dataset: Dataset, index: int, code: str, step: int, field: str, message: str, value: object) -> Located:
    file, number = dataset.episodes[index].place
    return index, Problem(code, message, file, number, step, field, str(value))


def _column(dataset: Dataset, name: str, column: int) -> str:
    title = dataset.column_name(name, column)
    return f"{name}[{column}]{title and f' ({title})'}"


def _not_finite(dataset: Dataset, extremes: Extremes) -> list[Located]:
    problems: list[Located] = []
    for name, (low, high) in zip(Extremes._fields, extremes, strict=True):
        for index in np.flatnonzero(~np.isfinite(low + high).all(axis=1)):  # NaN and infinity survive the sum
            episode = dataset.episodes[index]
            values = getattr(episode, name).reshape(len(getattr(episode, name)), -1)
            bad = np.argwhere(~np.isfinite(values))
            if not len(bad):
                continue  # two finite extremes whose sum overflows
            step, column = bad[0]
            value = values[step, column]
            message = f"value {value}, expected a finite float32 ({len(bad)} such in this episode)"
            field = name if name == "rewards" else _column(dataset, name, column)
            problems.append(_problem(dataset, int(index), "not-finite", int(step), field, message, value))
    return problems


def _endings(dataset: Dataset) -> list[Located]:
    """`terminated` and `truncated` may only be set on an episode's last step."""
    problems: list[Located] = []
    lengths = np.array([len(episode) for episode in dataset.episodes])
    for name in ("terminated", "truncated"):
        flags = np.concatenate([getattr(episode, name) for episode in dataset.episodes])
        flags[np.cumsum(lengths) - 1] = False
        early: list[int] = np.repeat(np.arange(len(lengths)), lengths)[flags].tolist()
        for index in sorted(set(early)):
            step = int(np.argmax(getattr(dataset.episodes[index], name)))
            message = f"set at step {step}, but the episode goes on to step {lengths[index] - 1}"
            problems.append(_problem(dataset, index, "ending", step, name, message, True))
    return sorted(problems, key=lambda problem: problem[0])


def _beyond(dataset: Dataset, extremes: Extremes, slack: np.ndarray | float = 0.0) -> list[int]:
    """Places of the episodes with actions outside of their bounds."""
    if dataset.action_low is None or dataset.action_high is None:
        return []
    smallest, largest = extremes.actions
    finite = np.isfinite(smallest) & np.isfinite(largest)  # the others are reported as what they are
    outside = (smallest < dataset.action_low - slack) | (largest > dataset.action_high + slack)
    return np.flatnonzero((finite & outside).any(axis=1)).tolist()


def _outside(dataset: Dataset, extremes: Extremes, repair: Repair) -> list[Located]:
    if dataset.action_low is None or dataset.action_high is None or repair.clip_actions:
        return []
    low, high = dataset.action_low, dataset.action_high
    slack = TOLERANCE * (high - low) / 2
    problems: list[Located] = []
    for index in _beyond(dataset, extremes, slack):
        episode = dataset.episodes[index]
        bad = np.argwhere((episode.actions < low - slack) | (episode.actions > high + slack))
        step, column = bad[0]
        value = episode.actions[step, column]
        message = (
            f"value {value:.7g}, allowed are {low[column]:.7g} to {high[column]:.7g} "
            f"({len(bad)} such in this episode; --clip-actions to clip them)"
        )
        field = _column(dataset, "actions", column)
        problems.append(_problem(dataset, index, "action-bounds", int(step), field, message, value))
    return problems
