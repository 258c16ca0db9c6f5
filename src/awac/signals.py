"""SIGINT and SIGTERM: the first asks the run to save and leave, the second leaves at once."""

import os
import signal
import sys
import termios
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = b"\x1b[?25h\x1b[0m"  # a live display hides the cursor; leaving at once skips its own clean-up


class Stopped(Exception):
    """Leaves what a stop does not wait for, and what is done again when the run is resumed."""


class StopRequest:
    """Turns the first SIGINT or SIGTERM into a flag that the loop reads between steps, and the second into an exit.

    with StopRequest() as stop:
        while not stop.requested:
            ...
    sys.exit(stop.exit_code)

    The handlers of before are restored at the end. Outside the main thread Python allows no handlers: it is inert.

    Args:
        tell: Called by the first signal, in the middle of whatever goes on: it must not print through Python's files,
            which may be in the middle of printing.
    """

    def __init__(self, tell: Callable[[], None] = lambda: None) -> None:
        self._tell = tell
        self._signal: signal.Signals | None = None
        self._previous: dict[signal.Signals, Any] = {}
        self._terminal: tuple[int, list[Any]] | None = None

    @property
    def requested(self) -> bool:
        """Whether a signal came."""
        return self._signal is not None

    @property
    def exit_code(self) -> int:
        """128 + the signal's number (130 for SIGINT, 143 for SIGTERM), or 0 if none came."""
        return 0 if self._signal is None else 128 + self._signal

    def check(self, *_: object) -> None:
        """To be called on the way.

        Raises:
            Stopped: a signal came.
        """
        if self.requested:
            raise Stopped

    def __enter__(self) -> Self:
        """Takes over the signals."""
        if threading.current_thread() is threading.main_thread():
            self._terminal = _terminal_state()
            self._previous = {number: signal.getsignal(number) for number in _SIGNALS}
            self.listen()
        return self

    def listen(self) -> None:
        """Takes over the signals again, where something else has taken them since."""
        if self._previous:
            for number in _SIGNALS:
                signal.signal(number, self._handle)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restores the handlers of before."""
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not installed from Python
        self._previous = {}

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._signal is not None:
            _restore_terminal(self._terminal)
            os._exit(128 + number)
        self._signal = signal.Signals(number)
        self._tell()


def _terminal_state() -> tuple[int, list[Any]] | None:
    for stream in (sys.__stdin__, sys.__stderr__):
        if stream is not None and not stream.closed and stream.isatty():
            return stream.fileno(), termios.tcgetattr(stream.fileno())
    return None


def _restore_terminal(state: tuple[int, list[Any]] | None) -> None:
    if state is None:
        return
    descriptor, attributes = state
    try:
        termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
        os.write(descriptor, _SHOW_CURSOR)
    except (OSError, termios.error):
        return  # the terminal is gone, and with it what was to be restored
