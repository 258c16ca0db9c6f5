"""What a golden trace is: the metrics of 100 seeded updates on fixed data, and how two traces are compared."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from awac.algorithm import State, initialize
from awac.algorithms import ALGORITHMS
from awac.batch import Batch
from awac.data.buffer import create, insert
from awac.learner import Sampling, run_updates
from awac.networks import Sizes

FOLDER = Path(__file__).parent
SIZES = Sizes(observation=5, action=3)
TRANSITIONS, CALLS, UPDATES_PER_CALL = 200, 10, 10
LIVELY = {  # small and fast, so that every term has been felt after 100 updates
    "actor_hidden": (32, 32),
    "critic_hidden": (32, 32),
    "actor_learning_rate": 3e-3,
    "critic_learning_rate": 3e-3,
    "dual_learning_rate": 3e-3,
    "target_rate": 0.05,
}
TOLERANCE = 1e-3  # another processor sums in another order; another equation is further away than this

# trace -> algorithm, settings
TRACES = {name: (name, {}) for name in ALGORITHMS} | {
    "bear": ("bear", {"warm_start": 50}),
    "brac": ("brac", {"warm_start": 50, "divergence_bound": 1.0}),
    "awac_authors": ("awac", {"weighting": "softmax", "value": "mean_action", "advantage_clip": 0.05}),
    # few iterations and a strong damping: the rounding of ten undamped ones would grow from step to step
    "dapg": ("dapg", {"iterations": 3, "damping": 1.0, "step_size": 0.01}),
    "awac_divergence": ("awac", {"divergence_bound": 0.5, "temperature": 1e-3, "critic_norm": True}),
}


def wave(count: int, size: int, phase: float) -> np.ndarray:
    """Numbers in [-1, 1] that look random and are the same for ever: no generator whose stream may change."""
    return np.float32(np.sin(1.7 * np.arange(1, count * size + 1) ** 1.3 + phase).reshape(count, size))


def data() -> Batch:
    """Transitions with every kind of end and every provenance."""
    number = np.arange(TRANSITIONS)
    return Batch(
        observations=wave(TRANSITIONS, SIZES.observation, 0.0),
        actions=wave(TRANSITIONS, SIZES.action, 1.0),
        rewards=wave(TRANSITIONS, 1, 2.0)[:, 0] - 1,
        next_observations=wave(TRANSITIONS, SIZES.observation, 3.0),
        terminated=number % 7 == 6,
        truncated=number % 11 == 10,
        provenance=np.asarray(number % 4, np.int8),
        steps=np.ones(TRANSITIONS, np.int32),
    )


def run(name: str, **changes: object) -> dict[str, list[float]]:
    """The metrics of every tenth update, six digits each."""
    owner, settings = TRACES[name]
    algorithm = ALGORITHMS[owner]
    config = algorithm.config(**{**LIVELY, **settings, **changes})
    state: State = initialize(algorithm, config, SIZES, jax.random.PRNGKey(7))
    buffer = insert(create(TRANSITIONS, SIZES), data())
    sampling = Sampling(batch_size=32, mix=((3, 0.5),), return_steps=2)
    found: dict[str, list[float]] = {}
    for call in range(CALLS):
        if algorithm.on_policy and call == CALLS // 2:  # what was data until now, its policy shall have collected
            state, sampling = replace(state, online=jnp.bool_(True)), sampling._replace(newest=TRANSITIONS // 4)
        state, metrics = run_updates(algorithm, config, sampling, UPDATES_PER_CALL, state, buffer)
        for metric, value in sorted(metrics.items()):
            found.setdefault(metric, []).append(float(f"{float(value):.6g}"))
    return found


def path(name: str) -> Path:
    """Where a trace is kept."""
    return FOLDER / f"{name}.json"


def read(name: str) -> dict[str, list[float]]:
    """A stored trace."""
    return json.loads(path(name).read_text())


def differences(found: dict[str, list[float]], expected: dict[str, list[float]]) -> list[str]:
    """Metrics whose traces are apart by more than the tolerance, relative to the largest value of the trace."""
    if found.keys() != expected.keys():
        return [f"metrics: {sorted(found.keys() ^ expected.keys())}"]
    apart = {
        metric: np.max(np.abs(np.subtract(found[metric], values))) / max(np.max(np.abs(values)), 1e-3)
        for metric, values in expected.items()
    }
    return [f"{metric}: {distance:.2g}" for metric, distance in apart.items() if not distance <= TOLERANCE]
