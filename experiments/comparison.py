"""The table and the figure of the study in docs/algorithms.md, from the run folders of `experiments/comparison.sh`.

    python experiments/comparison.py table FOLDER              Markdown; milliseconds from `FOLDER/times.json`
    python experiments/comparison.py figure FOLDER OUTPUT.png
    python experiments/comparison.py times FOLDER              on an idle machine: milliseconds per update of its runs

A method's folder is FOLDER/TASK/METHOD-SEED. "offline" is the value after the last offline update, "final" the last one
online, "fall" how far the lowest value of the first 6 000 environment steps lies below the offline one: seed by seed,
since a seed also draws the starts of its evaluation.
"""

import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from awac.algorithms import ALGORITHMS
from awac.batch import Batch
from awac.config import from_older_json
from awac.learner import Learner, Sampling
from awac.scaling import Scaling

TASKS = {"pointmass": "PointMass", "cheetah": "HalfCheetah"}
METRIC = "eval/mean_reward"
SWITCH = 6_000  # environment steps after the switch in which a dip is looked for
REFERENCE = "awac"
CHEETAH = (17, 6)  # observation and action sizes


class Curve(NamedTuple):
    """One method on one task: values (seeds, points) at `steps`; offline steps are negative, up to 0."""

    method: str
    steps: np.ndarray
    values: np.ndarray

    def at_switch(self) -> np.ndarray:
        """After the last offline update (seeds,), where there was one."""
        return self.values[:, self.steps <= 0][:, -1] if (self.steps < 0).any() else np.zeros(0)

    def final(self) -> np.ndarray:
        """After the last environment step (seeds,), where there was one."""
        return self.values[:, -1] if self.steps[-1] > 0 else np.zeros(0)

    def falls(self) -> np.ndarray:
        """How far the first environment steps fall below the offline value (seeds,)."""
        early = (self.steps > 0) & (self.steps <= SWITCH)
        if not self.at_switch().size or not early.any():
            return np.zeros(0)
        return self.at_switch() - self.values[:, early].min(axis=1)


