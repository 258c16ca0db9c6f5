"""Flat logs, one long array per field, cut into episodes.

The rules, in order: an episode ends where the log says so (an `episode` column that changes, `terminated`,
`truncated`), every `episode_length` steps where that is given, and wherever `next_observations` do not go on as the
next row's observation. Where none of these is there, nothing can be cut and the log is refused.

The observation after an episode's last step is `next_observations` where the log has it. Where it does not, a
terminated step repeats its own observation, which no target reads; a truncated or cut step has no usable successor
and is dropped, so that the episode ends, truncated, one step earlier. No pair ever crosses episodes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from awac.data.report import Problem
from awac.data.structure import RawEpisode
from awac.errors import DataError

CONTINUES = 1e-5  # relative and absolute difference up to which the next row's observation is this row's successor
JUMP = 5.0  # times the usual distance between two observations: one that looks like a reset
FLAGS = ("terminated", "truncated")
REQUIRED = ("observations", "actions", "rewards")


@dataclass(frozen=True, eq=False)
class FlatLog:
    """Rows of one file.

    Attributes:
        file: for messages.
        fields: `observations`, `actions`, `rewards`, and any of `terminated`, `truncated`, `next_observations`,
            `episode`; all (N, ...).
        infos: further columns (N,).
        names: our name -> the file's, for messages.
        episode_length: steps after which an episode ends, 0 where the log says itself.
        unread: what else the file has, by its names.
        notes: what the reader had to decide.
        columns: the file's names of the columns of `observations` and `actions`, where it has them.
    """

    file: str
    fields: Mapping[str, np.ndarray]
    infos: Mapping[str, Any] = field(default_factory=dict[str, Any])
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    episode_length: int = 0
    unread: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])


@dataclass(frozen=True, eq=False)
class Cut:
    """The episodes of a log, and what was decided on the way."""

    episodes: tuple[RawEpisode, ...]
    notes: tuple[str, ...]
    suspicions: tuple[Problem, ...]


def cut(log: FlatLog) -> Cut:
    """Cuts a log into episodes by the rules above.

    Raises:
        DataError: fields are missing or disagree in length, the ends cannot be told, or flags stand one step late or
            before an episode's end.
    """
    rows = _rows(log)
    flags = {name: _flag(log, name, rows) for name in FLAGS}
    ends, notes = _ends(log, flags["terminated"] | flags["truncated"])
    starts = np.concatenate([[0], np.flatnonzero(ends[:-1]) + 1]).astype(int)
    stops = np.append(starts[1:], rows)
    episodes = [
        _episode(log, flags, index, start, stop)
        for index, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True))
    ]
    if "next_observations" not in log.fields:
        repeated = int(flags["terminated"][stops - 1].sum())
        text = "the log has no next_observations:"
        if repeated:
            notes.append(f"{text} {repeated} terminated episodes end with their last observation twice")
        if repeated < len(stops):
            notes.append(f"{text} the last step of {len(stops) - repeated} truncated or cut episodes was dropped")
    kept = tuple(episode for episode in episodes if episode is not None)
    if len(kept) < len(episodes):
        notes.append(f"{len(episodes) - len(kept)} episodes of one step without successor were dropped")
    return Cut(kept, (*log.notes, *notes), (*_resets_inside(log, starts, stops), *_unread(log)))


def _rows(log: FlatLog) -> int:
    missing = [log.names.get(name, name) for name in REQUIRED if name not in log.fields]
    named = {log.names.get(name, name): values for name, values in log.fields.items()}
    if missing:
        raise DataError(f"{log.file}: {', '.join(missing)} missing; found {', '.join(named) or 'nothing'}")
    named |= {f"infos/{name}": values for name, values in log.infos.items()}
    lengths = {name: len(values) if values.ndim else "one value" for name, values in named.items()}
    if len(set(lengths.values())) != 1 or "one value" in lengths.values():
        sides = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"{log.file}: fields disagree in length, expected one row per step in each; found {sides}")
    shapes = {name: log.fields[name].shape for name in ("next_observations", "observations") if name in log.fields}
    if len(set(shapes.values())) != 1:
        sides = ", ".join(f"{log.names.get(name, name)} {shape}" for name, shape in shapes.items())
        raise DataError(f"{log.file}: expected next_observations of the shape of observations; found {sides}")
    rows = len(log.fields["actions"])
    if rows == 0:
        raise DataError(f"{log.file}: there is no row")
    return rows


def _flag(log: FlatLog, name: str, rows: int) -> np.ndarray:
    values = log.fields.get(name)
    if values is None:
        return np.zeros(rows, bool)
    own_name = log.names.get(name, name)
    if values.size != rows or values.dtype.kind not in "fiub":
        raise DataError(f"{log.file}: {own_name} is {values.dtype} {values.shape}, expected bool ({rows},)")
    values = values.reshape(rows)
    wrong = np.flatnonzero((values != 0) & (values != 1))
    if len(wrong):
        raise DataError(f"{log.file}, row {wrong[0]}, {own_name}: value {values[wrong[0]]}, expected 0 or 1")
    return values.astype(bool)


def _ends(log: FlatLog, flagged: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Which rows end an episode, and what was found out about it."""
    ends, notes = flagged.copy(), list[str]()
    breaks = _breaks(log)
    if "episode" in log.fields:
        ends[:-1] = _changes(log, flagged)
    if breaks is not None:
        _refuse_late_flags(log, ends, breaks)
        unflagged = int((breaks & ~ends).sum())
        if unflagged:
            notes.append(f"cut at {unflagged} rows whose successor is not the next row, though nothing says so")
        ends |= breaks
    if log.episode_length:
        last = -1
        for row in range(len(ends)):
            if ends[row] or row - last == log.episode_length:
                ends[row], last = True, row
    told = breaks is not None or "episode" in log.fields or log.episode_length
    if not told and not ends.any():
        flags = " or ".join(log.names.get(name, name) for name in FLAGS)
        hint = "give --episode-length, or an episode column"
        raise DataError(f"{log.file}: {flags} is never set, so episodes cannot be told apart; {hint}")
    return ends, notes


