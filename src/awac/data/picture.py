"""The card of a dataset as one picture: returns, lengths of episodes, and which actions it covers."""

from pathlib import Path
from typing import Any

import numpy as np

from awac.data.dataset import Dataset
from awac.envs.scores import NAMES, scores
from awac.figure import COLORS, GRID, INK, QUIET, blank, save

SIZE = (11.0, 3.6)
BINS = 40


def draw(name: str, dataset: Dataset, output: Path) -> Path:
    """Writes the picture and returns `output`.

    Raises:
        ConfigError: `output` does not end in .png, .pdf or .svg.
        StorageError: it cannot be written.
    """
    figure = blank(output, SIZE)
    parts: Any = figure.subplots(1, 3, width_ratios=(1.0, 1.0, 1.25))  # matplotlib's types are partial
    returns = np.array([episode.total_reward for episode in dataset.episodes])
    lengths = np.array([len(episode) for episode in dataset.episodes])
    _histogram(parts[0], returns, "return of an episode")
    _histogram(parts[1], lengths, "steps of an episode")
    _coverage(figure, parts[2], dataset)
    titled: Any = figure
    titled.suptitle(f"{name}\n", x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    titled.text(0.01, 0.9, _subtitle(dataset, returns), fontsize=9, color=QUIET)
    return save(figure, output)


def _subtitle(dataset: Dataset, returns: np.ndarray) -> str:
    said = f"{len(dataset.episodes):,} episodes, {len(dataset):,} steps, mean return {returns.mean():,.0f}"
    found = scores(dataset.env_id or "", float(returns.mean()))
    return "; ".join([said, *(f"{NAMES[name]} {value:z.1f}" for name, value in found.items())])


def _histogram(axes: Any, values: np.ndarray, label: str) -> None:
    low, high = float(values.min()), float(values.max())
    if high - low < 1:  # all the same: one bar with room beside it
        low, high = low - 0.5 * max(abs(low), 1.0), high + 0.5 * max(abs(high), 1.0)
    axes.hist(values, bins=BINS, range=(low, high), color=COLORS[0])
    axes.axvline(values.mean(), color=COLORS[1], linewidth=1.2, linestyle=(0, (4, 3)))
    axes.set_xlabel(f"{label} (dashed: mean)", color=INK)
    axes.set_ylabel("episodes", color=INK)
    axes.locator_params(axis="y", integer=True)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _coverage(figure: Any, axes: Any, dataset: Dataset) -> None:
    """For each action, how often each part of its range is taken; use of all of it alike is one light tone."""
    actions = dataset.flat().actions
    low = actions.min(axis=0) if dataset.action_low is None else dataset.action_low
    high = actions.max(axis=0) if dataset.action_high is None else dataset.action_high
    unit = 2 * (actions - low) / np.maximum(high - low, 1e-12) - 1
    shares = np.stack([np.histogram(column, BINS, (-1, 1))[0] / len(column) for column in unit.T])
    top = max(float(shares.max()), 4 / BINS)  # or noise would look like structure
    place = (-1, 1, len(shares) - 0.5, -0.5)
    image = axes.imshow(100 * shares, aspect="auto", extent=place, cmap="magma_r", vmin=0, vmax=100 * top)
    axes.set_xticks((-1, -0.5, 0, 0.5, 1))
    axes.set_xlabel("action, between its bounds", color=INK)
    axes.set_ylabel("number of the action", color=INK)
    axes.set_yticks(range(0, len(shares), max(1, len(shares) // 8)))
    axes.tick_params(colors=INK, length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, label=f"% of the steps, in {BINS} parts")
    bar.outline.set_visible(False)
