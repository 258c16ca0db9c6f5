"""Every write, sync and rename of a save fails in turn: cases 2, 3, 5 and 6 of docs/faults.md."""

import errno
import os
import re
from pathlib import Path

import numpy as np
import pytest

from awac import checkpoint, storage
from awac.batch import Batch, Provenance
from awac.errors import StorageError
from awac.journal import Journal
from awac.metrics import MetricsWriter, read_metrics
from awac.saver import Saver
from tests.faults.saves import PARTS, parts_of, save, value_of

CHANGING = {
    "open",
    "mkdir",
    "pwrite",
    "fsync",
    "rename",
    "replace",
    "ftruncate",
    "unlink",
}  # calls that may fail, or must be ordered


class RecordedDisk:
    """Stands for `os` in awac.storage: records the calls that change the disk, and fails from a chosen one on."""

    def __init__(self, fail_at: int | None = None, for_good: bool = False, code: int = errno.ENOSPC) -> None:
        self.fail_at, self.for_good, self.code = fail_at, for_good, code
        self.calls: list[tuple[str, str]] = []

    def __getattr__(self, name):
        original = getattr(os, name)
        return self.hooked(name, original) if name in CHANGING else original

    def hooked(self, name, original):
        def call(target, *arguments, **options):
            path = str(Path(f"/proc/self/fd/{target}").readlink()) if isinstance(target, int) else str(target)
            index = len(self.calls)
            self.calls.append((name, path))
            if self.fail_at is not None and (index == self.fail_at or (self.for_good and index > self.fail_at)):
                if name == "pwrite":  # half of it reaches the disk, as in life
                    original(target, bytes(arguments[0])[: len(arguments[0]) // 2], *arguments[1:])
                raise OSError(self.code, os.strerror(self.code))
            return original(target, *arguments, **options)

        return call


def calls_of(action, monkeypatch) -> list[tuple[str, str]]:
    disk = RecordedDisk()
    with monkeypatch.context() as patch:
        patch.setattr(storage, "os", disk)
        action()
    return disk.calls


def test_order_of_a_save(tmp_path, monkeypatch):
    root = tmp_path / "checkpoints"
    save(root, 1)
    calls = calls_of(lambda: save(root, 2), monkeypatch)
    temporary, final = str(root / ".tmp-step-000000002"), str(root / "step-000000002")
    rename = calls.index(("rename", temporary))
    synced = [path for name, path in calls[:rename] if name == "fsync"]
    files = [f"{temporary}/{part}.safetensors" for part in PARTS]
    assert synced == [*files, f"{temporary}/manifest.json", temporary], "every file, manifest last, then their folder"
    written = [path for name, path in calls[:rename] if name == "pwrite"]
    assert written == synced[:-1]
    assert ("fsync", str(root)) in calls[rename:], "the rename reaches the disk"
    assert not any(name in ("pwrite", "open") and path.startswith(final) for name, path in calls[rename:])


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("for_good", [False, True])
def test_a_save_that_fails_anywhere(tmp_path, monkeypatch, for_good, code):
    points = len(calls_of(lambda: (save(tmp_path / "dry", 1), save(tmp_path / "dry", 2)), monkeypatch))
    first = len(calls_of(lambda: save(tmp_path / "dry2", 1), monkeypatch))
    assert points - first > 15
    for point in range(points - first):
        root = tmp_path / f"checkpoints-{point}"
        save(root, 1)
        with monkeypatch.context() as patch:
            patch.setattr(storage, "os", RecordedDisk(point, for_good, code))
            with pytest.raises(StorageError, match=re.escape(os.strerror(code))):
                save(root, 2)
        assert value_of(checkpoint.load(root)) in (1, 2), point
        save(root, 3)
        assert value_of(checkpoint.load(root)) == 3
        assert not list(tmp_path.rglob(storage.TEMPORARY + "*")), point


def test_pruning_that_fails_anywhere(tmp_path, monkeypatch):
    def fill(root: Path) -> None:
        for step in (1, 2, 3):
            save(root, step)

    fill(tmp_path / "dry")
    points = len(calls_of(lambda: save(tmp_path / "dry", 4), monkeypatch))
    for point in range(points):
        root = tmp_path / f"checkpoints-{point}"
        fill(root)
        with monkeypatch.context() as patch:
            patch.setattr(storage, "os", RecordedDisk(point))
            with pytest.raises(StorageError):
                save(root, 4)
        assert value_of(checkpoint.load(root, explicit=True)) in (3, 4)
        save(root, 5)
        assert checkpoint.steps(root) in ([2, 3, 5], [3, 4, 5])
        assert all(value_of(checkpoint.load(root, step)) == step for step in checkpoint.steps(root))


def test_a_journal_commit_that_fails_anywhere(tmp_path, monkeypatch):
    def filled(folder: Path) -> Journal:
        journal = Journal(folder)
        journal.append(transitions(0, 3))
        journal.commit()
        journal.append(transitions(3, 2))
        return journal

    points = len(calls_of(filled(tmp_path / "dry").commit, monkeypatch))
    for point in range(points):
        folder = tmp_path / f"journal-{point}"
        journal = filled(folder)
        with monkeypatch.context() as patch:
            patch.setattr(storage, "os", RecordedDisk(point))
            with pytest.raises(StorageError):
                journal.commit()
        assert restored_rewards(folder, 3).size == 3, "the first segment is untouched"
        journal.append(transitions(5, 1))
        assert journal.commit() == 6
        np.testing.assert_array_equal(restored_rewards(folder), np.arange(6, dtype=np.float32))


def test_metrics_on_a_disk_that_is_full_for_a_while(tmp_path, monkeypatch):
    writer = MetricsWriter(tmp_path)
    writer.write(1, "offline", {"train/loss": 1.0})
    with monkeypatch.context() as patch:
        patch.setattr(storage, "os", RecordedDisk(0, for_good=True))
        writer.write(2, "offline", {"train/loss": 2.0})
        assert [record["step"] for record in read_metrics(tmp_path)] == [1], "what is there stays readable"
        with pytest.raises(StorageError, match="bytes wanted"):
            writer.position()
    writer.write(3, "offline", {"train/loss": 3.0})
    writer.close()
    assert [record["train/loss"] for record in read_metrics(tmp_path)] == [1.0, 2.0, 3.0]


class FullDisk(RecordedDisk):
    """A disk of which the file system says that it is full."""

    def statvfs(self, path):
        return os.statvfs_result((4096, 4096, 1000, 10, 3, 100, 100, 100, 0, 255))


def test_free_space_is_checked_before_a_save(tmp_path, monkeypatch):
    save(tmp_path, 1)
    disk = FullDisk()
    monkeypatch.setattr(storage, "os", disk)
    with pytest.raises(StorageError, match=r"step-000000002: the disk is full \(\d{5} bytes wanted, 12288 free\)"):
        save(tmp_path, 2)
    assert disk.calls == [], "nothing was tried"


def test_a_save_needs_little_more_than_its_size(tmp_path, monkeypatch):
    parts = {"buffer": {"observations": np.zeros((10000, 45), np.float32)}}
    calls = calls_of(lambda: checkpoint.save(tmp_path, 1, parts, {}), monkeypatch)
    assert len([path for name, path in calls if name == "pwrite"]) == 2, "each byte is written once"
    used = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert used < 1.1 * 10000 * 45 * 4


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_folder_that_turns_read_only_ends_the_run_at_once(tmp_path, monkeypatch, code):
    saver = Saver(tmp_path)
    monkeypatch.setattr(storage, "os", RecordedDisk(0, for_good=True, code=code))
    with pytest.raises(StorageError, match=os.strerror(code)):
        saver.save(1, lambda: (parts_of(1), {"value": 1}))


def transitions(first: int, count: int) -> Batch:
    rewards = np.arange(first, first + count, dtype=np.float32)
    observations = np.stack([rewards, rewards], axis=1)
    flags, provenance = np.zeros(count, bool), np.full(count, Provenance.ONLINE, np.int8)
    return Batch(observations, observations, rewards, observations, flags, flags, provenance, np.ones(count, np.int32))


def restored_rewards(folder: Path, count: int | None = None) -> np.ndarray:
    batch = Journal(folder).read(count)
    assert batch is not None
    return batch.rewards
