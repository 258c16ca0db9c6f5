"""How long the validation of a million transitions takes, at the sizes of the pen: 5 000 episodes of 200 steps.

`python -m benchmarks.validate` prints the entry that `make bench` collects. Reading the file and checking it are timed
apart: the target is for the check.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import numpy as np

from awac.data.dataset import Dataset, Episode
from awac.data.store import read
from awac.data.validate import check_stored, examine
from awac.data.writer import write

EPISODES, STEPS, OBSERVATION, ACTION = 5_000, 200, 45, 24
TARGET = 3.0  # seconds
REPEATS = 3


def million() -> Dataset:
    """A million transitions that pass, of no particular meaning."""
    generator = np.random.default_rng(0)
    truncated = np.arange(STEPS) == STEPS - 1
    episodes = tuple(
        Episode(
            observations=generator.standard_normal((STEPS + 1, OBSERVATION), np.float32),
            actions=generator.uniform(-1, 1, (STEPS, ACTION)).astype(np.float32),
            rewards=-(generator.random(STEPS) < 0.9).astype(np.float32),
            terminated=np.zeros(STEPS, bool),
            truncated=truncated,
            source=f"memory, episode {index}",
        )
        for index in range(EPISODES)
    )
    bounds = np.ones(ACTION, np.float32)
    return Dataset(episodes, "memory", {}, -bounds, bounds)


def best(function: object, *arguments: object) -> float:
    """Seconds of the fastest of a few calls."""
    assert callable(function)
    seconds: list[float] = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function(*arguments)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def measure() -> dict[str, object]:
    """One entry of `benchmarks/latest.json`; `ratio` is the target over ours, so above 1 is within it."""
    dataset = million()
    in_memory = best(examine, dataset)
    with tempfile.TemporaryDirectory() as folder:
        place = write(dataset, Path(folder) / "million")
        reading = best(read, place)
        stored = read(place)
        from_file = best(check_stored, stored)
    return {
        "name": "validate_million",
        "ours": round(from_file, 3),
        "peer": None,
        "ratio": round(TARGET / from_file, 2),
        "unit": "s",
        "in_memory": round(in_memory, 3),
        "reading_the_file": round(reading, 3),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
