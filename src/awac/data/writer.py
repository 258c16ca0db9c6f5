"""The one store, write side: Minari datasets that appear whole or not at all.

A dataset is written beside its place under another name, synced, then renamed. While an existing one is replaced, the
old one waits under `.NAME.previous`; `store.data_folder` finds it there if a kill falls between the two renames, and
the next write clears it.
"""

import contextlib
import copy
import glob
import os
import shutil
from collections.abc import Generator, Mapping, Sequence
from importlib import import_module
from importlib import metadata as packages
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from awac import storage as disk
from awac.data.dataset import Dataset, Episode
from awac.data.store import MAIN_FILE, METADATA_FILE, box, data_folder, minari_root, read_metadata
from awac.data.structure import FIELDS
from awac.errors import DataError, StorageError
from awac.system import describe_system

FILES = {"data", f"data/{MAIN_FILE}", f"data/{METADATA_FILE}"}  # all that a dataset's folder has in it
OVERHEAD = 3 * 1024  # bytes that HDF5 needs for an array beside its content; an episode has five and its infos


def write(dataset: Dataset, folder: Path | str, *, env_id: str | None = None, overwrite: bool = False) -> Path:
    """Writes a Minari dataset that `minari` itself can read, all or nothing.

    Args:
        dataset: what to write; its metadata are kept under `awac` in `metadata.json`.
        folder: any folder; under `MINARI_DATASETS_PATH`, its place there becomes its Minari id.
        env_id: the environment, stored with its Gymnasium specification where it is registered.
        overwrite: replace an existing dataset.

    Returns:
        The folder.

    Raises:
        DataError: there is nothing to write, or something is there already that may not be replaced.
        StorageError: the disk is full or refused; nothing is left behind.
    """
    folder = Path(folder)
    if not dataset.episodes:
        raise DataError(f"{folder}: there is no episode to write")
    refuse_existing(folder, overwrite)
    metadata = origin() | dict(dataset.metadata) | ({"env_id": env_id} if env_id else {})
    with _replacing(folder, _bytes(dataset.episodes)) as fresh:
        storage = _new_storage(fresh / "data", dataset, metadata, _minari_id(folder))
        _add(storage, dataset.episodes, 0)
    return folder


def refuse_existing(folder: Path, overwrite: bool) -> None:
    """Commands that work long before they write ask first.

    Raises:
        DataError: something is there and may not be replaced, or Minari has no such name for it.
        StorageError: no folder can be made there.
    """
    _refuse_other(folder)
    if not overwrite and (data_folder(folder) or (folder.exists() and any(folder.iterdir()))):
        raise DataError(f"{folder}: there is a dataset already; choose another place, or --overwrite")
    _minari_id(folder)
    _clear_abandoned(folder)
    fresh = _fresh(folder.absolute())
    new = [place for place in fresh.parents if not place.exists()]
    with disk.reported(folder):
        fresh.mkdir(parents=True, exist_ok=True)
        fresh.rmdir()
    with contextlib.suppress(OSError):  # another command has put something there meanwhile
        for place in new:
            place.rmdir()


def _refuse_other(folder: Path) -> None:
    """Nothing but a dataset is ever replaced."""
    if folder.is_dir():
        other = next((path for path in folder.rglob("*") if path.relative_to(folder).as_posix() not in FILES), None)
    else:
        other = folder if folder.exists() else None
    if other is not None:
        raise DataError(f"{folder}: {other} is there, which is no part of a dataset; choose another place")


def origin() -> dict[str, Any]:
    """What made a dataset: versions (simulators give other trajectories in other versions) and commit."""
    system = describe_system()
    return {"recorded": system["started"], **{name: system[name] for name in ("versions", "commit", "modified")}}


def append(folder: Path | str, episodes: Sequence[Episode], *, dataset: Dataset | None = None) -> Path:
    """Adds episodes to a dataset, or begins one; a kill at any moment leaves the earlier episodes whole.

    The dataset is copied, extended and put in the place of the old one, so an append costs as much as the whole.

    Args:
        folder: as for `write`.
        episodes: with the same observation and action sizes as those there.
        dataset: name, metadata and action bounds of a new dataset; not read where one exists.

    Raises:
        DataError: sizes differ from what the folder holds, or it holds more than a dataset.
        StorageError: the disk is full or refused; the folder is as it was.
    """
    folder = Path(folder)
    existing = data_folder(folder)
    if not episodes:
        return folder
    if existing is None:
        empty = dataset or Dataset(())
        bounds = (empty.action_low, empty.action_high)
        return write(Dataset(tuple(episodes), empty.name, empty.metadata, *bounds), folder)
    sizes = _sizes(read_metadata(existing / METADATA_FILE), existing)
    for episode in episodes:
        found = (episode.observations.shape[1], episode.actions.shape[1])
        if found != sizes:
            raise DataError(f"{episode.source}: observation and action sizes {found}, {folder} holds {sizes}")
    with _replacing(folder, (existing / MAIN_FILE).stat().st_size + _bytes(episodes)) as fresh:
        shutil.copytree(existing, fresh / "data")
        storage = _minari("dataset.minari_storage").MinariStorage.read(fresh / "data")
        _add(storage, episodes, storage.total_episodes)
    return folder


def _sizes(metadata: Mapping[str, Any], data: Path) -> tuple[int, int]:
    spaces = [box(metadata, key, data / METADATA_FILE) for key in ("observation_space", "action_space")]
    try:
        observation, action = (int(space["shape"][0]) for space in spaces if space["type"] == "Box")
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(f"{data / METADATA_FILE}: the spaces declare no flat shape, so nothing is appended") from error
    return observation, action


