"""What a run does about a disk that is full or gone: cases 5 and 6 of docs/faults.md."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from awac import checkpoint
from awac.errors import StorageError
from awac.metrics import MetricsWriter, read_metrics
from awac.saver import Saver

PARTS = ("actor", "buffer", "critic")


FULL_DISK = """
import logging, resource, sys, time
from pathlib import Path
import numpy as np
from awac.errors import StorageError
from awac.metrics import MetricsWriter
from awac.saver import Saver
logging.basicConfig(format="%(name)s %(message)s")
folder = Path(sys.argv[1])
metrics = MetricsWriter(folder)
saver = Saver(folder / "checkpoints")
size = 1000
def collect():
    return {"actor": {"array": np.full(size, 1.0)}}, {"metrics": metrics.position()}
metrics.write(1, "online", {"train/loss": 1.0})
assert saver.save(1, collect)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
size = 100000
for step in (2, 3, 4):
    metrics.write(step, "online", {"train/loss": float(step)})
    try:
        assert not saver.save(step, collect)
    except StorageError as error:
        print(step, error)
        sys.exit(error.exit_code)
"""


def test_a_full_disk_ends_the_run_at_the_third_failure(tmp_path):
    command = [sys.executable, "-c", FULL_DISK, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 8, done.stderr
    assert re.match(
        r"4 cannot write .*actor.safetensors: File too large \(800\d\d\d bytes wanted, \d+ free\)", done.stdout
    )
    assert done.stderr.count("not saved") == 1, "one message a minute"
    assert "checkpoint of step 2 not saved, failure 1 of 3" in done.stderr
    assert checkpoint.load(tmp_path / "checkpoints").step == 1
    assert [record["step"] for record in read_metrics(tmp_path)] == [1, 2, 3, 4]


class Clock:
    """Seconds that pass when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def parts_of(value: int, size: int = 100) -> checkpoint.Parts:
    return {name: {"array": np.full(size, value, np.float32)} for name in PARTS}


def test_messages_of_failed_saves_come_once_a_minute(tmp_path, monkeypatch, caplog):
    clock = Clock()
    saver = Saver(tmp_path, attempts=100, clock=clock)

    def collect():
        raise StorageError("full")

    for clock.now in (0.0, 30.0, 59.9, 60.0, 61.0, 130.0):
        assert not saver.save(5, collect)
    assert caplog.text.count("not saved") == 3


def test_a_save_that_works_again_is_forgiven(tmp_path):
    saver = Saver(tmp_path)
    outcomes = iter([False, False, True, False, False, True])

    def collect():
        if not next(outcomes):
            raise StorageError("full")
        return parts_of(1), {"value": 1}

    assert [saver.save(step, collect) for step in range(6)] == [False, False, True, False, False, True]
    assert checkpoint.steps(tmp_path) == [2, 5]


def test_the_last_save_has_no_second_chance(tmp_path):
    def collect():
        raise StorageError("full")

    with pytest.raises(StorageError):
        Saver(tmp_path).save(1, collect, last=True)


def test_a_folder_that_vanishes_ends_the_run_at_once(tmp_path):
    root = tmp_path / "run" / "checkpoints"
    root.parent.mkdir()
    metrics = MetricsWriter(root.parent)
    saver = Saver(root)
    assert saver.save(1, lambda: (parts_of(1), {"value": 1}))
    shutil.rmtree(root.parent)
    metrics.write(2, "online", {"train/loss": 1.0})
    with pytest.raises(StorageError, match="removed while the run was writing it"):
        metrics.position()
    with pytest.raises(StorageError, match=r"cannot write .*checkpoints: No such file or directory") as caught:
        saver.save(2, lambda: (parts_of(2), {"value": 2}))
    assert caught.value.exit_code == 8
    assert not root.parent.exists(), "the folder is not silently made anew"
