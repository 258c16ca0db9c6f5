"""Warnings: data that are well-formed and probably not what their owner wanted.

Each check looks at something that users of offline reinforcement learning tripped over without a word from their tools.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from awac.data import reward_timing
from awac.data.dataset import Dataset, Episode
from awac.data.repair import duplicates
from awac.data.report import Problem
from awac.data.reward_timing import Finding, TaskRewards

BATCH = 1024  # of the paper
ALIKE = 0.8  # of the terminated episodes at one length: a clock's work more likely than the task's
FILLED = 0.5  # of the action range that the largest action should reach
NOTES = (reward_timing.UNCHECKED,)  # said, not warned of: most data are so
SHOWN = 10  # columns or pairs that a message lists


class Range(NamedTuple):
    """Smallest and largest value of every column, over the whole dataset."""

    low: np.ndarray
    high: np.ndarray


def find(dataset: Dataset, observations: Range, actions: Range, task: TaskRewards | None = None) -> list[Problem]:
    """All warnings about a dataset that has no errors, and those `NOTES` that are none.

    Args:
        dataset: checked episodes.
        observations: range of each observation.
        actions: range of each action.
        task: rewards (n,) from next observations (n, observation), where the task is known.
    """
    found = [
        *_amount(dataset),
        *_endings(dataset.episodes),
        *_columns(dataset, observations, actions),
        *_filling(dataset, actions),
        *_duplicates(dataset.episodes),
        *_rewards(dataset.episodes),
        *reward_timing.find(dataset.episodes, task),
    ]
    return [Problem(code, message, file=dataset.name, field=field) for code, field, message in found]


def _amount(dataset: Dataset) -> list[Finding]:
    count = len(dataset)
    if count >= BATCH:
        return []
    message = (
        f"only {count} transitions: a batch of more, such as the paper's of {BATCH}, has some of them several times"
    )
    return [("few-transitions", None, message)]


def _endings(episodes: Sequence[Episode]) -> list[Finding]:
    terminated = np.array([episode.terminated[-1] for episode in episodes])
    truncated = np.array([episode.truncated[-1] for episode in episodes])
    found: list[Finding] = []
    lengths = Counter(len(episode) for episode in episodes if episode.terminated[-1])
    length, count = lengths.most_common(1)[0] if lengths else (0, 0)
    if length > 1 and count > 1 and count >= ALIKE * lengths.total():
        message = (
            f"{count} of {lengths.total()} terminated episodes have the same length, {length}: time-outs stored as "
            "terminations stop the bootstrap where it should go on (--terminations-are-timeouts)"
        )
        found.append(("timeouts-as-terminations", "terminated", message))
    if both := int((terminated & truncated).sum()):
        message = f"{both} episodes end with both flags; `terminated` decides: their last step does not bootstrap"
        found.append(("both-flags", "terminated, truncated", message))
    if neither := int((~terminated & ~truncated).sum()):
        message = f"{neither} episodes end with neither flag; they were cut, so their last step counts as truncated"
        found.append(("cut", "terminated, truncated", message))
    return found


def _columns(dataset: Dataset, observations: Range, actions: Range) -> list[Finding]:
    found: list[Finding] = []
    for name, (low, high) in (("observations", observations), ("actions", actions)):
        flat = np.flatnonzero(low == high)
        if len(flat):
            titles = [f"{column} {dataset.column_name(name, column)}".rstrip() for column in flat[:SHOWN]]
            listed = ", ".join(f"{title} ({low[column]:.4g})" for title, column in zip(titles, flat, strict=False))
            rest = f" and {len(flat) - SHOWN} more" if len(flat) > SHOWN else ""
            found.append(("zero-variance", name, f"columns that never change: {listed}{rest}"))
    return found


def _filling(dataset: Dataset, actions: Range) -> list[Finding]:
    if dataset.action_low is None or dataset.action_high is None:
        return []
    center, half = (dataset.action_low + dataset.action_high) / 2, (dataset.action_high - dataset.action_low) / 2
    reach = float((np.maximum(actions.high - center, center - actions.low) / half).max())
    if reach >= FILLED:
        return []
    message = f"the largest action reaches {reach:.2g} of the way to its bound: are they in the environment's units?"
    return [("actions-not-filling", "actions", message)]


def _duplicates(episodes: Sequence[Episode]) -> list[Finding]:
    pairs = duplicates(episodes)
    if not pairs:
        return []
    listed = ", ".join(f"{copy} = {first}" for first, copy in pairs[:SHOWN])
    message = f"{len(pairs)} episodes repeat an earlier one ({listed}) (--drop-duplicates)"
    return [("duplicate-episodes", None, message)]


def _rewards(episodes: Sequence[Episode]) -> list[Finding]:
    rewards = np.concatenate([episode.rewards for episode in episodes])
    if (rewards == rewards[0]).all():
        code = "zero-rewards" if rewards[0] == 0 else "constant-rewards"
        return [(code, "rewards", f"all {len(rewards)} rewards are {rewards[0]:.4g}: there is nothing to learn from")]
    known = [episode for episode in episodes if episode.success is not None]
    if known:
        return _success_unpaid(known)
    if not np.isin(rewards, (-1, 0)).all():
        return []
    starts = list(accumulate((len(episode) for episode in episodes), initial=0))
    first, last = rewards[starts[:-1]], rewards[np.array(starts[1:]) - 1]
    if (first == 0).mean() >= 0.9 and (last == -1).mean() >= 0.5:
        message = "rewards begin at 0 and end at -1 in most episodes: -1 until success and 0 on success is usual"
        return [("sign-flipped", "rewards", message)]
    return []


def _success_unpaid(episodes: Sequence[Episode]) -> list[Finding]:
    rewards = np.concatenate([episode.rewards for episode in episodes])
    success = np.concatenate([success for episode in episodes if (success := episode.success) is not None])
    if success.all() or not success.any():
        return []
    paid, unpaid = float(rewards[success].mean()), float(rewards[~success].mean())
    error = float(np.sqrt(rewards.var() * (1 / success.sum() + 1 / (~success).sum())))
    if paid > unpaid - 5 * error:  # standard errors: noise alone does not raise the question
        return []
    message = f"steps with success pay {paid:.4g} on average, those without {unpaid:.4g}: is the sign flipped?"
    return [("sign-flipped", "rewards", message)]
