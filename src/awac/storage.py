"""The few primitives that every durable write goes through.

A file or a folder is written under a temporary name, synced, renamed to its own name, and the rename is synced with
the folder above it: after a crash at any moment a name holds the old content or the new one, whole. Files that grow do
so by whole records. Every failure is a `StorageError` that names the path, the bytes wanted and the bytes free.

One process writes in a folder at a time (`awac.run` holds the lock), so temporary names need not be unique.
"""

import contextlib
import logging
import os
import shutil
from collections.abc import Generator
from pathlib import Path

from awac.errors import StorageError

TEMPORARY = ".tmp-"  # prefix of whatever is not finished, or already given up

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def reported(path: Path, wanted: int = 0) -> Generator[None]:
    """Turns an OSError into a StorageError that says what was being written and what room there was.

    Args:
        path: What is being written.
        wanted: Bytes to be written, for the message.

    Raises:
        StorageError: caused by the OSError.
    """
    try:
        yield
    except OSError as error:
        detail = f"{wanted} bytes wanted, {_free_text(path)} free"
        raise StorageError(f"cannot write {path}: {error.strerror or error} ({detail})") from error


def free_bytes(path: Path) -> int:
    """Bytes an unprivileged process may still write where `path` is, or would be; OSError if nothing of it exists."""
    existing = next((place for place in (path, *path.absolute().parents) if place.exists()), path)
    status = os.statvfs(existing)
    return status.f_bavail * status.f_frsize


def require_space(path: Path, wanted: int) -> None:
    """Raises StorageError if the disk below `path` has less than `wanted` bytes left."""
    with reported(path, wanted):
        free = free_bytes(path)
    if free < wanted:
        raise StorageError(f"cannot write {path}: the disk is full ({wanted} bytes wanted, {free} free)")


def make_folder(folder: Path) -> None:
    """Makes one folder, unless it is there; its parent must exist, since a vanished run must not silently come back."""
    with reported(folder):
        if not folder.is_dir():
            os.mkdir(folder)  # noqa: PTH102  through `os`, as all changes of the disk in this file: tests hook them there
            sync(folder.parent)


def make_parents(path: Path) -> None:
    """Makes the folders in which something that a user names will stand."""
    with reported(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)


def write_new(path: Path, content: bytes) -> None:
    """Writes a file and syncs it, without the rename: for files inside a folder that `publish` will rename."""
    with reported(path, len(content)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            _write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_file(path: Path, content: bytes) -> None:
    """Replaces a file as a whole: readers, and a crash, see the old content or the new one."""
    temporary = temporary_name(path)
    try:
        write_new(temporary, content)
    except StorageError:
        with contextlib.suppress(OSError):
            temporary.unlink()  # on a full disk, half of it holds the last free bytes
        raise
    with reported(path, len(content)):
        os.replace(temporary, path)  # noqa: PTH105  see make_folder
        sync(path.parent)


def temporary_name(path: Path) -> Path:
    """The name beside `path` under which it is prepared."""
    return path.with_name(TEMPORARY + path.name)


def begin_folder(path: Path) -> Path:
    """Makes the empty temporary folder in which the content of `path` is written before `publish`."""
    temporary = temporary_name(path)
    with reported(temporary):
        if temporary.exists():
            shutil.rmtree(temporary)
        os.mkdir(temporary)  # noqa: PTH102  see make_folder
    return temporary


def publish(temporary: Path, path: Path) -> None:
    """Gives a finished folder, all of whose files are synced, its name. `path` must not exist."""
    with reported(path):
        sync(temporary)
        os.rename(temporary, path)  # noqa: PTH104  see make_folder
        sync(path.parent)


def previous_name(path: Path) -> Path:
    """The name beside `path` under which what it held waits while `replace_folder` is at work."""
    return path.parent / f".{path.name}.previous"


def replace_folder(temporary: Path, path: Path) -> None:
    """Gives a finished folder, all of whose files are synced, the name of another, which is back if that fails."""
    previous = previous_name(path)
    with reported(path):
        try:
            if path.exists():  # else a replacement that was killed may have left the only copy there
                shutil.rmtree(previous, ignore_errors=True)
                os.rename(path, previous)  # noqa: PTH104  see make_folder
            publish(temporary, path)
        finally:
            if previous.exists() and not path.exists():
                os.rename(previous, path)  # noqa: PTH104  see make_folder
        shutil.rmtree(previous, ignore_errors=True)


def remove_file(path: Path) -> None:
    """Removes a file, where it is there."""
    with reported(path), contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108  see make_folder
        sync(path.parent)


def remove_folder(path: Path) -> None:
    """Removes a folder; a crash on the way leaves the whole of it, or a temporary name that `clean` removes."""
    temporary = temporary_name(path)
    with reported(path):
        if temporary.exists():
            shutil.rmtree(temporary)
        os.rename(path, temporary)  # noqa: PTH104  see make_folder
        sync(path.parent)
        shutil.rmtree(temporary)


def clean(folder: Path) -> list[str]:
    """Removes what earlier crashes left unfinished in `folder` and returns the names."""
    stale = sorted(folder.glob(TEMPORARY + "*"))
    for path in stale:
        with reported(path):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    return [path.name for path in stale]


class AppendFile:
    """A file that only grows, record by record, and never holds a torn record before a whole one.

    A record that cannot be written stays in memory and is tried again with the next one, so that a full disk does not
    end a run by its log; `sync` raises if it still cannot.

    Args:
        path: The file; made if it is not there.
        position: Bytes to keep of it; all by default.

    Raises:
        StorageError: the file cannot be opened, or is shorter than `position`.
    """

    def __init__(self, path: Path, position: int | None = None) -> None:
        self._path = path
        self._pending = bytearray()
        with reported(path):
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            size = os.fstat(self._descriptor).st_size
            self._end = size if position is None else position
            if self._end > size:
                os.close(self._descriptor)
                raise StorageError(f"{path} has {size} bytes, {position} are to be kept")
            os.ftruncate(self._descriptor, self._end)

    def append(self, record: bytes) -> None:
        """Adds a record and hands it to the operating system, so that it outlives a kill of this process."""
        failed_before = bool(self._pending)
        self._pending += record
        try:
            self._write_pending()
        except StorageError as error:
            if not failed_before:
                logger.error("%s; kept in memory and tried again", error)  # noqa: TRY400  a full disk is no bug

    def sync(self) -> int:
        """Brings all records to the disk and returns their length in bytes; raises StorageError if it cannot."""
        self._write_pending()
        with reported(self._path):
            if not self._path.exists():
                raise FileNotFoundError(None, "it was removed while the run was writing it")
            os.fsync(self._descriptor)
        return self._end

    def close(self) -> None:
        """Syncs and closes; the file is closed even if the sync fails."""
        try:
            self.sync()
        finally:
            os.close(self._descriptor)

    def _write_pending(self) -> None:
        if not self._pending:
            return
        with reported(self._path, len(self._pending)):
            # At a fixed offset: whatever a failed attempt left behind is overwritten by the next.
            _write_all(self._descriptor, bytes(self._pending), self._end)
        self._end += len(self._pending)
        self._pending.clear()


def _write_all(descriptor: int, content: bytes, offset: int = 0) -> None:
    remaining = memoryview(content)
    while remaining:
        written = os.pwrite(descriptor, remaining, offset)
        offset += written
        remaining = remaining[written:]


def sync(path: Path) -> None:
    """Brings a file, or the names in a folder, to the disk; OSError where that fails."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _free_text(path: Path) -> str:
    try:
        return str(free_bytes(path))
    except OSError:
        return "unknown"
