"""How far a run is, and what it reports of itself besides the method's own metrics."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from awac.collect import EpisodeRecord
from awac.metrics import read_metrics


@dataclass(frozen=True)
class Progress:
    """How far a run is; with the learner, the collector and the journal, all that a checkpoint holds."""

    offline: int = 0  # updates on prior data alone
    online: int = 0  # environment steps
    best: tuple[float, ...] = (float("-inf"),)  # success rate and return of the best evaluation so far
    regret_sum: float = 0.0  # of the online evaluations
    regret_count: int = 0
    evaluated: bool = True  # false where an evaluation that was due was left: a resume does it first
    cuts: tuple[int, ...] = ()  # online transitions that a fault or a checkpoint made the last of their episodes

    def to_json(self) -> dict[str, Any]:
        """For a checkpoint, whose JSON has no infinity."""
        return vars(self) | {"best": None if self.best == Progress.best else self.best}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        best: Any = values["best"]
        known = hasattr(best, "__len__")  # not: none yet, or the one number of earlier versions
        fields: dict[str, Any] = {**values, "best": tuple(best) if known else cls.best, "cuts": tuple(values["cuts"])}
        return cls(**fields)


def rollout_metrics(records: Collection[EpisodeRecord]) -> dict[str, float]:
    """Means over finished training episodes, under the tags of Stable-Baselines3; nothing before the first."""
    if not records:
        return {}
    means = {
        "rollout/ep_rew_mean": np.mean([record.return_ for record in records]),
        "rollout/ep_len_mean": np.mean([record.length for record in records]),
    }
    told = [record.success_final for record in records]  # of no episode, or of successful ones alone, by some tasks
    rate = {} if set(told) == {None} else {"rollout/success_rate": float(np.mean([bool(success) for success in told]))}
    return {name: float(value) for name, value in means.items()} | rate


def last_evaluation(folder: Path, step: int | None = None) -> dict[str, float]:
    """What the newest evaluation of a run showed, or the one at a step, by tag; nothing where there was none."""
    evaluations = [line for line in read_metrics(folder) if "eval/mean_reward" in line]
    if step is not None:
        evaluations = [line for line in evaluations if line["step"] == step]
    return {tag: value for line in evaluations[-1:] for tag, value in line.items() if tag.startswith("eval/")}


def regret_of(metrics: Mapping[str, float]) -> float | None:
    """How far an evaluation is from the best possible, 0 to 1; None where the best is not known."""
    if "eval/success_rate" in metrics:
        return 1.0 - metrics["eval/success_rate"]
    score = metrics.get("eval/normalized_score")
    return None if score is None else 1.0 - score / 100.0
