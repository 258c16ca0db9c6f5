"""How long a robot waits for one action: the NumPy runtime at the paper's sizes, 99th percentile.

`python -m benchmarks.numpy_action` prints the entry that `make bench` collects.
"""

from __future__ import annotations

import json
import time

import numpy as np

from awac.runtime import Policy
from awac.scaling import Scaling

OBSERVATION, HIDDEN, ACTION = 45, (256, 256, 256, 256), 24
ACTIONS, WARM_UP = 20_000, 1_000
TARGET = 150.0  # microseconds


def paper_policy() -> Policy:
    """An untrained policy of the paper's sizes; speed does not depend on the weights."""
    generator = np.random.default_rng(0)
    widths = list(zip((OBSERVATION, *HIDDEN), (*HIDDEN, ACTION), strict=True))
    return Policy(
        weights=tuple(generator.standard_normal(shape, np.float32) / np.sqrt(np.float32(shape[0])) for shape in widths),
        biases=tuple(np.zeros(size, np.float32) for _, size in widths),
        scaling=Scaling.identity(OBSERVATION, ACTION),
        log_std=np.zeros(ACTION, np.float32),
    )


def measure() -> dict[str, object]:
    """One entry of `benchmarks/latest.json`; `ratio` is the target over ours, so above 1 is within it."""
    policy = paper_policy()
    observations = np.random.default_rng(1).standard_normal((ACTIONS + WARM_UP, OBSERVATION), np.float32)
    microseconds = np.empty(len(observations))
    for i, observation in enumerate(observations):
        start = time.perf_counter_ns()
        policy.act(observation)
        microseconds[i] = (time.perf_counter_ns() - start) / 1e3
    ours = float(np.percentile(microseconds[WARM_UP:], 99))
    return {"name": "numpy_action_p99", "ours": ours, "peer": None, "ratio": TARGET / ours, "unit": "us"}


if __name__ == "__main__":
    print(json.dumps(measure()))
