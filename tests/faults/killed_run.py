"""Kills a saving process at random moments and checks what it leaves. Run by test_storage.py; prints a JSON report.

The child writes metrics, journal and checkpoints as a run does and acknowledges every step it has saved through a pipe.
It is forked from a small process, so that five hundred kills take a minute and not an hour.
"""

import itertools
import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorboardX.proto.event_pb2  # noqa: F401  before the fork: a child that imports is not a child that saves

from awac import checkpoint, storage
from awac.batch import Batch, Provenance
from awac.journal import Journal
from awac.metrics import METRICS, MetricsWriter
from awac.run import RunFolder
from awac.saver import Saver

NEW_FOLDER = 25  # kills; the folder's history grows with them, and so does the time to check it


def parts_of(step: int) -> checkpoint.Parts:
    weights = np.full((64, 64), step, np.float32)
    return {
        "actor": {"weight": weights, "bias": np.full(64, step, np.float32)},
        "buffer": {"rewards": np.full(5000, step, np.float64), "index": np.full((), step, np.int64)},
        "generator": {"key": np.full(2, step, np.uint32)},
    }


def transitions_of(step: int) -> Batch:
    row = np.full((3, 2), step, np.float32)
    flags, provenance = np.full(3, step % 2 == 0), np.full(3, Provenance.ONLINE, np.int8)
    return Batch(row, row, row[:, 0], row + 1, flags, ~flags, provenance, np.ones(3, np.int32))


def live(folder: Path, acknowledge: int) -> None:
    """The child: resumes as a run does, then saves until it is killed."""
    with RunFolder.open(folder) as run:
        loaded = checkpoint.load(run.checkpoints)
        checkpoint.discard_newer(loaded)
        journal = Journal(run.journal)
        journal.truncate(loaded.meta["journal"])
        metrics = MetricsWriter.resume(folder, loaded.meta["metrics"], loaded.step)
        saver = Saver(run.checkpoints)
        os.write(acknowledge, loaded.step.to_bytes(8, "little"))
        for step in itertools.count(loaded.step + 1):
            metrics.write(step, "online", {"train/loss": 1 / step, "time/step": time.monotonic()})
            journal.append(transitions_of(step))

            def collect(step: int = step) -> tuple[checkpoint.Parts, dict[str, int]]:
                return parts_of(step), {"metrics": metrics.position(), "journal": journal.commit()}

            saver.save(step, collect)
            os.write(acknowledge, step.to_bytes(8, "little"))


def start(folder: Path) -> float:
    """Begins a run; returns how long its first save took, in seconds: the disk may be slow, and the kills must hit."""
    with RunFolder.create(folder, {}) as run:
        metrics = MetricsWriter(folder)
        metrics.close()
        started = time.monotonic()
        checkpoint.save(run.checkpoints, 0, parts_of(0), {"metrics": 0, "journal": 0})
        return time.monotonic() - started


def kill_once(folder: Path, delay: float, saving: bool) -> int:
    """Lets a child live for a while, once it is saving or from its start; returns the last step it acknowledged."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        live(folder, writer)
    os.close(writer)
    first = os.read(reader, 8) if saving else b""
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, "the child ended by itself"
    with os.fdopen(reader, "rb") as pipe:
        acknowledged = first + pipe.read()
    return int.from_bytes(acknowledged[-8:], "little")


def check(folder: Path, saved: int) -> int:
    """Asserts that the newest checkpoint is whole, and not older than the step saved; returns its step."""
    run = RunFolder.view(folder)
    loaded = checkpoint.load(run.checkpoints)
    assert loaded.step in (saved, saved + 1), (loaded.step, saved)
    for name, arrays in parts_of(loaded.step).items():
        for key, array in arrays.items():
            np.testing.assert_array_equal(loaded.parts[name][key], array)
    written = (folder / METRICS).read_bytes()[: loaded.meta["metrics"]]
    assert [json.loads(line)["step"] for line in written.splitlines()] == list(range(1, loaded.step + 1))
    expected = [transitions_of(step) for step in range(1, loaded.step + 1)]
    stored = list(Journal(run.journal).segments(loaded.meta["journal"]))
    for batch, wanted in zip(stored, expected, strict=True):
        for array, other in zip(batch, wanted, strict=True):
            np.testing.assert_array_equal(array, other)
    return loaded.step


def main(kills: int, seed: int) -> None:
    logging.disable(logging.WARNING)
    generator = random.Random(seed)
    report = {"kills": 0, "steps": 0, "caught_mid_write": 0}
    for round_start in range(0, kills, NEW_FOLDER):
        folder = Path(tempfile.mkdtemp()) / "run"
        duration = start(folder)
        saved = 0
        for _ in range(min(NEW_FOLDER, kills - round_start)):
            acknowledged = kill_once(folder, generator.uniform(0.0, 8.0 * duration), saving=generator.random() < 0.8)
            report["caught_mid_write"] += any(folder.rglob(storage.TEMPORARY + "*"))
            step = check(folder, max(acknowledged, saved))
            report["steps"] += step - saved
            report["kills"] += 1
            saved = step
        shutil.rmtree(folder.parent)
    print(json.dumps(report))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
