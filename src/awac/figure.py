"""The look of a learning curve. Matplotlib's object interface only: nothing global is changed, no window is opened."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from awac import storage
from awac.curves import Curve, is_share
from awac.display import digits
from awac.errors import ConfigError

# Okabe and Ito's palette, told apart by every kind of colour vision.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK, QUIET, OFFLINE_GROUND, GRID = "#222222", "#777777", "#f4f2ed", "#e4e4e4"
# Colours come again from the eighth curve on, with other strokes, which stand before the name.
STROKES = (("solid", ""), ((0, (4, 1.5)), "- - "), ((0, (1, 1.2)), ". . . "), ((0, (4, 1.5, 1, 1.5)), "- . "))
STYLES = [(color, stroke, sign) for stroke, sign in STROKES for color in COLORS]
SIZE, DOTS_PER_INCH = (8.0, 4.5), 160
LABEL_HEIGHT = 0.055  # of a line of text, in axes of this size: what names at the lines' ends are kept apart by
LABEL_WIDTH = 32  # letters; what is longer goes on in the next line
NARROW = 0.15  # a phase that takes less of the width has no room for its name


def draw(curves: Sequence[Curve], metric: str, output: Path) -> Path:
    """Writes the figure of all curves (at least one) and returns `output`, whose folder is made if missing.

    Raises:
        ConfigError: `output` does not end in .png, .pdf or .svg.
        StorageError: It cannot be written.
    """
    styles = [style for _, style in zip(curves, cycle(STYLES), strict=False)]
    names = [sign + _name(curve, metric) for curve, (_, _, sign) in zip(curves, styles, strict=True)]
    height = LABEL_HEIGHT * max(name.count("\n") + 1 for name in names)
    taller = max(1.0, height * len(names))  # room for all of them
    figure = blank(output, (SIZE[0], SIZE[1] * taller))
    axes: Any = figure.add_subplot()  # matplotlib's types are partial
    _draw_axes(axes, curves, metric)
    _draw_switch(axes, curves)
    for curve, (color, stroke, _) in zip(curves, styles, strict=True):
        _draw_curve(axes, curve, color, stroke)
    _draw_names(axes, curves, names, height / taller)
    return save(figure, output)


def blank(output: Path, size: tuple[float, float] = SIZE) -> Figure:
    """An empty figure of `size` inches, to be saved as `output`; raises as `draw`."""
    if output.suffix not in (".png", ".pdf", ".svg"):
        raise ConfigError(f"output {output} must end in .png, .pdf or .svg")
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, output: Path) -> Path:
    """Writes a figure, whole or not at all; its folder is made if missing. Raises as `draw`."""
    content = io.BytesIO()
    saved: Any = figure
    saved.savefig(content, format=output.suffix[1:], facecolor="white")
    storage.make_parents(output)
    storage.write_file(output, content.getvalue())
    return output


def written(value: float, metric: str) -> str:
    """A value of the metric as text."""
    text = f"{100 * value:.0f} %" if is_share(metric) else digits(value)
    return text.replace("-", "\N{MINUS SIGN}")


def _draw_axes(axes: Any, curves: Sequence[Curve], metric: str) -> None:
    first, last = min(curve.steps[0] for curve in curves), max(curve.steps[-1] for curve in curves)
    margin = 0.02 * max(last - first, 50)
    axes.set_xlim(first - margin, last + margin)
    if is_share(metric):
        axes.set_ylim(-0.02, 1.04)
        axes.set_yticks(np.linspace(0, 1, 6))
    axes.yaxis.set_major_formatter(FuncFormatter(partial(_tick, metric)))
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 2.5, 5, 10], integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
    axes.set_title(_title(curves, metric), loc="left", fontsize=13, fontweight="bold", color=INK, pad=22)
    _note(axes, (0, 1), (0, 5), _subtitle(curves), fontsize=9, color=QUIET, va="bottom")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0, pad=6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)


def _draw_switch(axes: Any, curves: Sequence[Curve]) -> None:
    """The offline phase's ground, the dashed line where it ends, and what is counted on either side."""
    left, right = axes.get_xlim()
    switch = min(max(left, 0), right) if min(curve.steps[0] for curve in curves) < 0 else left
    if switch > left:
        axes.axvspan(left, switch, color=OFFLINE_GROUND, linewidth=0, zorder=0)
    if left < switch < right:  # no run may have come so far
        axes.axvline(switch, color=QUIET, linewidth=1.1, linestyle=(0, (4, 3)), zorder=1)
    for start, end, text in ((left, switch, "offline updates"), (switch, right, "environment steps")):
        if end - start > NARROW * (right - left):
            middle = (start + end - 2 * left) / (2 * (right - left))
            _note(axes, (middle, 0), (0, -26), text, ha="center", va="top", color=INK)