def _spaces(dataset: Dataset) -> tuple[Any, Any]:
    from gymnasium.spaces import Box  # slow to import, like Minari

    first = dataset.episodes[0]
    shape = (first.actions.shape[1],)
    low = np.full(shape, -np.inf, np.float32) if dataset.action_low is None else dataset.action_low
    high = np.full(shape, np.inf, np.float32) if dataset.action_high is None else dataset.action_high
    return Box(-np.inf, np.inf, (first.observations.shape[1],), np.float32), Box(low, high, shape, np.float32)


def _minari_id(folder: Path) -> str:
    """The id under which `minari.load_dataset` finds the folder where it lies in Minari's own root."""
    pattern = _minari("dataset.minari_dataset").DATASET_ID_RE
    root = minari_root().resolve()
    place = folder.resolve()
    inside = place.relative_to(root).parts if place.is_relative_to(root) else (".",)
    if not any(part.startswith(".") for part in inside):  # in a hidden folder is what is not finished
        name = "/".join(inside)
        match = pattern.fullmatch(name)
        if match is None or match.group("version") is None:
            raise DataError(f"{folder}: in Minari's root a dataset is named (namespace/)name-v0, not {name!r}")
        return name
    words = (
        "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in folder.name).strip("-") or "data"
    )
    match = pattern.fullmatch(words)
    return words if match and match.group("version") else f"{words}-v0"


def _new_storage(data: Path, dataset: Dataset, metadata: Mapping[str, Any], minari_id: str) -> Any:
    spaces = _spaces(dataset)
    spec = _specification(metadata)
    data.mkdir(parents=True)
    storage = _minari("dataset.minari_storage").MinariStorage.new(
        data, observation_space=spaces[0], action_space=spaces[1], env_spec=spec
    )
    described = {
        "dataset_id": minari_id,
        "minari_version": packages.version("minari"),
        "author": {"awac"},
        "author_email": set[str](),
        "algorithm_name": str(metadata.get("algorithm", "")),
        "code_permalink": str(metadata.get("commit", "")),
        "description": str(metadata.get("description", "")),
        "awac": dict(metadata),
    }
    storage.update_metadata(described)
    return storage


def _specification(metadata: Mapping[str, Any]) -> Any:
    """The environment's Gymnasium specification, so that `minari` can rebuild it; None where it is not registered."""
    import gymnasium

    if not metadata.get("env_id"):
        return None
    try:
        spec = copy.deepcopy(gymnasium.spec(str(metadata["env_id"])))  # the registry's own must not change
        spec.kwargs = {**spec.kwargs, **metadata.get("env_options", {})}
        spec.to_json()
    except (gymnasium.error.Error, ModuleNotFoundError, TypeError):
        return None  # `module:factory` environments, and arguments that JSON cannot hold; env_id is kept all the same
    return spec


def _add(storage: Any, episodes: Sequence[Episode], first: int) -> None:
    buffer = _minari("data_collector.episode_buffer").EpisodeBuffer
    storage.update_episodes(
        buffer(
            observations=episode.observations,
            actions=episode.actions,
            rewards=episode.rewards,
            terminations=episode.terminated,
            truncations=episode.truncated,
            infos=dict(episode.infos) or None,
        )
        for episode in episodes
    )
    marks = [{"provenance": episode.provenance.name.lower(), "source": episode.source} for episode in episodes]
    storage.update_episode_metadata(marks, range(first, first + len(episodes)))


def _minari(name: str) -> Any:
    """A module of Minari: untyped, and 0.4 s to import, which only writers shall pay."""
    return import_module(f"minari.{name}")


def _bytes(episodes: Sequence[Episode]) -> int:
    """What episodes will need in a file, a tenth of their content more for chunks that are not full."""
    arrays = [
        array
        for episode in episodes
        for array in (*(getattr(episode, name) for name in FIELDS), *episode.infos.values())
    ]
    return sum(array.nbytes for array in arrays) * 11 // 10 + OVERHEAD * len(arrays)


def _fresh(folder: Path) -> Path:
    """Where this process prepares `folder`."""
    return folder.parent / f".{folder.name}.new-{os.getpid()}"


@contextlib.contextmanager
def _replacing(folder: Path, wanted: int) -> Generator[Path, None, None]:
    """Gives an empty folder beside `folder`, and puts it in its place when the block ends without an error.

    That there is room for `wanted` bytes is known before, because HDF5 does not always survive a full disk.
    """
    folder = folder.resolve()  # what a link names is replaced, and the link stays
    fresh = _fresh(folder)
    try:
        _clear_abandoned(folder)
        disk.require_space(folder, wanted)
        fresh.mkdir(parents=True)
        yield fresh
        for path in fresh.rglob("*"):
            disk.sync(path)
        _refuse_other(folder)
        disk.replace_folder(fresh, folder)
    except (OSError, ValueError, RuntimeError) as error:  # h5py has all three for a disk that refuses
        raise StorageError(f"{folder}: the dataset was not written: {error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _clear_abandoned(folder: Path) -> None:
    """Removes what killed writers left; those that still live keep theirs."""
    for path in folder.parent.glob(f".{glob.escape(folder.name)}.new-*"):
        process = path.name.rpartition("-")[2]
        if process == str(os.getpid()) or not (process.isdigit() and psutil.pid_exists(int(process))):
            shutil.rmtree(path, ignore_errors=True)
