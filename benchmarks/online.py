"""What the loop adds: environment steps and updates together, against each of the two alone."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from awac.config import defaults, to_json
from awac.display import Display
from awac.run import RunFolder
from awac.session import Session
from benchmarks.entry import Measurement, compare
from benchmarks.rounds import alternate

ENVIRONMENT = "awac/PenBinary-v0"
INTERVAL = 50  # environment steps, and updates, in one turn; as in a run
AT_MOST = 1.10


def seconds_of(run: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(steps: int) -> Measurement:
    """`steps` environment steps and as many updates, in turns of 50; the totals are compared, not the turns.

    The environment alone acts with the policy, as in the loop; what the loop adds is scaling, buffer and journal.
    """
    experiment = replace(
        defaults("awac", "paper", ENVIRONMENT), offline_steps=0, online_steps=10 * steps, interval=INTERVAL
    )
    with TemporaryDirectory() as folder, RunFolder.create(Path(folder) / "run", to_json(experiment)) as run:
        session = Session(experiment, run, Display(ENVIRONMENT))
        session.advance()  # compiles, and fills the buffer with what the updates alone draw from
        sampling = session.sampling(experiment.batch_size)
        seconds = alternate(
            {
                "steps": lambda: seconds_of(lambda: session.collector.collect(session.learner.act, INTERVAL)),
                "updates": lambda: seconds_of(lambda: session.learner.update(INTERVAL, sampling)),
                "together": lambda: seconds_of(session.advance),
            },
            rounds=steps // INTERVAL,
        )
        session.close()
    alone, together = seconds["steps"] + seconds["updates"], seconds["together"]
    ratio = np.sum(together) / np.sum(alone)
    measured = compare("online_overhead", "s", together, alone, together / alone, at_most=AT_MOST)
    totals = replace(measured.entry, ours=float(np.sum(together)), peer=float(np.sum(alone)), ratio=float(ratio))
    return replace(measured, entry=totals)
