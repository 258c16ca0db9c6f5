"""One writer for all metrics of a run, and one reader.

`metrics.jsonl` holds what the run computed, one JSON object a line, and nothing of the clock: a resumed run's file
equals an uninterrupted one's byte for byte. Tags under `time/` go to `timing.jsonl`. All go to TensorBoard and the
other sinks.
"""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from awac import storage
from awac.errors import CheckpointError, ConfigError, DataError
from awac.sinks import Sink, TensorBoardSink

METRICS = "metrics.jsonl"
TIMING = "timing.jsonl"
TENSORBOARD = "tensorboard"

_RESERVED = ("step", "phase", "nonfinite")

logger = logging.getLogger(__name__)


class MetricsWriter:
    """Writes the metrics of a run that starts; `resume` is for one that goes on.

    Args:
        folder: The run folder.
        trackers: Optional sinks, from `awac.sinks.open_trackers`; the writer closes them.
        purge_step: For `resume`.

    Raises:
        ConfigError: the folder holds metrics already.
        StorageError: a file cannot be written.
    """

    def __init__(self, folder: Path, trackers: Sequence[Sink] = (), purge_step: int | None = None) -> None:
        path = folder / METRICS
        if purge_step is None and path.exists() and path.stat().st_size:
            raise ConfigError(f"{path} holds the metrics of an earlier run: resume it, or choose another folder")
        storage.make_folder(folder / TENSORBOARD)
        self._metrics = storage.AppendFile(path)
        self._timing = storage.AppendFile(folder / TIMING)
        self._sinks: list[Sink] = [TensorBoardSink(folder / TENSORBOARD, purge_step), *trackers]
        self._flagged: set[str] = set()

    @classmethod
    def resume(cls, folder: Path, position: int, step: int, trackers: Sequence[Sink] = ()) -> Self:
        """Goes on after a checkpoint: what was written later is taken back, here and in TensorBoard.

        Args:
            folder: The run folder.
            position: What `position()` returned for the checkpoint; 0 if there is none.
            step: The last step written before the checkpoint was saved; one less than the first if there is none.
            trackers: Optional sinks.

        Raises:
            CheckpointError: the file is not the one `position` belongs to.
            StorageError: a file cannot be written.
        """
        _require_line_end(folder / METRICS, position)
        storage.AppendFile(folder / METRICS, position).close()
        storage.AppendFile(folder / TIMING, _end_of_step(folder / TIMING, step)).close()
        return cls(folder, trackers, purge_step=step + 1)

    def write(self, step: int, phase: str, values: Mapping[str, float]) -> None:
        """Writes one line, and hands it to the operating system, so that it outlives a kill.

        A value that is not finite is `null` in the file, since JSON has no such number, and is named with what it was
        under `nonfinite`; the log warns once per tag. A full disk delays the line; `position` raises if it persists.

        Args:
            step: Of the whole run: it may begin below 0, and never decreases, also not at the switch of phase.
            phase: "offline" or "online".
            values: Tag -> number, tags as `train/critic_loss`.
        """
        numbers = {tag: float(values[tag]) for tag in sorted(values)}
        self._flag(step, numbers)
        lasting = {tag: number for tag, number in numbers.items() if not tag.startswith("time/")}
        timed = {tag: number for tag, number in numbers.items() if tag.startswith("time/")}
        if lasting:
            self._metrics.append(_line(step, phase, lasting))
        if timed:
            self._timing.append(_line(step, phase, timed))
        for sink in self._sinks:
            sink.write(step, numbers)

    def position(self) -> int:
        """Brings all to the disk and returns the length of `metrics.jsonl` in bytes, to be saved in a checkpoint.

        Raises:
            StorageError: the disk is full, or the folder is gone.
        """
        position = self._metrics.sync()
        self._timing.sync()
        for sink in self._sinks:
            sink.sync()
        return position

    def close(self) -> None:
        """Brings all to the disk and closes everything; raises StorageError as `position`."""
        with ExitStack() as stack:  # all of them, although one fails
            for closing in (self._metrics, self._timing, *self._sinks):
                stack.callback(closing.close)

    def _flag(self, step: int, numbers: Mapping[str, float]) -> None:
        for tag, number in numbers.items():
            if tag in _RESERVED:
                raise ValueError(f"{tag!r} is a field of every line and cannot be a tag")
            if not math.isfinite(number) and tag not in self._flagged:
                self._flagged.add(tag)
                logger.warning("%s is %s at step %d", tag, number, step)


def read_metrics(folder: Path, file: str = METRICS) -> list[dict[str, Any]]:
    """Reads the metrics of a run, one dictionary a line: `step`, `phase` and the tags, all values floats.

    A torn last line, as a kill or a crash of the machine may leave it, is left out.

    Args:
        folder: The run folder.
        file: `METRICS` or `TIMING`.

    Raises:
        DataError: the file is missing, or damaged before its last line (named).
    """
    path = folder / file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: no metrics to read: {error.strerror}") from error
    lines = content.split(b"\n")
    records = [_parse(line) for line in lines[:-1]]
    while records and records[-1] is None:
        records.pop()
    if None in records:
        raise DataError(f"{path}: line {records.index(None) + 1} is damaged, and lines follow it")
    return [record for record in records if record is not None]


def _line(step: int, phase: str, numbers: Mapping[str, float]) -> bytes:
    nonfinite = {tag: str(number) for tag, number in numbers.items() if not math.isfinite(number)}
    record: dict[str, Any] = {"step": step, "phase": phase, **numbers, **dict.fromkeys(nonfinite)}
    if nonfinite:
        record["nonfinite"] = nonfinite
    return json.dumps(record, allow_nan=False).encode() + b"\n"


def _parse(line: bytes) -> dict[str, Any] | None:
    """The record of a whole line, None of a damaged one."""
    try:
        record: dict[str, Any] = json.loads(line)
        nonfinite = record.pop("nonfinite", {})
        record["step"] = int(record["step"])
        return record | {tag: float(text) for tag, text in nonfinite.items()}
    except (ValueError, TypeError, AttributeError, KeyError):  # no JSON, or not of our form
        return None


def _require_line_end(path: Path, position: int) -> None:
    if position == 0:
        return
    try:
        content = path.read_bytes()[:position]
    except OSError as error:
        raise CheckpointError(f"{path}: the checkpoint's metrics cannot be read: {error.strerror}") from error
    if len(content) < position or not content.endswith(b"\n"):
        raise CheckpointError(f"{path}: the checkpoint counts {position} bytes of metrics, this file has others")


def _end_of_step(path: Path, step: int) -> int:
    """Where the lines of `step` and before end."""
    end = 0
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    for line in lines:
        record = _parse(line) if line.endswith(b"\n") else None
        if record is None or record["step"] > step:
            break
        end += len(line)
    return end
