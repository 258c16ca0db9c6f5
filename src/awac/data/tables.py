"""A user's own logs: an npz of flat arrays, or a CSV with a header, and the names that their fields go by."""

import csv
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TextIO

import numpy as np

from awac.data.flat import REQUIRED, FlatLog
from awac.errors import DataError

TRUTH = {"true": 1.0, "false": 0.0, "": float("nan")}


@dataclass(frozen=True)
class Columns:
    """What the fields are called in the file.

    In an npz each is the name of an array. In a CSV each is a list of column names or patterns, separated by commas
    (`q*,goal_x,goal_y`), in that order, and within a pattern in the file's. A plain name also stands for
    `name_0, name_1, ...`.
    """

    observations: str = "observations"
    actions: str = "actions"
    rewards: str = "rewards"  # of the step that leads to the next row's observation
    terminated: str = "terminated"  # the state after this step has no future
    truncated: str = "truncated"  # a time limit cut the episode after this step
    next_observations: str = "next_observations"
    episode: str = "episode"  # any number that changes from one episode to the next
    success: str = "success"


def from_arrays(path: Path, arrays: Mapping[str, np.ndarray], columns: Columns, episode_length: int = 0) -> FlatLog:
    """Flat arrays (N, ...), by the names in `columns`; other arrays are left alone, and named.

    Raises:
        DataError: a required or named array is missing.
    """
    names: dict[str, str] = asdict(columns)
    _require(path, names, {own: name in arrays for own, name in names.items()}, list(arrays))
    fields = {own: arrays[name] for own, name in names.items() if name in arrays}
    return _log(path, fields, names, episode_length, [name for name in arrays if name not in names.values()])


def from_csv(path: Path, columns: Columns, episode_length: int = 0) -> FlatLog:
    """A CSV with one row per step and a header; numbers, or true and false.

    Raises:
        DataError: cells are not separated by commas, a required column is missing, a row is short or long, or a cell is
            no number.
    """
    with _opened(path) as file:
        header = [name.strip() for name in next(csv.reader(file), list[str]())]
    _refuse_other_separator(path, header)
    names: dict[str, str] = asdict(columns)
    chosen = {own: _matching(path, pattern, header) for own, pattern in names.items()}
    _require(path, names, {own: bool(places) for own, places in chosen.items()}, header)
    used = sorted({place for places in chosen.values() for place in places})
    table = _numbers(path, header, used)
    fields = {own: table[:, [used.index(place) for place in places]] for own, places in chosen.items() if places}
    for name in fields.keys() - {"observations", "actions", "next_observations"}:
        if fields[name].shape[1] != 1:
            raise DataError(f"{path}: {names[name]!r} stands for {fields[name].shape[1]} columns, expected one")
        fields[name] = fields[name][:, 0]
    unread = [name for i, name in enumerate(header) if name and i not in used]
    titles = {own: [header[place] for place in chosen[own]] for own in ("observations", "actions")}
    notes = _fill(fields, names)
    return replace(_log(path, fields, names, episode_length, unread), notes=notes, columns=titles)


def _refuse_other_separator(path: Path, header: Sequence[str]) -> None:
    found = [name for mark, name in ((";", "';'"), ("\t", "a tab")) if len(header) == 1 and mark in header[0]]
    if found:
        wanted = "commas between the cells, and points in numbers"
        raise DataError(f"{path}: the separator seems to be {found[0]}; expected {wanted}; the header is {header[0]!r}")


def _require(path: Path, names: Mapping[str, str], present: Mapping[str, bool], found: Sequence[str]) -> None:
    """Required fields must be there, and so must every field whose name the user gave."""
    usual = asdict(Columns())
    missing = [own for own, there in present.items() if not there and (own in REQUIRED or names[own] != usual[own])]
    if missing:
        listed = ", ".join(f"{names[own]!r} for {own}" for own in missing)
        raise DataError(f"{path}: expected {listed} (name it with --columns.{missing[0]}); found {', '.join(found)}")


