"""Metrics of many runs as curves: runs that differ only in their seed belong together."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from awac import checkpoint
from awac.errors import ConfigError, DataError
from awac.metrics import METRICS, read_metrics
from awac.statistics import Estimate, bootstrap

logger = logging.getLogger(__name__)

METRIC, RETURN = "eval/success_rate", "eval/mean_reward"
CONFIG = "config.json"
NEUTRAL = {"seed", "folder", "download", "video", "isolate", "deadline", "sinks"} | {
    f"{what}_interval" for what in ("log", "checkpoint", "evaluation")
}
SEED = 0  # of the bootstrap: the same runs give the same figure


@dataclass(frozen=True, eq=False)
class Curve:
    """One metric of R runs at the S steps that all of them have.

    Attributes:
        label: What the runs have in common.
        environment: Id of their environment; empty if not known.
        steps: int64 (S,), rising; 0 is the switch from offline to online.
        scores: float64 (R, S).
    """

    label: str
    environment: str
    steps: NDArray[np.int64]
    scores: NDArray[np.float64]

    @cached_property
    def estimates(self) -> list[Estimate]:
        """Interquartile mean and interval over the runs, at each step."""
        return [bootstrap(column, seed=SEED) for column in self.scores.T]

    @property
    def offline_index(self) -> int | None:
        """Place of the last step of the offline phase; None if there was none."""
        return int(np.searchsorted(self.steps, 0, side="right")) - 1 if self.steps[0] < 0 else None

    @property
    def offline(self) -> Estimate | None:
        """What the offline phase reached, before the first environment step; None if there was none."""
        return None if self.offline_index is None else self.estimates[self.offline_index]


def is_share(metric: str) -> bool:
    """Whether the metric is a share between 0 and 1, which reads best in per cent."""
    return metric.rsplit("/", 1)[-1].startswith(("success", "solved"))


def usual_metric(run_folders: Sequence[Path]) -> str:
    """What runs are judged by: success, where all of them have it, else the return."""
    successful = [any(METRIC in record for record in read_metrics(folder)) for folder in run_folders]
    return METRIC if all(successful) else RETURN


def begun(run_folders: Sequence[Path]) -> list[Path]:
    """Those of the runs that have something to draw; the others are named: they have just begun, or failed at once.

    Raises:
        DataError: none has.
    """
    found: list[Path] = []
    for folder in run_folders:
        if (folder / CONFIG).exists() and not (folder / METRICS).exists():
            logger.warning("%s is left out: no metrics yet", folder)
        else:
            found.append(folder)
    if run_folders and not found:
        raise DataError("no run has metrics yet")
    return found


def read_curves(run_folders: Sequence[Path], metric: str = METRIC) -> list[Curve]:
    """One curve for all runs that differ in nothing but their seed, in the order of the folders.

    Labels are method and preset; where that does not tell curves apart, also the settings that do.

    Raises:
        ConfigError: No folder is given.
        DataError: A run has no metrics, or not this one; or runs of one method have no step in common.
    """
    if not run_folders:
        raise ConfigError("no run folder to read")
    configs = [_config(folder) for folder in run_folders]
    settings = [_settings(config) for config in configs]
    several = len({config.get("env") for config in configs}) > 1
    names = [_name(config, several) for config in configs]
    groups: dict[tuple[str, str], list[Path]] = {}
    for folder, config, own, name in zip(run_folders, configs, settings, names, strict=True):
        peers = [other for other, theirs in zip(settings, names, strict=True) if theirs == name]
        # a setting that an earlier version did not know tells nothing apart
        apart = [f"{key} {value}" for key, value in own.items() if any(peer.get(key, value) != value for peer in peers)]
        groups.setdefault((", ".join([name, *apart]), str(config.get("env", ""))), []).append(folder)
    seeds = {folder: config.get("seed") for folder, config in zip(run_folders, configs, strict=True)}
    for (label, _), folders in groups.items():
        _warn_of_copies(label, [(folder, seeds[folder]) for folder in folders])
        _warn_of_other_data(label, folders)
    return [_joined(*group, folders, metric) for group, folders in groups.items()]


def _warn_of_copies(label: str, runs: Sequence[tuple[Path, object]]) -> None:
    """One run twice is no second run, and its interval has no width."""
    for number, (folder, seed) in enumerate(runs):
        for other, theirs in runs[:number]:
            if seed == theirs and seed is not None:
                logger.warning("%s: %s and %s have the same seed, %s: not two runs", label, other, folder, seed)


def _warn_of_other_data(label: str, folders: Sequence[Path]) -> None:
    """Data of one name may hold something else in the folder of another run."""
    contents = [checkpoint.newest_meta(folder / "checkpoints").get("prior", {}) for folder in folders]
    for number, folder in enumerate(folders):
        for source, found in contents[number].items():
            others = {theirs[source] for theirs in contents[:number] if source in theirs} - {found}
            if others:
                text = "%s: %s learned from %s with %s, others from %s: not the same data"
                logger.warning(text, label, folder, source, found, "; ".join(sorted(others)))


def _name(config: Mapping[str, Any], several: bool) -> str:
    parts = [config.get("algorithm", "runs"), config.get("preset"), config.get("env", "") if several else None]
    return " ".join(str(part) for part in parts if part)


def _settings(config: Mapping[str, Any]) -> dict[str, str]:
    """What decides a run's curve, but for its seed, as text."""
    decisive = {key: value for key, value in config.items() if key not in NEUTRAL}
    own: Mapping[str, Any] = decisive.pop("hyperparameters", {})
    return {key: _text(value) for key, value in {**decisive, **own}.items()}


def _text(value: Any) -> str:
    return " ".join(map(_text, cast("list[Any]", value))) if isinstance(value, list) else str(value)


def _series(folder: Path, metric: str) -> dict[int, float]:
    """The metric at each step of one run; the last line of a step wins."""
    series: dict[int, float] = {}
    for record in read_metrics(folder):
        if metric not in record:
            continue
        step, value = int(record["step"]), float(record[metric])
        if record["phase"] == "offline" and step > 0:
            raise DataError(f"{folder / METRICS}: step {step} is offline; offline steps are negative, up to 0")
        if not np.isfinite(value):
            raise DataError(f"{folder / METRICS}: {metric} is {value} at step {step}")
        series[step] = value
    if not series:
        tags = sorted({tag for record in read_metrics(folder) for tag in record} - {"step", "phase"})
        raise DataError(f"{folder / METRICS}: no line has {metric}; there are {', '.join(tags) or 'none'}")
    return series


def _joined(label: str, environment: str, folders: Sequence[Path], metric: str) -> Curve:
    runs = [_series(folder, metric) for folder in folders]
    common = sorted(step for step in runs[0] if all(step in run for run in runs))
    if not common:
        named = ", ".join(str(folder) for folder in folders)
        raise DataError(f"{named}: runs of {label} have no step with {metric} in common")
    for folder, run in zip(folders, runs, strict=True):
        if max(run) < max(map(max, runs)):
            logger.warning("%s ends at step %d, and with it the curve of %s: leave it out", folder, max(run), label)
    scores = np.array([[run[step] for step in common] for run in runs], np.float64)
    return Curve(label, environment, np.array(common, np.int64), scores)


def _config(folder: Path) -> dict[str, Any]:
    """The run's own record of what it is; empty where there is none."""
    path = folder / CONFIG
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path}: not a run's configuration: {error}") from error