def read(run: Path) -> dict[int, float]:
    """The metric by step."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return {line["step"]: line[METRIC] for line in lines if METRIC in line}


def curves(folder: Path) -> Iterator[Curve]:
    """All finished methods of a task, in the order of their names."""
    finished = sorted(path.parent for path in folder.glob("*/summary.json") if json.loads(path.read_text())["finished"])
    for method in sorted({run.name.rsplit("-", 1)[0] for run in finished}):
        runs = [read(run) for run in finished if run.name.rsplit("-", 1)[0] == method]
        steps = sorted(set.intersection(*(set(run) for run in runs)))
        yield Curve(method, np.array(steps), np.array([[run[step] for step in steps] for run in runs]))


def shown(value: float, places: int = 1) -> str:
    return "" if math.isnan(value) else f"{value:,.{places}f}".replace(",", " ")


def each(values: np.ndarray, places: int) -> str:
    return ", ".join(shown(float(value), places) for value in values)


def fall(curve: Curve, places: int) -> str:
    return ", ".join("none" if value <= 0 else shown(float(value), places) for value in curve.falls())


def table(folder: Path) -> None:
    """Prints one row per method, the best of the first seed on the first task first."""
    found = {task: {curve.method: curve for curve in curves(folder / task)} for task in TASKS}
    times = json.loads((folder / "times.json").read_text()) if (folder / "times.json").exists() else {}
    heads = [f"{name}: {what}" for name in TASKS.values() for what in ("offline", "final", "fall")]
    print("| method | " + " | ".join([*heads, "ms per update"]) + " |\n|---|" + "--:|" * (len(heads) + 1))

    def last(task: str, method: str) -> float:
        return found[task][method].values[0, -1] if method in found[task] else -math.inf

    methods = {name for methods in found.values() for name in methods}
    for method in sorted(methods, key=lambda method: [last(task, method) for task in TASKS], reverse=True):
        cells: list[str] = []
        for task in TASKS:
            curve, places = found[task].get(method), 1 if task == "pointmass" else 0
            cells += (
                [each(curve.at_switch(), places), each(curve.final(), places), fall(curve, places)]
                if curve
                else [""] * 3
            )
        print(f"| `{method}` | " + " | ".join([*cells, shown(times.get(method, math.nan))]) + " |")


def figure(folder: Path, output: Path) -> None:
    """One small panel per method, its tasks side by side, AWAC in grey behind each."""
    everything = {task: {curve.method: curve for curve in curves(folder / task)} for task in TASKS}
    found = {task: methods for task, methods in everything.items() if methods}
    if not found:
        sys.exit(f"{folder}: no finished runs in {', '.join(TASKS)}")
    methods = sorted(set().union(*found.values()))
    columns = 6 // len(found)
    rows = math.ceil(len(methods) / columns)
    drawing = Figure(figsize=(12, 1.7 * rows), dpi=110, layout="constrained")
    panels = drawing.subplots(rows, len(found) * columns, squeeze=False, sharex=True)
    for panel in panels.ravel()[len(found) * len(methods) :]:
        panel.set_visible(False)
    for number, method in enumerate(methods):
        row, column = divmod(number, columns)
        for offset, task in enumerate(found):
            panel = panels[row, len(found) * column + offset]
            draw(panel, found[task].get(REFERENCE), "#bbbbbb")
            draw(panel, found[task].get(method), "#0072B2")
            limits(panel, found[task])
            panel.axvline(0, color="#777777", linewidth=0.8, linestyle=":")
            panel.set_title(f"{method}, {TASKS[task]}", fontsize=8)
            panel.tick_params(labelsize=6)
            panel.spines[["top", "right"]].set_visible(False)
    drawing.supxlabel("environment steps; offline updates are negative", fontsize=9)
    drawing.supylabel("return of the mean action", fontsize=9)
    drawing.savefig(output, facecolor="white")


def draw(panel, curve: Curve | None, color: str) -> None:
    if curve is None:
        return
    for values in curve.values:
        panel.plot(curve.steps, values, color=color, linewidth=0.6, alpha=0.6)
    panel.plot(curve.steps, curve.values.mean(axis=0), color=color, linewidth=1.6)


def limits(panel, found: dict[str, Curve]) -> None:
    """The same range for all methods of a task; what falls far below is cut."""
    values = np.concatenate([curve.values.ravel() for curve in found.values()])
    low, high = np.quantile(values, 0.03), values.max()
    panel.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))


def times(folder: Path) -> None:
    """Milliseconds per update with the settings of the runs, all methods in one sitting, least of three calls."""
    runs = {run.parent.name.rsplit("-", 1)[0]: run for task in TASKS for run in folder.glob(f"{task}/*/config.json")}
    found = {method: milliseconds(json.loads(runs[method].read_text())) for method in sorted(runs)}
    (folder / "times.json").write_text(json.dumps(found, indent=2) + "\n")
    for name, value in found.items():
        print(f"{name:16s} {value:6.2f}")


def milliseconds(config: dict[str, Any]) -> float:
    """Of one update of a run's method on made-up data of HalfCheetah's size, so that all tasks' runs compare."""
    experiment = from_older_json(config)
    algorithm = ALGORITHMS[experiment.algorithm]
    learner = Learner(algorithm, experiment.hyperparameters, Scaling.identity(*CHEETAH), seed=0, capacity=20_000)
    learner.insert(transitions(20_000))
    count = 20 * experiment.hyperparameters.actor_period
    newest = experiment.interval if algorithm.on_policy else 0
    sampling = Sampling(experiment.batch_size, return_steps=experiment.return_steps, newest=newest)
    elapsed: list[float] = []
    for _ in range(4):  # the first compiles
        start = time.perf_counter()
        learner.update(count, sampling)
        elapsed.append(time.perf_counter() - start)
    return 1000 * min(elapsed) / count


def transitions(count: int) -> Batch:
    generator = np.random.default_rng(0)
    observation, action = CHEETAH
    return Batch(
        observations=generator.normal(size=(count, observation)).astype(np.float32),
        actions=generator.uniform(-1, 1, size=(count, action)).astype(np.float32),
        rewards=generator.normal(size=count).astype(np.float32),
        next_observations=generator.normal(size=(count, observation)).astype(np.float32),
        terminated=np.zeros(count, bool),
        truncated=np.arange(count) % 1000 == 999,
        provenance=np.zeros(count, np.int8),
        steps=np.ones(count, np.int32),
    )


if __name__ == "__main__":
    {"table": table, "figure": figure, "times": times}[sys.argv[1]](*map(Path, sys.argv[2:]))
