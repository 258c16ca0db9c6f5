"""When a checkpoint cannot be saved: bear with it, say so, and end the run before much is lost."""

import errno
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from awac import checkpoint
from awac.archive import Parts
from awac.errors import StorageError

Collect = Callable[[], tuple[Parts, Mapping[str, Any]]]

_KEEP = 3  # newest checkpoints
_QUIET = 60.0  # seconds between two messages
# waiting cures none of these
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.EROFS, errno.EACCES, errno.EPERM, errno.ESTALE}

logger = logging.getLogger(__name__)


class Saver:
    """Saves at intervals and bears with a disk that is full for a while.

    A failed save is tried again at the next interval; the message comes at most once a minute; the third failure in a
    row raises. A folder that is gone or read-only raises at once, since waiting does not bring it back.

    Args:
        root: The folder of all checkpoints.
        attempts: Failures in a row that end the run.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        root: Path,
        attempts: int = 3,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._attempts = attempts
        self._clock = clock
        self._failures = 0
        self._last_message = float("-inf")
        self._saved: tuple[int, Mapping[str, Any]] | None = None

    def save(self, step: int, collect: Collect, best: bool = False, last: bool = False, again: bool = False) -> bool:
        """Saves a checkpoint, or puts it off to the next interval; what was just saved is not saved again.

        Args:
            step: The step of the run.
            collect: Makes what is to be saved, (parts, meta) of `checkpoint.save`. It may bring the journal and the
                metrics to the disk on the way: a StorageError of theirs is a failed save too.
            best: Whether this is the best so far.
            last: There is no next interval: raise at the first failure.
            again: Something changed without a step, such as an episode that a fault cut: save it all the same.

        Returns:
            Whether it is saved.

        Raises:
            StorageError: as above.
        """
        try:
            parts, meta = collect()
            if self._saved == (step, meta) and not (best or again):
                return True
            checkpoint.save(self._root, step, parts, meta, _KEEP, best)
        except StorageError as error:
            self._failures += 1
            if last or self._failures >= self._attempts or _is_gone(error):
                raise
            self._report(step, error)
            return False
        self._failures = 0
        self._saved = step, meta
        return True

    def _report(self, step: int, error: StorageError) -> None:
        now = self._clock()
        if now - self._last_message < _QUIET:
            return
        self._last_message = now
        message = "checkpoint of step %d not saved, failure %d of %d: %s"
        logger.error(message, step, self._failures, self._attempts, error)


def _is_gone(error: StorageError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _GONE
