"""Few runs, honestly summarised: interquartile mean, stratified bootstrap, probability of improvement.

After Agarwal et al. 2021, *Deep Reinforcement Learning at the Edge of the Statistical Precipice*. Scores are float
arrays (runs, tasks): a row is one run (a seed), a column one task. NumPy only; every resampling takes its seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from awac.errors import ConfigError

Scores: TypeAlias = NDArray[np.float64]
Statistic: TypeAlias = Callable[..., Any]

RESAMPLES = 2000
CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """A statistic of the runs at hand and the interval that other runs like them would put it in."""

    value: float
    low: float
    high: float


def interquartile_mean(scores: ArrayLike, axis: tuple[int, ...] | None = None) -> Any:
    """Mean of the middle half of the scores: floor(n / 4) of n are dropped at each end. Below 4 scores it is the mean.

    Args:
        scores: Any shape.
        axis: The axes to take it over; all of them by default.

    Returns:
        A float, or an array of the axes that are left.

    Raises:
        ConfigError: There is no score.
    """
    values = np.asarray(scores, np.float64)
    if not values.size:
        raise ConfigError("no score to take the interquartile mean of")
    over = tuple(range(values.ndim)) if axis is None else axis
    kept = [i for i in range(values.ndim) if i not in over]
    ordered = np.sort(values.transpose(*kept, *over).reshape(*(values.shape[i] for i in kept), -1), axis=-1)
    count = ordered.shape[-1]
    return ordered[..., count // 4 : count - count // 4].mean(axis=-1)


def bootstrap(
    scores: ArrayLike,
    statistic: Statistic = interquartile_mean,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Percentile interval of a statistic by the stratified bootstrap: runs are redrawn within each task.

    Args:
        scores: (runs, tasks), or (runs,) for a single task. With one run the interval is the value itself.
        statistic: Like `numpy.mean`: over all scores, or over the axes of `axis`.
        seed: Of the resampling.
        resamples: How many times runs are redrawn.
        confidence: Share of the resampled statistics inside the interval.

    Raises:
        ConfigError: Scores are neither a table nor a vector, or are empty or not finite.
    """
    table = _table(scores)
    runs, tasks = table.shape
    generator = np.random.default_rng(seed)
    picked = generator.integers(0, runs, (resamples, runs, tasks))
    drawn = statistic(table[picked, np.arange(tasks)], axis=(1, 2))
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(float(statistic(table)), float(low), float(high))


def probability_of_improvement(ours: ArrayLike, theirs: ArrayLike) -> float:
    """Chance that a run of ours beats a run of theirs on a task drawn at random; ties count half.

    The Mann-Whitney U statistic over the number of pairs, averaged over tasks.

    Args:
        ours: (runs, tasks) or (runs,).
        theirs: (runs, tasks) or (runs,), with the same tasks; the number of runs may differ.

    Raises:
        ConfigError: The tasks do not match, or scores are empty or not finite.
    """
    first, second = _table(ours), _table(theirs)
    if first.shape[1] != second.shape[1]:
        raise ConfigError(f"{first.shape[1]} tasks against {second.shape[1]}; the same tasks are needed")
    signs = np.sign(first[:, np.newaxis, :] - second[np.newaxis, :, :])
    return 0.5 + 0.5 * float(np.mean(signs))


def _table(scores: ArrayLike) -> Scores:
    table = np.asarray(scores, np.float64)
    table = table[:, np.newaxis] if table.ndim == 1 else table
    if table.ndim != 2 or not table.size or not np.isfinite(table).all():
        raise ConfigError(f"scores of shape {table.shape} are not a finite table (runs, tasks) with at least one run")
    return table
