"""The one store, read side: Minari datasets in HDF5, read without believing them.

A dataset is a folder with `data/main_data.hdf5` and `data/metadata.json`. The files are read here, not by `minari`:
that would build the environment named in a stranger's metadata, which can name any function.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from awac.batch import Provenance
from awac.data import hdf5
from awac.data.report import Problem
from awac.data.structure import RawEpisode
from awac.errors import DataError
from awac.storage import previous_name

MAIN_FILE = "main_data.hdf5"
METADATA_FILE = "metadata.json"
METADATA_LIMIT = 64 * 1024**2  # bytes; spaces with a bound per pixel are the largest seen
NAMES = {"terminated": "terminations", "truncated": "truncations"}  # ours -> Minari's
DICT_HELP = "supported are flat Box spaces; flatten with gymnasium.wrappers.FlattenObservation and record again"


@dataclass(frozen=True, eq=False)
class Stored:
    """What a reader found, in a Minari folder or a file of another format, before validation."""

    episodes: tuple[RawEpisode, ...]
    name: str
    metadata: Mapping[str, Any]
    action_low: np.ndarray | None = None
    action_high: np.ndarray | None = None
    notes: tuple[str, ...] = ()  # what the reader had to change, for the report
    suspicions: tuple[Problem, ...] = ()  # what only the reader can see


def data_folder(folder: Path) -> Path | None:
    """The folder with the two files, given itself or its parent, or the copy that a killed replacement left."""
    candidates = (folder / "data", folder, previous_name(folder) / "data")
    return next((candidate for candidate in candidates if (candidate / METADATA_FILE).is_file()), None)


def minari_root() -> Path:
    """Where Minari keeps the datasets it knows by id."""
    return Path(os.environ.get("MINARI_DATASETS_PATH", Path.home() / ".minari" / "datasets"))


def read(folder: Path) -> Stored:
    """Reads a Minari folder, without believing it: the result has not been validated yet.

    Raises:
        DataError: the folder is no Minari dataset in HDF5, is incomplete, or its spaces are not flat boxes.
    """
    data = data_folder(folder)
    if data is None:
        raise DataError(f"{folder}: no Minari dataset here (data/{METADATA_FILE} and data/{MAIN_FILE} are missing)")
    metadata = read_metadata(data / METADATA_FILE)
    bounds = [_bound(metadata, key, data) for key in ("low", "high")]
    own = _own(metadata, data / METADATA_FILE)
    described = {
        **own,
        "dataset_id": metadata.get("dataset_id", folder.name),
        "description": metadata.get("description", ""),
    }
    return Stored(tuple(_read_episodes(data, metadata)), str(folder), described, bounds[0], bounds[1])


def _own(metadata: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What awac has written there."""
    own: Any = metadata.get("awac") or {}
    if not isinstance(own, dict):
        raise DataError(f"{path}: awac is a {type(own).__name__}, expected an object")
    own = cast("dict[str, Any]", own)
    wanted = {"env_id": (str, "text")} | dict.fromkeys(("env_options", "versions", "columns"), (dict, "an object"))
    for name, (kind, said) in wanted.items():
        if not isinstance(own.get(name) or kind(), kind):
            raise DataError(f"{path}: awac.{name} is {own[name]!r}, expected {said}")
    columns = cast("dict[str, Any]", own.get("columns") or {})
    for name, titles in columns.items():
        if not isinstance(titles, list) or not all(isinstance(title, str) for title in cast("list[Any]", titles)):
            raise DataError(f"{path}: awac.columns.{name} is {titles!r}, expected a list of text")
    return own


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of a dataset, known to be a JSON object that describes flat boxes in HDF5."""
    if path.stat().st_size > METADATA_LIMIT:
        raise DataError(f"{path}: {path.stat().st_size} bytes, at most {METADATA_LIMIT} are read")
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise DataError(f"{path}: expected an object, found {type(metadata).__name__}")
    metadata = cast("dict[str, Any]", metadata)
    if metadata.get("data_format", "hdf5") != "hdf5":
        raise DataError(f"{path}: data_format is {metadata['data_format']!r}, supported is 'hdf5'")
    for key in ("observation_space", "action_space"):
        space = box(metadata, key, path)
        if space.get("type", "Box") != "Box":
            raise DataError(f"{path}: {key} is a {space['type']} space; {DICT_HELP}")
    return metadata


def box(metadata: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    """The serialised space under `key`, as a dictionary; empty where there is none."""
    text = metadata.get(key, "{}")
    try:
        space = json.loads(text) if isinstance(text, str) else text
    except ValueError as error:
        raise DataError(f"{path}: {key} is not valid JSON: {error}") from error
    if not isinstance(space, dict):
        raise DataError(f"{path}: {key} is {type(space).__name__}, expected a serialised space")
    return cast("dict[str, Any]", space)


def _bound(metadata: Mapping[str, Any], key: str, data: Path) -> np.ndarray | None:
    values = box(metadata, "action_space", data / METADATA_FILE).get(key)
    try:
        bound = None if values is None else np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"{data / METADATA_FILE}: action_space {key} is not an array of numbers: {error}") from error
    return bound if bound is not None and bound.ndim == 1 and np.all(np.isfinite(bound)) else None


def _read_episodes(data: Path, metadata: Mapping[str, Any]) -> list[RawEpisode]:
    path = data / MAIN_FILE
    if not path.is_file():
        raise DataError(f"{path}: the file is missing")
    with hdf5.reading(path) as reader:
        found = set(reader.members(reader.file))
        total = metadata.get("total_episodes", len(found))
        expected = [f"episode_{index}" for index in range(len(found))]
        if total != len(found) or found != set(expected):
            raise DataError(f"{path}: {METADATA_FILE} promises {total} episodes, the file has {len(found)} groups")
        return [_read_episode(reader, name, index, data) for index, name in enumerate(expected)]


def _read_episode(reader: hdf5.Reader, name: str, index: int, data: Path) -> RawEpisode:
    group = reader.file[name]
    fields = reader.tree(group) if hasattr(group, "keys") else {}
    infos: Any = fields.pop("infos", None)
    ours = {minari: own for own, minari in NAMES.items()}
    said = group.attrs.get("provenance")
    try:
        provenance = None if said is None else Provenance[str(said).upper()]
    except KeyError:
        kinds = ", ".join(kind.name.lower() for kind in Provenance)
        raise DataError(f"{data}, episode {index}: provenance is {said!r}, allowed are {kinds}") from None
    return RawEpisode(
        fields={ours.get(key, key): value for key, value in fields.items()},
        file=str(data.parent),
        index=index,
        infos=cast("dict[str, Any]", infos) if isinstance(infos, dict) else {},
        provenance=provenance,
        names=NAMES,
    )
