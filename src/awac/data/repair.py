"""Repairs that a user may ask for; every one is reported, none is silent."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from awac.data.dataset import Dataset, Episode
from awac.data.report import Problem
from awac.data.reward_timing import TaskRewards
from awac.envs.options import EnvOptions
from awac.errors import ConfigError, EnvironmentFault


@dataclass(frozen=True)
class Repair:
    """What may be changed on the way in; nothing by default, except rounding at the action bounds."""

    drop_bad_episodes: bool = False  # leave out every episode that has an error
    drop_duplicates: bool = False  # keep the first of equal episodes
    clip_actions: bool = False  # clip actions to their bounds, however far outside
    terminations_are_timeouts: bool = False  # store every `terminated` as `truncated`
    shift_rewards: Literal[-1, 0, 1] = 0  # move each reward to the step before (-1) or after (1) the one it stands at
    relabel: str | None = None  # recompute rewards from next observations by this environment's task
    relabel_options: EnvOptions = field(default_factory=EnvOptions)  # of that environment, such as thresholds released

    def __post_init__(self) -> None:
        if self.shift_rewards not in (-1, 0, 1):
            raise ConfigError(
                f"shift_rewards is {self.shift_rewards}; allowed: -1 (to the step before), 0 or 1 (after)"
            )
        if self.shift_rewards and self.relabel is not None:
            raise ConfigError(
                "shift_rewards with relabel; allowed: one of them, for recomputed rewards are not shifted"
            )


def prepare(dataset: Dataset, repair: Repair) -> tuple[Dataset, list[str]]:
    """Makes the repairs that come before the checks.

    Raises:
        ConfigError: the environment to relabel by has no reward that is a function of the next observation.
    """
    done: list[str] = []
    if repair.relabel is not None:
        dataset = relabel(dataset, task_reward(repair.relabel, **repair.relabel_options))
        options = ", ".join(f"{name} {value}" for name, value in repair.relabel_options.items())
        done.append(f"rewards: recomputed from next observations by {repair.relabel}{options and f' with {options}'}")
    if repair.shift_rewards:
        dataset, lines = _shift(dataset, repair.shift_rewards)
        done += lines
    if repair.terminations_are_timeouts:
        dataset, lines = _time_out(dataset)
        done += lines
    if repair.drop_duplicates:
        copies = {copy for _, copy in duplicates(dataset.episodes)}
        done += [f"dropped: {dataset.episodes[copy].source} repeats an earlier episode" for copy in sorted(copies)]
        dataset = _with(dataset, [episode for i, episode in enumerate(dataset.episodes) if i not in copies])
    return dataset, done


def task_reward(env_id: str, **options: Any) -> TaskRewards:
    """The function from next observations (n, observation) to rewards (n,) of a task, with the environment's options.

    Raises:
        ConfigError: the environment is unknown, or its rewards depend on more; the function too raises it, for next
            observations or values of options that do not belong to the environment.
    """
    from awac.envs import relabel as find  # gymnasium and MuJoCo: only those who relabel pay for them

    try:
        reward = find(env_id, **options)
    except TypeError as error:
        raise ConfigError(f"{env_id} has no rewards with the options {options}: {error}") from error

    def rewards(next_observations: np.ndarray) -> np.ndarray:
        try:
            return reward(next_observations)
        except (TypeError, ValueError, IndexError) as error:
            size = next_observations.shape[-1]
            raise ConfigError(
                f"{env_id} with the options {options} has no rewards for next observations of size {size}: {error}"
            ) from error

    return rewards


def known_task(env_id: str | None, **options: Any) -> TaskRewards | None:
    """`task_reward` to compare with; None where it is not known, or the environment is not here."""
    if env_id is None:
        return None
    try:
        return task_reward(env_id, **options)
    except (ConfigError, EnvironmentFault):
        return None


def relabel(dataset: Dataset, reward: TaskRewards) -> Dataset:
    """Recomputes all rewards from next observations."""
    return _with(
        dataset,
        [replace(episode, rewards=reward(episode.observations[1:]).astype(np.float32)) for episode in dataset.episodes],
    )


def drop(dataset: Dataset, problems: Sequence[tuple[int, Problem]]) -> tuple[Dataset, list[str]]:
    """Leaves out the episodes that have problems; each problem comes with the episode's place in the dataset."""
    bad = {index for index, _ in problems}
    kept = [episode for index, episode in enumerate(dataset.episodes) if index not in bad]
    return _with(dataset, kept), [f"dropped: {problem}" for _, problem in problems]