def _matching(path: Path, patterns: str, header: Sequence[str]) -> list[int]:
    """Places of the columns that the patterns name, in the patterns' order, each once; every pattern must name one."""
    places: dict[int, None] = {}
    parts = [part.strip() for part in patterns.split(",")]
    for pattern in parts:
        numbered = re.compile(re.escape(pattern) + r"[_.\[ ]?(\d+)\]?")
        numbers = {place: int(found[1]) for place, name in enumerate(header) if (found := numbered.fullmatch(name))}
        alike = [place for place, name in enumerate(header) if name == pattern]  # a column of that very name is meant
        alike = alike or sorted(numbers, key=lambda place: numbers[place])  # obs_2 stands before obs_10
        named = dict.fromkeys(alike or [place for place, name in enumerate(header) if fnmatchcase(name, pattern)])
        if not named and len(parts) > 1:
            raise DataError(f"{path}: {patterns!r} names {pattern!r}, which no column is; found {', '.join(header)}")
        places |= named
    return list(places)


@contextmanager
def _opened(path: Path) -> Generator[TextIO, None, None]:
    """For `csv.reader`. Bytes that are no UTF-8 are escaped: they do no harm in a column that nobody reads."""
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="backslashreplace") as file:
            yield file
    except (OSError, csv.Error) as error:
        raise DataError(f"{path}: not a readable CSV file: {error}") from error


def _numbers(path: Path, header: Sequence[str], used: Sequence[int]) -> np.ndarray:
    """The columns as float64: by NumPy's fast reader, which takes rows of any width, or cell by cell."""
    with _opened(path) as file:
        next(file)
        plain = all(('"' not in line and line.count(",") == len(header) - 1) or not line.strip() for line in file)
    try:
        if plain:
            return np.loadtxt(
                path, delimiter=",", skiprows=1, usecols=used, ndmin=2, comments=None, encoding="utf-8-sig"
            )
    except ValueError:  # words such as true, an empty cell, or an error that the slow reader will place
        pass
    return _cells(path, header, used)


def _cells(path: Path, header: Sequence[str], used: Sequence[int]) -> np.ndarray:
    rows: list[list[float]] = []
    with _opened(path) as file:
        reader = csv.reader(file)
        next(reader)
        for number, row in enumerate(reader):
            if not row:
                continue
            if len(row) == len(header) + 1 and not row[-1].strip():
                row.pop()  # a comma at the row's end
            if len(row) != len(header):
                raise DataError(f"{path}, row {number}: {len(row)} cells, the header has {len(header)}")
            rows.append([_number(path, number, header[place], row[place].strip()) for place in used])
    return np.array(rows, np.float64).reshape(len(rows), len(used))


def _number(path: Path, row: int, column: str, cell: str) -> float:
    try:
        return TRUTH[cell.lower()] if cell.lower() in TRUTH else float(cell)
    except ValueError:
        raise DataError(f"{path}, row {row}, {column}: {cell!r} is no number") from None


def _fill(fields: dict[str, np.ndarray], names: Mapping[str, str]) -> tuple[str, ...]:
    """Reads cells of success without a number as false, for loggers that tell of it at an episode's end alone."""
    success = fields.get("success", np.zeros(0))
    empty = np.isnan(success)
    if not empty.any():
        return ()
    fields["success"] = np.where(empty, 0.0, success)
    return (f"{names['success']}: empty in {empty.sum()} of {len(empty)} rows, which are read as 0, no success",)


def _log(
    path: Path, fields: Mapping[str, np.ndarray], names: Mapping[str, str], episode_length: int, unread: Sequence[str]
) -> FlatLog:
    own = {name: values for name, values in fields.items() if name != "success"}
    infos = {"success": fields["success"]} if "success" in fields else {}
    return FlatLog(str(path), own, infos, names, episode_length, tuple(unread))
