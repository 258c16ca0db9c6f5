"""One line of the benchmark: the entry of `benchmarks/latest.json`, with what the table shows besides."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.box import SIMPLE
from rich.table import Table

THOUSAND = 1000  # from here on, digits after the point say nothing
FIELDS = ("name", "ours", "peer", "ratio", "unit")


@dataclass(frozen=True)
class Entry:
    """A measurement. `ours` and `peer` have the unit `unit`; what `ratio` is, docs/performance.md says for each."""

    name: str
    ours: float
    peer: float | None
    ratio: float | None
    unit: str


@dataclass(frozen=True)
class Measurement:
    """An entry, the quartiles of its ratio over the rounds, and what it must be."""

    entry: Entry
    quartiles: tuple[float, float] | None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the ratio is where it must be; None where it was not measured."""
        ratio = self.entry.ratio
        if ratio is None:
            return None
        return (self.at_least is None or ratio >= self.at_least) and (self.at_most is None or ratio <= self.at_most)


def compare(
    name: str, unit: str, ours: np.ndarray, peer: np.ndarray, ratios: np.ndarray, **limits: float
) -> Measurement:
    """The medians over the rounds; the ratio is the median of those of the rounds."""
    entry = Entry(name, float(np.median(ours)), float(np.median(peer)), float(np.median(ratios)), unit)
    low, high = np.quantile(ratios, (0.25, 0.75))
    return Measurement(entry, (float(low), float(high)), **limits)


def missing(name: str, unit: str, ours: np.ndarray, **limits: float) -> Measurement:
    """A measurement whose peer is not installed."""
    return Measurement(Entry(name, float(np.median(ours)), None, None, unit), None, **limits)


def write(measurements: Iterable[Measurement], path: Path) -> None:
    """Writes the entries as JSON."""
    entries = [asdict(measurement.entry) for measurement in measurements]
    path.write_text(json.dumps(entries, indent=2) + "\n")


def table(measurements: Iterable[Measurement]) -> Table:
    """The measurements for a terminal."""
    shown = Table(title="Speed", box=SIMPLE)
    for column in ("name", "ours", "peer", "unit", "ratio", "quartiles", "wanted"):
        shown.add_column(column, justify="left" if column == "name" else "right", no_wrap=True)
    for measurement in measurements:
        entry, quartiles = measurement.entry, measurement.quartiles
        spread = "" if quartiles is None else f"{quartiles[0]:.2f}-{quartiles[1]:.2f}"
        numbers = (_number(entry.ours), _number(entry.peer), entry.unit, _number(entry.ratio))
        shown.add_row(entry.name, *numbers, spread, _wanted(measurement))
    return shown


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < THOUSAND else f"{value:.0f}"


def _wanted(measurement: Measurement) -> str:
    least, most = measurement.at_least, measurement.at_most
    limit = "" if least is None and most is None else f">= {least:g}" if most is None else f"<= {most:g}"
    colour = {True: "green", False: "bold red", None: "dim"}[measurement.met]
    return f"[{colour}]{limit}[/]"