def _changes(log: FlatLog, flagged: np.ndarray) -> np.ndarray:
    """Rows, but for the last, after which the episode column changes."""
    name, numbers = log.names.get("episode", "episode"), log.fields["episode"].reshape(len(flagged), -1)
    unknown = np.flatnonzero((numbers != numbers).any(axis=1))  # NaN: an empty cell
    if len(unknown):
        raise DataError(f"{log.file}, row {unknown[0]}, {name}: no number, expected that of the episode in every row")
    changes = (numbers[1:] != numbers[:-1]).any(axis=1)
    early = np.flatnonzero(flagged[:-1] & ~changes)
    if len(early):
        row, flags = early[0], ", ".join(log.names.get(name, name) for name in FLAGS if name in log.fields)
        raise DataError(
            f"{log.file}, row {row}, {flags}: set, but by {name} the episode goes on in row {row + 1} "
            f"({len(early)} such rows); allowed is 1 in an episode's last row"
        )
    return changes


def _breaks(log: FlatLog) -> np.ndarray | None:
    """Rows whose successor is not the next row; None where the log has no successors. Behind NaN all breaks."""
    following, observations = log.fields.get("next_observations"), log.fields["observations"]
    if following is None or following.shape != observations.shape or following.dtype.kind not in "fiu":
        return None
    rows = len(observations)
    here, there = following.reshape(rows, -1)[:-1], observations.reshape(rows, -1)[1:]
    with np.errstate(invalid="ignore", over="ignore"):
        differs = (np.abs(here - there) > CONTINUES * (1 + np.abs(there))).any(axis=1)
    differs |= (here != here).any(axis=1)  # what would be glued is refused as a final observation
    return np.append(differs, False)


def _refuse_late_flags(log: FlatLog, ends: np.ndarray, breaks: np.ndarray) -> None:
    unflagged = breaks & ~ends
    late = np.flatnonzero(unflagged[:-1] & ends[1:])
    if len(late) and 2 * len(late) >= unflagged.sum():
        flags = ", ".join(log.names.get(name, name) for name in FLAGS)
        raise DataError(
            f"{log.file}, row {late[0] + 1}, {flags}: set one step late in {len(late)} episodes: next_observations of "
            f"row {late[0]} does not go on in row {late[0] + 1}, so the episode ended there"
        )


def _episode(log: FlatLog, flags: Mapping[str, np.ndarray], index: int, start: int, stop: int) -> RawEpisode | None:
    """Rows start .. stop - 1 as one episode, with its final observation; None where nothing of it is left."""
    observations = log.fields["observations"][start:stop]
    terminated = bool(flags["terminated"][stop - 1])
    truncated = bool(flags["truncated"][stop - 1]) or not terminated
    if "next_observations" in log.fields:
        observations = np.concatenate([observations, log.fields["next_observations"][stop - 1 : stop]])
    elif terminated:
        observations = np.concatenate([observations, observations[-1:]])
    else:
        stop -= 1
    steps = stop - start
    if steps == 0:
        return None
    last = np.arange(steps) == steps - 1
    fields = {name: log.fields[name][start:stop] for name in ("actions", "rewards")}
    fields |= {"observations": observations, "terminated": last & terminated, "truncated": last & truncated}
    infos = {name: values[start:stop] for name, values in log.infos.items()}
    return RawEpisode(fields, log.file, index, infos, None, log.names)


def _unread(log: FlatLog) -> list[Problem]:
    """Flags of other names would be lost without a word."""
    if not log.unread:
        return []
    message = f"not read: {', '.join(log.unread)}; --columns.terminated NAME, and its like, say what a name stands for"
    return [Problem("not-read", message, file=log.file)]


def _resets_inside(log: FlatLog, starts: np.ndarray, stops: np.ndarray) -> list[Problem]:
    """Without successors, a flag that comes one step late shows as a jump before the last observation."""
    if "next_observations" in log.fields or log.fields["observations"].dtype.kind not in "fiu":
        return []
    rows = len(log.fields["observations"])
    observations = log.fields["observations"].reshape(rows, -1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        scaled = observations / np.where((spread := observations.std(axis=0)) > 0, spread, 1.0)
        jumps = np.linalg.norm(np.diff(scaled, axis=0), axis=1)
    long = [(start, stop) for start, stop in zip(starts, stops, strict=True) if stop - start > 4]
    late = sum(bool(jumps[stop - 2] > JUMP * np.median(jumps[start : stop - 2])) for start, stop in long)
    if len(long) < 3 or late < 0.7 * len(long):
        return []
    message = f"in {late} of {len(long)} episodes the last observation jumps away: are the flags set one step late?"
    return [Problem("flags-late", message, file=log.file, field=log.names.get("terminated", "terminated"))]
