"""The run folder: one run, one folder, one process at a time.

runs/pen/
  config.json           the resolved configuration
  system.json           versions, machine, commit; of the start and of every resume
  metrics.jsonl  timing.jsonl  tensorboard/
  checkpoints/          see `awac.checkpoint`
  journal/              see `awac.journal`
  experience/           the run's online episodes as a dataset
  figures/  policy/  summary.json
  run.lock
"""

import json
import logging
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

from awac import storage
from awac.errors import ConfigError
from awac.lock import FolderLock
from awac.system import describe_system

CONFIG = "config.json"
SYSTEM = "system.json"
LOCK = "run.lock"
SUMMARY = "summary.json"
EXPERIENCE = "experience"

_MADE_FIRST = {LOCK, SYSTEM, "checkpoints", "journal", "tensorboard"}  # what a start that was killed may leave
_MOVING = {"started", "host", "modified"}  # of system.json: differences that no one need hear of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFolder:
    """A run folder; locked, unless it is only viewed. A context manager that releases the lock.

    Attributes:
        path: The folder.
        config: The resolved configuration it was started with.
        lock: The lock, None when only viewed.
    """

    path: Path
    config: Mapping[str, Any]
    lock: FolderLock | None

    @classmethod
    def create(cls, path: Path, config: Mapping[str, Any]) -> Self:
        """Starts a run in a new or empty folder, or in that of a run which failed before it computed anything.

        Args:
            path: The folder; made, with its parents, if it is not there.
            config: The resolved configuration: JSON values, all finite.

        Raises:
            ConfigError: the folder holds a run already, or something else; or a value is not JSON.
            LockedError: another process is running in it.
            StorageError: it cannot be written.
        """
        plain = _plain(config)
        with storage.reported(path):
            path.mkdir(parents=True, exist_ok=True)
            names = {entry.name for entry in path.iterdir()}
        foreign = {name for name in names if not name.startswith(storage.TEMPORARY)} - _MADE_FIRST
        if foreign and not {CONFIG, SYSTEM} <= names:  # a config.json alone may be another program's
            raise ConfigError(f"{path} is neither empty nor a run: it holds {', '.join(sorted(foreign))}")
        with ExitStack() as stack:
            lock = stack.enter_context(FolderLock(path / LOCK))
            if _has_begun(path):
                raise ConfigError(f"{path} holds a run already: resume it, or choose another folder")
            run = cls(path, plain, lock)
            for folder in (run.checkpoints, run.journal, run.tensorboard):
                storage.make_folder(folder)
            _write_json(path / SYSTEM, {"start": describe_system(), "resumes": []})
            _write_json(path / CONFIG, plain)  # last: from here on it is a run
            stack.pop_all()
        return run

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens a run to go on with it, and records on what: other versions than at the start are warned of.

        Raises:
            ConfigError: it is no run folder.
            LockedError: another process is running in it.
            StorageError: it cannot be written.
        """
        config = _read_json(path, CONFIG)
        with ExitStack() as stack:
            run = cls(path, config, stack.enter_context(FolderLock(path / LOCK)))
            storage.clean(path)
            system = _read_json(path, SYSTEM)
            now = describe_system()
            _warn_of_changes(path, system.get("start", {}), now)
            _write_json(path / SYSTEM, {**system, "resumes": [*system.get("resumes", []), now]})
            stack.pop_all()
        return run

    @classmethod
    def view(cls, path: Path) -> Self:
        """Opens a run to read from it, whether it is running or not: no lock, nothing written.

        Raises:
            ConfigError: it is no run folder.
        """
        return cls(path, _read_json(path, CONFIG), None)

    def __enter__(self) -> Self:
        """Already locked."""
        return self

    def __exit__(self, *_: object) -> None:
        """Releases the lock."""
        self.close()

    def close(self) -> None:
        """Releases the lock."""
        if self.lock is not None:
            self.lock.release()

    def check_config(self, new: Mapping[str, Any], may_change: Collection[str]) -> None:
        """Compares a configuration with the run's own; called before a resume.

        Args:
            new: The resolved configuration to go on with.
            may_change: Dotted keys which, with all below them, may differ: what changes no number of the run.

        Raises:
            ConfigError: other keys differ; each is named with both values.
        """
        before, after = _flatten(_plain(self.config)), _flatten(_plain(new))
        keys = [key for key in sorted({**before, **after}) if not _is_below(key, may_change)]
        differing = [key for key in keys if before.get(key, "absent") != after.get(key, "absent")]
        if differing:
            texts = [f"{key}: {before.get(key, 'absent')} there, {after.get(key, 'absent')} now" for key in differing]
            raise ConfigError(f"{self.path} was started with another configuration: {'; '.join(texts)}")

    def reconfigure(self, config: Mapping[str, Any]) -> None:
        """Writes another configuration; a run that was finished no longer is, until it says so again.

        Raises:
            ConfigError: a value is not JSON.
            StorageError: it cannot be written.
        """
        plain = _plain(config)
        storage.remove_file(self.summary)
        _write_json(self.path / CONFIG, plain)

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def journal(self) -> Path:
        """The folder of the journal of online transitions."""
        return self.path / "journal"

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def experience(self) -> Path:
        """The folder of the dataset of online episodes; made by who writes it."""
        return self.path / EXPERIENCE

    @property
    def figures(self) -> Path:
        """The folder of figures and films; made by who writes it."""
        return self.path / "figures"

    @property
    def summary(self) -> Path:
        """The file of what the run came to; made by who writes it."""
        return self.path / SUMMARY

    @property
    def policy(self) -> Path:
        """The folder of the exported policy; made by who writes it."""
        return self.path / "policy"


def is_unfinished(path: Path) -> bool:
    """Whether a folder holds a run that has not come to its end: under way, stopped or killed."""
    if not (path / CONFIG).is_file():
        return False
    summary = path / SUMMARY
    return not (summary.is_file() and _read_json(path, SUMMARY).get("finished", True))  # others may write their own


def _has_begun(path: Path) -> bool:
    """Whether a run was started here and has something to lose: metrics or a checkpoint."""
    metrics, checkpoints = path / "metrics.jsonl", path / "checkpoints"
    written = (metrics.exists() and metrics.stat().st_size > 0) or (checkpoints.is_dir() and any(checkpoints.iterdir()))
    return (path / CONFIG).exists() and written


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as it will be read back: tuples are lists, keys are strings."""
    for key, value in _flatten(config).items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{key} = {value!r} cannot be written to {CONFIG}: {error}") from error
    return json.loads(json.dumps(config))


def _flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            flat |= _flatten(cast(Mapping[str, Any], value), f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _is_below(key: str, tops: Collection[str]) -> bool:
    return any(key == top or key.startswith(top + ".") for top in tops)


def _warn_of_changes(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    old, new = _flatten(before), _flatten(now)
    changed = [key for key in new if key.split(".")[0] not in _MOVING and old.get(key) != new[key]]
    if changed:
        texts = [f"{key}: {old.get(key)} there, {new[key]} now" for key in changed]
        said = "; ".join(texts)
        logger.warning("%s goes on with other software or processors; its numbers may differ: %s", path, said)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    storage.write_file(path, json.dumps(content, indent=2, allow_nan=False).encode() + b"\n")


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        content: object = json.loads((folder / name).read_bytes())
    except OSError as error:
        raise ConfigError(f"{folder} is no run folder: {name}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{folder / name} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{folder / name} is damaged: it is no JSON object")
    return cast(dict[str, Any], content)
