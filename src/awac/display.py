"""What a person sees while a run goes on: a live panel on a terminal, one plain line per evaluation elsewhere."""

import math
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

WINDOW = 30.0  # seconds over which the speed is taken: longer than an evaluation's pause, shorter than a phase
BEFORE = "starting"
STOPPING = "stopping: saves after this interval and leaves; once more leaves at once"
EVALUATION = "eval/"  # a value so named ends a plain line

SHOWN = {
    "eval/success_rate": "success",
    "eval/mean_reward": "return",
    "train/actor_loss": "actor loss",
    "train/critic_loss": "critic loss",
    "train/q_mean": "mean Q",
    "train/weight_effective_sample_size": "effective sample size",
}


def clock_time(seconds: float) -> str:
    """`1:02:03` or `2:03`; `-:--` for what cannot be known yet."""
    if not math.isfinite(seconds):
        return "-:--"
    minutes, second = divmod(round(max(seconds, 0.0)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def digits(value: float) -> str:
    """Four digits, or all before the point: a return of 12 135 is no 1.214e+04. Exponents are left to the extremes."""
    return f"{value:.0f}" if 1e3 <= abs(value) < 1e7 else f"{value:.4g}"


def number(name: str, value: float) -> str:
    """A share as a percentage, anything else with four digits."""
    return f"{value:.0%}" if name == "eval/success_rate" else digits(value)


@dataclass
class Speed:
    """Steps per second over the last `WINDOW` seconds of the present phase."""

    clock: Callable[[], float]
    marks: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])

    def begin(self, step: int, now: float | None = None) -> None:
        """Forgets what was, and counts from `step` on."""
        mark = (self.clock() if now is None else now, step)
        self.marks = deque([mark])  # replaced, not emptied: the terminal reads it from its own thread

    def next_phase(self) -> None:
        """A phase begins where the last one ended, at its own step 0, and is faster or slower."""
        self.begin(0, self.marks[-1][0])

    def mark(self, step: int) -> None:
        """Notes that `step` is reached now."""
        now = self.clock()
        self.marks.append((now, step))
        while len(self.marks) > 2 and self.marks[1][0] <= now - WINDOW:
            self.marks.popleft()

    def per_second(self) -> float:
        """Steps per second; NaN before there are two marks apart in time."""
        marks = self.marks
        (start, first), (end, last) = marks[0], marks[-1]
        return (last - first) / (end - start) if end > start else float("nan")


class Display:
    """Shows a run's phase, step, speed, time left and latest values.

    On a terminal it is a live panel; elsewhere (a log file, a pipe) every evaluation is one plain line. Time is
    monotonic: a clock set back or forth moves nothing.

    Args:
        title: What stands on the panel's frame.
        console: Where to write; standard output where None.
        clock: Seconds that only go up.
    """

    def __init__(self, title: str, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.title = title
        self.console = console or Console()
        self.speed = Speed(clock)
        self.speed.begin(0)
        self.phase = BEFORE
        self.step, self.total = 0, 0
        self.values: dict[str, float] = {}
        self.live: Live | None = None
        self.note = ""

    def __enter__(self) -> "Display":
        if self.console.is_terminal:
            self.live = Live(console=self.console, refresh_per_second=4, get_renderable=self.panel)
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None

    def update(self, phase: str, step: int, total: int, values: Mapping[str, float]) -> None:
        """Takes note of where the run is.

        Args:
            phase: Such as `offline` or `online`; the speed is measured anew when it changes.
            step: Steps done in this phase.
            total: Steps of this phase.
            values: The latest values by tag (`eval/success_rate`, `train/critic_loss`); others keep what they were.
        """
        if self.phase == BEFORE:
            self.speed.begin(step)  # a resumed run begins anywhere
        else:
            if phase != self.phase:
                self.speed.next_phase()
            self.speed.mark(step)
        self.phase, self.step, self.total = phase, step, total
        self.values |= values
        if self.live is None and any(name.startswith(EVALUATION) for name in values):
            self.console.print(self.line(), soft_wrap=True, highlight=False)

    def message(self, text: str) -> None:
        """Prints a line that stays, above the panel."""
        self.console.print(Text(text), soft_wrap=True)

    def stopping(self) -> None:
        """Says that a signal was heard; safe in a handler, which may have broken into a print."""
        self.note = STOPPING
        if self.live is None:
            os.write(2, f"{STOPPING}\n".encode())

    def left(self) -> float:
        """Seconds to the end of the phase at the present speed; NaN or infinite where that says nothing."""
        speed = self.speed.per_second()
        return (self.total - self.step) / speed if speed else float("inf")

    def shown(self) -> list[tuple[str, str]]:
        """Label and number of each known value, in a fixed order."""
        return [(label, number(tag, self.values[tag])) for tag, label in SHOWN.items() if tag in self.values]

    def pace(self) -> str:
        """Speed and time left, in words."""
        speed = self.speed.per_second()
        rate = f"{speed:,.0f}" if not math.isnan(speed) else "-"
        return f"{rate} steps/s, {clock_time(self.left())} left"

    def line(self) -> Text:
        """All of it in one line, for a log."""
        values = "".join(f", {label} {value}" for label, value in self.shown())
        return Text(f"{self.phase} {self.step:,}/{self.total:,}: {self.pace()}{values}")

    def panel(self) -> Panel:
        """All of it as a panel, for a terminal."""
        values = Table.grid(padding=(0, 2))
        for label, value in self.shown():
            values.add_row(Text(label, style="dim"), Text(value, style="bold"))
        head = Text.assemble((self.phase, "bold"), f"  step {self.step:,} of {self.total:,}  ", (self.pace(), "cyan"))
        bar = Table.grid(expand=True)  # a progress bar alone ends no line
        bar.add_row(ProgressBar(total=max(self.total, 1), completed=self.step))
        rest = [Text(self.note, style="bold yellow")] if self.note else []
        return Panel(Group(head, bar, values, *rest), title=self.title, title_align="left")


@contextmanager
def progress_bar(title: str, total: int, console: Console | None = None) -> Generator[Callable[[int], None]]:
    """A bar with the time left on a terminal, nothing elsewhere; what it gives is told how much is done.

    Args:
        title: What is going on.
        total: When it is done; 0 where that is not known.
        console: Where to write; standard output where None.
    """
    console = console or Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(title, total=total or None)
        yield lambda done: bar.update(task, completed=done)


def table(rows: Sequence[Mapping[str, object]], title: str) -> Table:
    """A table of records with the same keys, in the order of the first one's keys.

    Args:
        rows: One mapping per line; numbers are set right, text left.
        title: What stands above it.
    """
    made = Table(title=title, title_justify="left")
    columns = list(rows[0]) if rows else []
    for column in columns:
        numeric = all(isinstance(row[column], int | float) for row in rows)
        made.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        made.add_row(*(Text(digits(v) if isinstance(v, float) else str(v)) for v in (row[c] for c in columns)))
    return made
