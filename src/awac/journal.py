"""The journal: every online transition of a run, append-only, so that a resumed run refills its buffer exactly.

    journal/
      segment-000000/       an `awac.archive` folder: the transitions between two checkpoints, in time order
      segment-000001/

A checkpoint holds how many transitions were in the journal; what lies beyond belongs to a future that a resume
abandons.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from awac import archive, storage
from awac.batch import STORED, Batch, concatenate
from awac.errors import CheckpointError

_NAME = re.compile(r"segment-(\d{6,})")
_PART, _SUCCESS = "transitions", "success"
UNKNOWN = -1  # as success: the environment did not say


@dataclass(frozen=True)
class Segment:
    """A folder of the journal.

    Attributes:
        path: The folder.
        first: How many transitions come before it.
        count: How many it holds.
    """

    path: Path
    first: int
    count: int


class Journal:
    """The journal in a folder.

    Args:
        folder: Where; its parent must exist.

    Raises:
        StorageError: the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        storage.make_folder(folder)
        self._folder = folder
        self._pending: list[tuple[Batch, np.ndarray]] = []
        self._segments, self._damage = _survey(folder)

    @property
    def count(self) -> int:
        """Transitions on the disk."""
        return sum(segment.count for segment in self._segments)

    def append(self, batch: Batch, success: np.ndarray | None = None) -> None:
        """Keeps transitions (NumPy arrays of one leading axis) in memory until `commit`.

        Args:
            batch: the transitions.
            success: int8 (n,), 1 or 0 for each as the environment said, `UNKNOWN` where it did not.
        """
        if batch.size:
            self._pending.append((batch, np.full(batch.size, UNKNOWN, np.int8) if success is None else success))

    def commit(self) -> int:
        """Brings all appended transitions to the disk, as one segment, atomically.

        Returns:
            `count`, to be saved in the checkpoint.

        Raises:
            StorageError: it failed; the transitions stay in memory for the next commit.
            CheckpointError: a segment is damaged; `truncate` to the transitions before it first.
        """
        self._require_whole()
        if not self._pending:
            return self.count
        batch = concatenate([batch for batch, _ in self._pending])
        success = np.concatenate([success for _, success in self._pending])
        storage.clean(self._folder)
        path = self._folder / f"segment-{len(self._segments):06d}"
        if path.exists():  # a commit failed after the rename: no checkpoint counts these, and all are still in memory
            storage.remove_folder(path)
        segment = Segment(path, self.count, batch.size)
        parts = {_PART: batch.stored(), _SUCCESS: {_SUCCESS: success}}
        archive.write(path, parts, {"first": segment.first, "count": segment.count})
        self._segments.append(segment)
        self._pending.clear()
        return self.count

    def segments(self, count: int | None = None) -> Iterator[Batch]:
        """Reads the first `count` transitions (all by default) segment by segment, in time order.

        Raises:
            CheckpointError: a segment is damaged or missing (named), or `count` is not where a segment ends.
        """
        for segment in self._segments[: self._boundary(count)]:
            arrays = archive.read(segment.path).parts.get(_PART, {})
            if set(arrays) != STORED or any(len(array) != segment.count for array in arrays.values()):
                raise CheckpointError(f"{segment.path}: the arrays are not {segment.count} transitions")
            yield Batch(**arrays)

    def read(self, count: int | None = None) -> Batch | None:
        """Reads the first `count` transitions (all by default) at once; None if that is none. Raises as `segments`."""
        batches = list(self.segments(count))
        return concatenate(batches) if batches else None

    def read_success(self, count: int | None = None) -> np.ndarray | None:
        """Success of the first `count` transitions, int8 as in `append`; None if nothing is known of any of them.

        Raises:
            CheckpointError: as `segments`.
        """
        known = [np.zeros(0, np.int8)]
        for segment in self._segments[: self._boundary(count)]:
            part = archive.read(segment.path).parts.get(_SUCCESS, {})  # earlier versions did not keep it
            known.append(part.get(_SUCCESS, np.full(segment.count, UNKNOWN, np.int8)))
        success = np.concatenate(known)
        return success if (success != UNKNOWN).any() else None

    def truncate(self, count: int) -> None:
        """Drops all after the first `count` transitions: what was written after the checkpoint that is being resumed.

        Raises:
            CheckpointError: the journal is shorter, damaged before that, or `count` is not where a segment ends.
            StorageError: a segment could not be removed.
        """
        kept = self._boundary(count)
        self._pending.clear()
        storage.clean(self._folder)
        for path in reversed(_folders(self._folder)[kept:]):  # backwards: a crash on the way leaves no hole
            storage.remove_folder(path)
        del self._segments[kept:]
        self._damage = None

    def _boundary(self, count: int | None) -> int:
        if count is None:
            self._require_whole()
            return len(self._segments)
        for index, segment in enumerate(self._segments):
            if segment.first == count:
                return index
        if count == self.count:
            return len(self._segments)
        self._require_whole()
        raise CheckpointError(
            f"{self._folder} holds {self.count} transitions, and none of its segments ends at {count}"
        )

    def _require_whole(self) -> None:
        if self._damage is not None:
            raise self._damage


def _survey(folder: Path) -> tuple[list[Segment], CheckpointError | None]:
    """The segments up to the first damaged one, and what is wrong with that one."""
    segments: list[Segment] = []
    first = 0
    for index, path in enumerate(_folders(folder)):
        try:
            manifest = archive.read_manifest(path)
            segment = _segment(path, manifest, index, first)
        except CheckpointError as error:
            return segments, error
        segments.append(segment)
        first += segment.count
    return segments, None


def _segment(path: Path, manifest: Mapping[str, Any], index: int, first: int) -> Segment:
    name, count = f"segment-{index:06d}", manifest.get("count")
    if path.name != name or manifest.get("first") != first or not isinstance(count, int):
        raise CheckpointError(f"{path}: it does not follow the segment before it; {name} is missing or another")
    return Segment(path, first, count)


def _folders(folder: Path) -> list[Path]:
    paths = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(paths, key=lambda path: int(path.name.removeprefix("segment-")))