def _note(axes: Any, place: tuple[float, float], points: tuple[float, float], text: str, **look: Any) -> None:
    """A text some points away from a place that is given in shares of the axes, however tall they are."""
    axes.annotate(text, place, xycoords="axes fraction", xytext=points, textcoords="offset points", **look)


def _draw_curve(axes: Any, curve: Curve, color: str, stroke: Any) -> None:
    value, low, high = np.array(curve.estimates).T
    marker = "o" if len(curve.steps) == 1 else ""  # a line of one point is nothing
    if len(curve.scores) > 1:
        axes.fill_between(curve.steps, low, high, color=color, alpha=0.16, linewidth=0, zorder=2)
        for scores in curve.scores:
            axes.plot(curve.steps, scores, color=color, alpha=0.28, linewidth=0.8, marker=marker, zorder=3)
    line = {"linewidth": 2.4, "linestyle": stroke, "solid_capstyle": "round", "marker": marker}
    axes.plot(curve.steps, value, color=color, zorder=4, **line)
    if curve.offline_index is not None:
        at = curve.offline_index
        style = {"facecolor": "white", "edgecolor": color, "linewidth": 2, "zorder": 5, "clip_on": False}
        axes.scatter(curve.steps[at], value[at], s=44, **style)


def _name(curve: Curve, metric: str) -> str:
    """What the runs have in common, what the offline phase reached, and the last value, if another phase came after."""
    offline, end = curve.offline, written(curve.estimates[-1].value, metric)
    if offline is not None:
        before = f"{written(offline.value, metric)} offline"
        end = f"{before} \N{RIGHTWARDS ARROW} {end}" if curve.steps[-1] > 0 else before
    return "\n".join([*(line for part in curve.label.split(", ") for line in textwrap.wrap(part, LABEL_WIDTH)), end])


def _draw_names(axes: Any, curves: Sequence[Curve], names: Sequence[str], distance: float) -> None:
    """Each line's name at its end."""
    bottom, top = axes.get_ylim()
    heights = _apart([(curve.estimates[-1].value - bottom) / (top - bottom) for curve in curves], distance)
    look = {"transform": axes.transAxes, "fontsize": 9.5, "va": "center", "linespacing": 1.3}
    for name, height, (color, _, _) in zip(names, heights, cycle(STYLES), strict=False):
        axes.text(1.01, height, name, color=color, **look)


def _apart(heights: Sequence[float], distance: float) -> list[float]:
    """The heights moved as little as keeps their order, neighbours `distance` apart, within [0, 1] if there is room."""
    order = np.argsort(heights, kind="stable")
    placed = np.asarray(heights, np.float64)[order]
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + distance)
    placed[-1] = min(placed[-1], 1.0)
    for i in range(len(placed) - 2, -1, -1):
        placed[i] = min(placed[i], placed[i + 1] - distance)
    result = np.empty(len(placed))
    result[order] = placed
    return result.tolist()


def _title(curves: Sequence[Curve], metric: str) -> str:
    name = metric.rsplit("/", 1)[-1].replace("_", " ").capitalize()
    environments = {curve.environment for curve in curves} - {""}
    return f"{name}, {environments.pop()}" if len(environments) == 1 else name


def _subtitle(curves: Sequence[Curve]) -> str:
    counts = sorted({len(curve.scores) for curve in curves})
    if counts[-1] == 1:
        return "one run" if len(curves) == 1 else "one run each"
    runs = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    each = " each" if len(curves) > 1 else ""
    return f"{runs} runs{each}: interquartile mean, 95 % bootstrap interval, single runs thin"


def _tick(metric: str, value: float, _: int) -> str:
    return written(value, metric)


def _thousands(value: float, _: int) -> str:
    text = f"{abs(value) / 1000:g}k" if abs(value) >= 1000 else f"{abs(value):g}"
    return f"\N{MINUS SIGN}{text}" if value < 0 else text
