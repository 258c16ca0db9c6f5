"""Other formats in: D4RL HDF5, DAPG demonstrations, the AWAC authors' `.npy`, and a user's own npz or CSV.

Each reader returns what it found as `Stored`; validation is the same for all, see `validate.check_stored`.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from awac.data import flat, hdf5, rollouts, tables
from awac.data.npz import read_npz
from awac.data.store import Stored
from awac.data.tables import Columns
from awac.errors import ConfigError, DataError

Format = Literal["auto", "d4rl", "dapg", "authors", "npz", "csv"]
SUFFIXES: Mapping[str, Format] = {
    ".hdf5": "d4rl", ".h5": "d4rl", ".pickle": "dapg", ".pkl": "dapg", ".npy": "authors", ".npz": "npz", ".csv": "csv",
}  # fmt: skip
D4RL_NAMES = {"terminated": "terminals", "truncated": "timeouts"}
D4RL_OPTIONAL = ("terminals", "timeouts", "next_observations", "infos", "metadata")


@dataclass(frozen=True)
class ImportOptions:
    """How a file is to be read.

    Raises:
        ConfigError: `episode_length` is negative.
    """

    format: Format = "auto"  # by the file's name where auto
    columns: Columns = field(default_factory=Columns)  # names in the file, for npz and csv
    episode_length: int = 0  # cut every so many steps, for logs that do not mark their time limit; 0: they do

    def __post_init__(self) -> None:
        if self.episode_length < 0:
            raise ConfigError(f"episode_length is {self.episode_length}; allowed: 0 (the log says its ends) or more")


def read_file(path: Path, options: ImportOptions | None = None) -> Stored:
    """Reads a file of another format.

    Raises:
        DataError: it is missing, damaged, of an unknown format, or its fields do not make episodes.
    """
    options = options or ImportOptions()
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    chosen = SUFFIXES.get(path.suffix.lower()) if options.format == "auto" else options.format
    if chosen is None or chosen == "auto":
        known = ", ".join(SUFFIXES)
        raise DataError(f"{path}: unknown kind of file; known endings are {known}, or name it with --format")
    stored = READERS[chosen](path, options)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    origin = {"imported_from": path.name, "imported_format": chosen, "imported_sha256": digest}
    return replace(stored, metadata={**stored.metadata, **origin})


def _stored(log: flat.FlatLog) -> Stored:
    cut = flat.cut(log)
    described = {"columns": dict(log.columns)} if log.columns else {}
    return Stored(cut.episodes, log.file, described, notes=cut.notes, suspicions=cut.suspicions)


def _d4rl(path: Path, options: ImportOptions) -> Stored:
    """Flat arrays; `terminals` and, not in all v0 files, `timeouts` and `next_observations`."""
    with hdf5.reading(path) as reader:
        found = reader.members(reader.file)
        known = (*flat.REQUIRED, *D4RL_OPTIONAL)
        wrong = [f"{name} is missing" for name in flat.REQUIRED if name not in found]
        wrong += [f"{name} is unknown" for name in found if name not in known]
        if wrong:
            raise DataError(f"{path}: {', '.join(wrong)}; expected {', '.join(known)}; found {', '.join(found)}")
        arrays = {name: reader.node(reader.file, name) for name in found if name not in ("infos", "metadata")}
        infos = _scalar_infos(reader, reader.file["infos"]) if "infos" in found else {}
    groups = [name for name, values in arrays.items() if not isinstance(values, np.ndarray)]
    if groups:
        raise DataError(f"{path}: {', '.join(groups)} is a group, expected an array; only flat observations are read")
    ours = {theirs: own for own, theirs in D4RL_NAMES.items()}
    fields = {ours.get(name, name): values for name, values in arrays.items()}
    rows = len(fields["actions"]) if fields["actions"].ndim else 0
    infos = {name: values for name, values in infos.items() if len(values) == rows}
    return _stored(flat.FlatLog(str(path), fields, infos, D4RL_NAMES, options.episode_length))


def _scalar_infos(reader: hdf5.Reader, group: Any) -> dict[str, np.ndarray]:
    """One number per step; simulator states, which are wider, are not needed to learn."""
    names = reader.members(group)
    shapes = {name: getattr(group[name], "shape", ()) for name in names}
    return {name: reader.array(group, name) for name, shape in shapes.items() if shape and shape[1:] in ((), (1,))}


def _npz(path: Path, options: ImportOptions) -> Stored:
    """Flat arrays, cut by the lengths of the episodes where they are given; with lengths alone they are DAPG's."""
    arrays, names = read_npz(path), options.columns
    if rollouts.LENGTHS in arrays:
        if names == Columns() and not arrays.keys() & {"terminated", "truncated", "next_observations", "episode"}:
            return _stored(rollouts.demonstrations(path, arrays))
        if names.episode not in arrays and names.actions in arrays:
            arrays[names.episode] = rollouts.episode_numbers(path, arrays.pop(rollouts.LENGTHS), arrays[names.actions])
    return _stored(tables.from_arrays(path, arrays, options.columns, options.episode_length))


def _csv(path: Path, options: ImportOptions) -> Stored:
    return _stored(tables.from_csv(path, options.columns, options.episode_length))


def _rollouts(path: Path, options: ImportOptions) -> Stored:
    if path.suffix.lower() == ".npz":
        return _npz(path, options)
    return rollouts.read(path)


READERS: Mapping[str, Callable[[Path, ImportOptions], Stored]] = {
    "d4rl": _d4rl,
    "dapg": _rollouts,
    "authors": _rollouts,
    "npz": _npz,
    "csv": _csv,
}
