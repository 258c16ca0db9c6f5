"""Where metrics go besides the run folder's JSON lines: TensorBoard always, W&B and trackio when asked."""

import importlib
import secrets
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from awac import storage
from awac.errors import AwacError, ConfigError

_PROJECT = "awac"
_IDENTITY = "tracker-id.txt"  # in the run folder, so that a resumed run goes on in the same W&B or trackio run


class Sink(Protocol):
    """Takes metrics as they come."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Records values, which may be NaN or infinite, at a step that never decreases."""

    def sync(self) -> None:
        """Brings what was written to the disk, where the sink has one; raises StorageError if it cannot."""

    def close(self) -> None:
        """Finishes; nothing is written after."""


class TensorBoardSink:
    """Writes TensorBoard event files.

    It frames the records itself, in the calling thread: the usual writer hands them to a thread behind a bounded queue,
    and when the disk is full that thread dies and the run waits for it for ever.

    Args:
        folder: The folder of event files; it exists.
        purge_step: TensorBoard forgets what earlier files hold at this step and later ones, since a resumed run writes
            it again.

    Raises:
        StorageError: the file cannot be written.
    """

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        self._event: Any = importlib.import_module("tensorboardX.proto.event_pb2")  # 0.3 s: not before it is needed
        self._summary: Any = importlib.import_module("tensorboardX.proto.summary_pb2")
        self._checksum: Any = importlib.import_module("tensorboardX.record_writer").masked_crc32c
        self._file = storage.AppendFile(folder / _event_file_name(folder))
        self._append(file_version="brain.Event:2")
        if purge_step is not None:
            start = self._event.SessionLog(status=self._event.SessionLog.START)
            self._append(step=purge_step, session_log=start)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Appends one event with all values."""
        scalars = [self._summary.Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self._append(step=step, summary=self._summary.Summary(value=scalars))

    def sync(self) -> None:
        """Brings all events to the disk."""
        self._file.sync()

    def close(self) -> None:
        """Brings all events to the disk and closes the file."""
        self._file.close()

    def _append(self, **fields: Any) -> None:
        event = self._event.Event(wall_time=time.time(), **fields).SerializeToString()  # wall clock: shown as the time
        length = struct.pack("<Q", len(event))
        checksums = [struct.pack("<I", self._checksum(content)) for content in (length, event)]
        self._file.append(length + checksums[0] + event + checksums[1])


class WandbSink:
    """Writes to a Weights & Biases run, named as the run folder and continued by a resume.

    The run's step is logged as a value, and made the axis: W&B's own counter knows no negative steps, which the offline
    phase has. Points cannot be taken back: those between the last checkpoint and a kill come twice after a resume.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        wandb = _require("wandb")
        options = {"project": _PROJECT, "name": folder.name, "id": _identity(folder), "dir": str(folder)}
        self._run = wandb.init(**options, config=dict(config), resume="allow")
        self._run.define_metric("*", step_metric="step")

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Logs values and their step."""
        self._run.log({"step": step, **values})

    def sync(self) -> None:
        """W&B keeps its own files."""

    def close(self) -> None:
        """Marks the run finished."""
        self._run.finish()


class TrackioSink:
    """Writes to a trackio run, continued by a resume.

    Points cannot be taken back: those between the last checkpoint and a kill come twice after a resume.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        trackio = _require("trackio")
        name = f"{folder.name}-{_identity(folder)}"
        self._run = trackio.init(project=_PROJECT, name=name, config=dict(config), resume="allow")

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Logs values at a step."""
        self._run.log(dict(values), step=step)

    def sync(self) -> None:
        """Trackio keeps its own database."""

    def close(self) -> None:
        """Marks the run finished."""
        self._run.finish()


TRACKERS = {"trackio": TrackioSink, "wandb": WandbSink}


def open_trackers(names: Sequence[str], folder: Path, config: Mapping[str, Any]) -> list[Sink]:
    """Opens the optional sinks of a run.

    Args:
        names: Which of `TRACKERS`.
        folder: The run folder.
        config: The resolved configuration, shown beside the run.

    Raises:
        ConfigError: a name is unknown, its package is not installed, or it will not start (not logged in, for one).
    """
    unknown = sorted(set(names) - set(TRACKERS))
    if unknown:
        raise ConfigError(f"no metrics sink is called {', '.join(unknown)}; there are {', '.join(TRACKERS)}")
    for name in names:
        _require(name)  # all of them before the first run is opened
    return [_open(name, folder, config) for name in names]


def _open(name: str, folder: Path, config: Mapping[str, Any]) -> Sink:
    try:
        return TRACKERS[name](folder, config)
    except AwacError:
        raise
    except Exception as error:  # a tracker raises its own classes: not logged in, no network, a full disk
        raise ConfigError(f"sinks: {name} does not start: {error}") from error


def _require(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise ConfigError(f"{package} is not installed: pip install 'awac[{package}]'") from error


def _identity(folder: Path) -> str:
    path = folder / _IDENTITY
    if not path.exists():
        storage.write_file(path, secrets.token_hex(8).encode())
    return path.read_text()


def _event_file_name(folder: Path) -> str:
    # TensorBoard reads the files in the order of their names, and a clock may be set back: count on from the newest.
    later = [int(path.name.split(".")[3]) + 1 for path in folder.glob("events.out.tfevents.*.*")]
    stamp = max([int(time.time()), *later])  # wall clock: part of the name TensorBoard expects
    return f"events.out.tfevents.{stamp:010d}.{socket.gethostname()}"
