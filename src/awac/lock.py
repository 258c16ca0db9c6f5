"""One process per run folder: an advisory lock that the kernel releases when its holder dies."""

import fcntl
import json
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from awac import storage
from awac.errors import LockedError

_held: set[int] = set()  # descriptors of the locks this process holds


class FolderLock:
    """The lock on a run folder, held until `release` or the end of the process, however it ends.

    The file holds host, pid and start time of its holder, for the message; the lock itself is the kernel's, so that
    what a dead process left in the file is of no matter.

    Args:
        path: The lock file; its folder must exist.

    Raises:
        LockedError: another process holds it (host and pid are named).
        StorageError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        with storage.reported(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            with storage.reported(path):
                self._take(path)
        except BaseException:
            os.close(self._descriptor)
            raise
        _held.add(self._descriptor)

    def __enter__(self) -> Self:
        """Already locked."""
        return self

    def __exit__(self, *_: object) -> None:
        """Releases."""
        self.release()

    def release(self) -> None:
        """Lets the next process in. Harmless when released already, and in a forked child."""
        if self._descriptor in _held:
            _held.discard(self._descriptor)
            os.close(self._descriptor)

    def _take(self, path: Path) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(f"{path.parent} is in use by {_holder(path)}") from error
        started = datetime.now(UTC).isoformat(timespec="seconds")
        holder = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "started": started})
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, holder.encode(), 0)


def _holder(path: Path) -> str:
    """Who says to hold the lock; its holder may be about to write that, so look a few times."""
    for _ in range(10):
        try:
            holder = json.loads(path.read_bytes())
            return f"the process with pid {holder['pid']} on host {holder['host']}, since {holder['started']}"
        except (ValueError, KeyError, TypeError, OSError):
            time.sleep(0.02)
    return f"another process (see {path})"


def _forget_in_child() -> None:
    # A forked worker shares the lock and would keep it alive when the run itself is killed.
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_child)
