"""From named arrays of any origin to `Episode`: fields, types, shapes and lengths, expected and found side by side."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from awac.batch import Provenance
from awac.data.dataset import SUCCESS_NAMES, Episode
from awac.data.report import Problem

FIELDS = ("observations", "actions", "rewards", "terminated", "truncated")


@dataclass(frozen=True, eq=False)
class RawEpisode:
    """What a reader found in a file, before anything is believed of it.

    Attributes:
        fields: arrays by our names, of any type and shape; `observations` has one entry more than `actions`.
        file: for messages.
        index: the episode's place in the file.
        infos: per-step arrays; those of one entry too many (a reset's) lose the first.
        provenance: what the file says, None where it says nothing.
        names: our field name -> the file's own, where it differs, for messages.
    """

    fields: Mapping[str, Any]
    file: str
    index: int
    infos: Mapping[str, Any] = field(default_factory=dict[str, Any])
    provenance: Provenance | None = None
    names: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def source(self) -> str:
        """File and episode, for messages."""
        return f"{self.file}, episode {self.index}"


def parse(raw: RawEpisode, provenance: Provenance | None = None) -> tuple[Episode | None, list[Problem]]:
    """Checks the form of one raw episode and converts it.

    Args:
        raw: named arrays.
        provenance: overrides what the file says.

    Returns:
        The episode and no problem, or None and all problems of form.
    """
    problems = _missing_and_extra(raw)
    if problems:
        return None, problems
    arrays: dict[str, np.ndarray] = {}
    for name in FIELDS:
        array, problem = _typed(raw, name)
        if problem:
            problems.append(problem)
        if array is not None:
            arrays[name] = array
    problems = problems or _lengths(raw, arrays)
    if problems:
        return None, problems
    infos, problems = _infos(raw, len(arrays["rewards"]))
    if problems:
        return None, problems
    chosen = provenance if provenance is not None else raw.provenance
    episode = Episode(
        **arrays,
        infos=infos,
        provenance=Provenance.DEMONSTRATION if chosen is None else chosen,
        source=raw.source,
    )
    return episode, []


def sizes(episodes: Sequence[Episode]) -> list[Problem]:
    """Finds episodes whose observation or action size is not that of the majority."""
    problems: list[Problem] = []
    for name in ("observations", "actions"):
        found = Counter(int(getattr(episode, name).shape[1]) for episode in episodes)
        usual = found.most_common(1)[0][0] if found else 0
        for episode in episodes if len(found) > 1 else ():
            size = int(getattr(episode, name).shape[1])
            if size != usual:
                file, index = episode.place
                message = f"size {size}, expected {usual} as in the other episodes"
                problems.append(Problem("shape", message, file=file, episode=index, field=name, value=str(size)))
    return problems


def _problem(raw: RawEpisode, code: str, name: str, message: str, value: object) -> Problem:
    own_name = raw.names.get(name, name)
    return Problem(code, message, file=raw.file, episode=raw.index, field=own_name, value=str(value))


def _missing_and_extra(raw: RawEpisode) -> list[Problem]:
    missing = [name for name in FIELDS if name not in raw.fields]
    extra = [name for name in raw.fields if name not in FIELDS]
    if not missing and not extra:
        return []
    found = ", ".join(raw.names.get(name, name) for name in raw.fields) or "nothing"
    sides = f"expected {', '.join(raw.names.get(name, name) for name in FIELDS)}; found {found}"
    return [
        *(_problem(raw, "missing-field", name, f"field is missing: {sides}", "missing") for name in missing),
        *(_problem(raw, "extra-field", name, f"unknown field: {sides}", "extra") for name in extra),
    ]


def _typed(raw: RawEpisode, name: str) -> tuple[np.ndarray | None, Problem | None]:
    value = raw.fields[name]
    if not isinstance(value, np.ndarray):
        kind = "a group (Dict or Tuple space)" if isinstance(value, Mapping) else type(value).__name__
        wanted = "a flat array; flatten it (gymnasium.wrappers.FlattenObservation) and record again"
        return None, _problem(raw, "dtype", name, f"found {kind}, expected {wanted}", kind)
    return _shaped(raw, name, cast("np.ndarray", value))


def _shaped(raw: RawEpisode, name: str, value: np.ndarray) -> tuple[np.ndarray | None, Problem | None]:
    axes = 2 if name in ("observations", "actions") else 1
    if axes == 1 and value.ndim == 2 and value.shape[1] == 1:
        value = value[:, 0]  # a column vector is how some loggers write scalars; nothing is lost
    if value.ndim != axes:
        wanted = "(steps, size)" if axes == 2 else "(steps,)"
        return None, _problem(raw, "shape", name, f"shape {value.shape}, expected {wanted}", value.shape)
    if name in ("terminated", "truncated"):
        return _flags(raw, name, value)
    if value.dtype.kind not in "fiu":
        return None, _problem(raw, "dtype", name, f"dtype {value.dtype}, expected a real number type", value.dtype)
    with np.errstate(over="ignore"):  # a value beyond float32 becomes inf, which the finite check then reports
        return np.ascontiguousarray(value, np.float32), None


def _flags(raw: RawEpisode, name: str, value: np.ndarray) -> tuple[np.ndarray | None, Problem | None]:
    if value.dtype.kind == "b":
        return value, None
    if value.dtype.kind not in "fiu":
        return None, _problem(
            raw, "dtype", name, f"dtype {value.dtype}, expected bool, or numbers 0 and 1", value.dtype
        )
    wrong = np.flatnonzero((value != 0) & (value != 1))
    if len(wrong):
        step = int(wrong[0])
        hint = "; fill with 0 where nothing is recorded" if value[step] != value[step] else ""
        message = f"value {value[step]}, expected bool, or numbers 0 and 1{hint}"
        own_name = raw.names.get(name, name)
        return None, Problem("flag-value", message, raw.file, raw.index, step, own_name, str(value[step]))
    return value.astype(bool), None


def _lengths(raw: RawEpisode, arrays: Mapping[str, np.ndarray]) -> list[Problem]:
    steps = len(arrays["actions"])
    if steps == 0:
        return [_problem(raw, "empty-episode", "actions", "the episode has no steps", 0)]
    for name in ("observations", "actions"):
        if arrays[name].shape[1] == 0:
            return [_problem(raw, "shape", name, f"shape {arrays[name].shape}, expected at least one column", 0)]
    expected = {name: steps + (name == "observations") for name in FIELDS}
    if all(len(arrays[name]) == length for name, length in expected.items()):
        return []
    found = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
    wanted = ", ".join(f"{name} {length}" for name, length in expected.items())
    return [
        _problem(raw, "length", name, f"unequal lengths: expected {wanted}; found {found}", len(arrays[name]))
        for name, length in expected.items()
        if len(arrays[name]) != length
    ]


def _infos(raw: RawEpisode, steps: int) -> tuple[dict[str, np.ndarray], list[Problem]]:
    """Keeps the per-step scalars; a recorder that also stores the infos of `reset` has one entry more."""
    kept: dict[str, np.ndarray] = {}
    problems: list[Problem] = []
    for name, values in raw.infos.items():
        array = np.asarray(values)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]  # a column vector, as in `_shaped`
        if array.ndim != 1 or len(array) not in (steps, steps + 1):
            continue
        array = array[len(array) - steps :]
        problem = _flags(raw, name, array)[1] if name in SUCCESS_NAMES else None
        if problem:
            problems.append(problem)
        if array.dtype.kind in "fiub":
            kept[name] = array
    return kept, problems