def clip(dataset: Dataset, places: Sequence[int]) -> tuple[Dataset, list[str]]:
    """Clips actions to the bounds, in the episodes at the places where some are outside, and counts what it changed."""
    low, high = dataset.action_low, dataset.action_high
    if low is None or high is None or not places:
        return dataset, []
    count, largest = 0, 0.0
    episodes = list(dataset.episodes)
    for place in places:
        actions = episodes[place].actions
        clipped = np.clip(actions, low, high)
        count += int(np.count_nonzero(clipped != actions))
        largest = max(largest, float(np.abs(clipped - actions).max()))
        episodes[place] = replace(episodes[place], actions=clipped)
    line = (
        f"actions: clipped {count} components in {len(places)} episodes to their bounds, the largest by {largest:.3g}"
    )
    return _with(dataset, episodes), [line]


def duplicates(episodes: Sequence[Episode]) -> list[tuple[int, int]]:
    """Pairs (first, copy) of equal episodes; a cheap fingerprint first, the arrays only where it agrees."""
    seen: dict[tuple[int, bytes, bytes, bytes], int] = {}
    pairs: list[tuple[int, int]] = []
    for index, episode in enumerate(episodes):
        ends = (episode.observations[0].tobytes(), episode.observations[-1].tobytes(), episode.actions[-1].tobytes())
        first = seen.setdefault((len(episode), *ends), index)
        if first != index and all(
            np.array_equal(getattr(episodes[first], name), getattr(episode, name))
            for name in ("observations", "actions", "rewards")
        ):
            pairs.append((first, index))
    return pairs


def _shift(dataset: Dataset, by: int) -> tuple[Dataset, list[str]]:
    """Moves rewards by one step inside their episodes; the step that is left without one, at an end, is dropped."""
    kept, left_out = _kept([_shifted(episode, by) for episode in dataset.episodes])
    side, place = ("before", "last") if by < 0 else ("after", "first")
    line = f"rewards: moved to the step {side}; the {place} step of each episode, left without a reward, was dropped"
    ends = [sum(bool(episode.terminated[-1]) for episode in episodes) for episodes in (dataset.episodes, kept)]
    lost = f", and {ends[0] - ends[1]} terminations with it" if ends[0] > ends[1] else ""
    return _with(dataset, kept), [line + lost, *left_out]


def _shifted(episode: Episode, by: int) -> Episode | None:
    moved = replace(episode, rewards=np.roll(episode.rewards, by))
    part = _part(moved, max(by, 0), len(episode) + min(by, 0))
    if part is None or by > 0 or not _ends_twice(episode):
        return part
    # The step that went nowhere is gone. What its row says of the end is true of the observation in that row.
    steps = len(part)
    return replace(part, terminated=np.arange(steps) == steps - 1, truncated=episode.truncated[:steps])


def _time_out(dataset: Dataset) -> tuple[Dataset, list[str]]:
    """Stores every `terminated` as `truncated`.

    An episode read from a file without its final observation ends with its last one twice, which no target reads as
    long as the step is terminated. A truncated one would bootstrap from the very state that it began in: it is dropped.
    """
    count = sum(bool(episode.terminated.any()) for episode in dataset.episodes)
    doubled = [_ends_twice(episode) for episode in dataset.episodes]
    timed_out = [
        replace(episode, terminated=np.zeros_like(episode.terminated), truncated=episode.truncated | episode.terminated)
        for episode in dataset.episodes
    ]
    parts = [_part(episode, 0, len(episode) - twice) for episode, twice in zip(timed_out, doubled, strict=True)]
    lines = [f"terminated: stored as truncated in {count} episodes"]
    if any(doubled):
        text = "the last step was dropped, for its final observation repeats the one before: its successor is not known"
        lines.append(f"terminated: in {sum(doubled)} of these {text}")
    kept, left_out = _kept(parts)
    return _with(dataset, kept), lines + left_out


def _ends_twice(episode: Episode) -> bool:
    before, final = episode.observations[-2:]
    return bool(episode.terminated[-1]) and before.tobytes() == final.tobytes()


def _part(episode: Episode, start: int, stop: int) -> Episode | None:
    return episode.part(start, stop) if start < stop else None


def _kept(parts: Sequence[Episode | None]) -> tuple[list[Episode], list[str]]:
    kept = [part for part in parts if part is not None]
    count = len(parts) - len(kept)
    return kept, [f"dropped: {count} episodes of which no step is left"] if count else []


def _with(dataset: Dataset, episodes: Sequence[Episode]) -> Dataset:
    return replace(dataset, episodes=tuple(episodes))
