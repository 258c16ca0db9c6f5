"""What validation found: problems with their place, and the repairs that were made."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from awac.errors import DataError

SHOWN = 20  # problems printed in full; the rest are counted


@dataclass(frozen=True)
class Problem:
    """One finding, with the place in the file where a person can look.

    Attributes:
        code: stable short name, such as `not-finite`.
        message: what was found and what is allowed.
        file: the file or folder, empty for a dataset in memory.
        episode: index in the file, None where the whole file is meant.
        step: index in the episode.
        field: name of the array, with the column in brackets where one is meant, and the file's own name of it.
        value: what was found there, as text.
    """

    code: str
    message: str
    file: str = ""
    episode: int | None = None
    step: int | None = None
    field: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        """One line: the place, then the message."""
        parts = [self.file] if self.file else []
        parts += [f"episode {self.episode}"] if self.episode is not None else []
        parts += [f"step {self.step}"] if self.step is not None else []
        parts += [self.field] if self.field is not None else []
        text = f"{', '.join(parts)}: {self.message}" if parts else self.message
        return f"{text} [{self.code}]"


@dataclass(frozen=True)
class Report:
    """The result of a check.

    Attributes:
        errors: what makes the data unusable; `load` refuses it.
        warnings: what is probably not what its owner wanted.
        repairs: what was changed, one line each, because a repair was asked for or is always made.
        episodes: how many remain.
        transitions: how many remain.
        notes: what could not be checked, and what would allow it; no fault of the data.
    """

    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    repairs: tuple[str, ...] = ()
    episodes: int = 0
    transitions: int = 0
    notes: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the data may be used."""
        return not self.errors

    def joined(self, other: "Report") -> "Report":
        """Both reports as one; counts add up."""
        return Report(
            errors=self.errors + other.errors,
            warnings=self.warnings + other.warnings,
            repairs=self.repairs + other.repairs,
            episodes=self.episodes + other.episodes,
            transitions=self.transitions + other.transitions,
            notes=self.notes + other.notes,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries and lists, for `--json`."""
        return {
            "ok": self.ok,
            "episodes": self.episodes,
            "transitions": self.transitions,
            "errors": [asdict(problem) for problem in self.errors],
            "warnings": [asdict(problem) for problem in self.warnings],
            "repairs": list(self.repairs),
            "notes": [asdict(problem) for problem in self.notes],
        }

    def lines(self) -> list[str]:
        """The report for people, one finding a line, long lists shortened."""
        lines = [f"error: {line}" for line in _shortened(self.errors)]
        lines += [f"warning: {line}" for line in _shortened(self.warnings)]
        lines += [f"repaired: {line}" for line in self.repairs]
        lines += [f"note: {line}" for line in _shortened(self.notes)]
        verdict = "usable" if self.ok else f"refused, {len(self.errors)} error(s)"
        return [*lines, f"{self.episodes} episodes, {self.transitions} transitions: {verdict}"]

    def raise_errors(self) -> None:
        """Raises the errors as one `DataError`; returns where there are none."""
        if self.errors:
            raise DataError("\n".join(_shortened(self.errors)))


def _shortened(problems: Sequence[Problem]) -> list[str]:
    lines = [str(problem) for problem in problems[:SHOWN]]
    return lines if len(problems) <= SHOWN else [*lines, f"... and {len(problems) - SHOWN} more"]
