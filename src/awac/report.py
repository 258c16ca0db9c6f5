"""From run folders to what people look at: learning curves over seeds, and a table of what was reached.

Runs that differ only in their seed make one curve: a line through the interquartile mean, a band for its 95 % bootstrap
interval. Steps are environment steps; the offline phase lies at negative steps, and the switch at 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from tyro.conf import Positional

from awac.curves import METRIC, Curve, begun, is_share, read_curves, usual_metric
from awac.display import digits
from awac.figure import draw
from awac.statistics import Estimate

# "highest": of a distance it is not the best
COLUMNS = ("method", "runs", "offline", "final", "highest", "lowest online")


@dataclass(frozen=True)
class PlotOptions:
    """Options of `awac plot`."""

    runs: Positional[tuple[Path, ...]]
    """Run folders; those that differ only in their seed become one curve."""
    output: Path = Path("learning_curve.png")
    """The figure: .png, .pdf or .svg."""
    metric: str | None = None
    """The tag in metrics.jsonl to draw; success at the last step if left out, or the return where runs have none."""
    markdown: bool = False
    """Print the table as Markdown."""


def command(options: PlotOptions) -> None:
    """Draws the learning curves of runs and prints what they reached."""
    runs = begun(options.runs)
    metric = options.metric or usual_metric(runs)
    curves = read_curves(runs, metric)
    draw(curves, metric, options.output)
    if options.markdown:
        print(markdown(curves, metric))
    else:
        Console().print(table(curves, metric))
    print(options.output)


def learning_curve(run_folders: Sequence[Path], metric: str | None = None, output: Path = PlotOptions.output) -> Path:
    """Draws the metric of all runs (None: what they are usually judged by) over steps and returns `output`.

    Raises:
        ConfigError: No folder is given, or `output` does not end in .png, .pdf or .svg.
        DataError: A run has no metrics, or not this one; or runs of one method have no step in common.
        StorageError: The figure cannot be written.
    """
    run_folders = begun(run_folders)
    metric = metric or usual_metric(run_folders)
    return draw(read_curves(run_folders, metric), metric, output)


def rows(curves: Sequence[Curve], metric: str) -> list[tuple[str, ...]]:
    """The table's lines, as texts, in the order of `COLUMNS`."""
    found: list[tuple[str, ...]] = []
    for curve in curves:
        online = np.flatnonzero(curve.steps > 0)
        estimates, offline = curve.estimates, curve.offline
        highest = max(estimates, key=lambda estimate: estimate.value)
        lowest = min((estimates[i] for i in online), key=lambda estimate: estimate.value, default=None)
        values = (offline, estimates[-1], highest, lowest)
        found.append((curve.label, str(len(curve.scores)), *(_text(value, metric) for value in values)))
    return found


def table(curves: Sequence[Curve], metric: str = METRIC) -> Table:
    """What was reached, for the terminal."""
    result = Table(title=_caption(curves, metric), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in COLUMNS:
        result.add_column(name, justify="left" if name == "method" else "right", overflow="fold")
    for row in rows(curves, metric):
        result.add_row(*row)
    return result


def markdown(curves: Sequence[Curve], metric: str = METRIC) -> str:
    """What was reached, for a document."""
    lines = [COLUMNS, ("---", *("--:" for _ in COLUMNS[1:])), *rows(curves, metric)]
    return "\n".join([_caption(curves, metric), "", *("| " + " | ".join(line) + " |" for line in lines)])


def _caption(curves: Sequence[Curve], metric: str) -> str:
    several = any(len(curve.scores) > 1 for curve in curves)
    unit = " in %" if is_share(metric) else ""
    return f"{metric}{unit}" + (": interquartile mean over runs [95 % bootstrap interval]" if several else "")


def _text(estimate: Estimate | None, metric: str) -> str:
    if estimate is None:
        return "-"
    value, low, high = (f"{100 * number:.0f}" if is_share(metric) else digits(number) for number in estimate)
    return value if estimate.low == estimate.high else f"{value} [{low}, {high}]"
