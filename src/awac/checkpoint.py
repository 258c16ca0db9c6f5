"""Checkpoints: the whole state of a run at a step, one folder each, never half of one.

    checkpoints/
      step-000010000/       an `awac.archive` folder
      step-000012345/
      step-000012345-2/     the same step saved again: a saved checkpoint is never replaced, only superseded

The last few are kept, and the best. What an earlier crash left unfinished has a temporary name and is cleaned away.
"""

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from awac import archive, storage
from awac.archive import Parts
from awac.errors import CheckpointError

_NAME = re.compile(r"step-(\d{9,})(?:-(\d+))?")

Step = int | Literal["best"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run at a step.

    Attributes:
        path: The folder it was read from.
        step: The step it was saved at.
        parts: Part name -> array name -> array.
        meta: The JSON values saved with it.
    """

    path: Path
    step: int
    parts: Parts
    meta: Mapping[str, Any]


def save(root: Path, step: int, parts: Parts, meta: Mapping[str, Any], keep: int = 3, best: bool = False) -> Path:
    """Saves a checkpoint atomically, then removes the ones no longer kept.

    Args:
        root: The folder of all checkpoints; its parent must exist.
        step: The step of the run, at least 0.
        parts: Part name -> array name -> array.
        meta: JSON values (finite) to save with them.
        keep: How many of the newest to keep, at least 1.
        best: Whether this is the best so far; the newest so marked is kept besides.

    Returns:
        The folder of the new checkpoint.

    Raises:
        StorageError: it could not be saved, or an old one not removed; the earlier checkpoints are untouched then.
    """
    if step < 0 or keep < 1:
        raise ValueError(f"step {step} must be at least 0 and keep {keep} at least 1")
    storage.make_folder(root)
    stale = storage.clean(root)
    if stale:
        logger.warning("removed what an earlier crash left in %s: %s", root, ", ".join(stale))
    folder = _free_name(root, step)
    archive.write(folder, parts, {"step": step, "best": best, "meta": meta})
    _prune(root, keep)
    return folder


def load(path: Path, step: Step | None = None, explicit: bool = False) -> Checkpoint:
    """Loads and verifies a checkpoint.

    Given a folder of checkpoints and nothing else, the newest is loaded; if it is damaged, the one before it, and the
    log says which and why. If that one is damaged too the disk is failing, and the choice is the user's.

    Args:
        path: The folder of all checkpoints, or one checkpoint.
        step: Load the one saved at this step, or the best, and no other.
        explicit: Load the newest, and no other.

    Raises:
        CheckpointError: there is none; or it is damaged (the message names file and part) or of an unreadable format.
    """
    if _NAME.fullmatch(path.name):
        return _read(path)
    folders = _folders(path)
    if step == "best":
        folders = _best(folders)
    elif step is not None:
        folders = [folder for folder in folders if _order(folder)[0] == step]
    if not folders:
        wanted = "best checkpoint" if step == "best" else "checkpoint" if step is None else f"checkpoint of step {step}"
        raise CheckpointError(f"no {wanted} in {path}; there are those of steps {steps(path)}")
    if explicit or step is not None or len(folders) == 1:
        return _read(folders[-1])
    return _read_with_fallback(folders)


def steps(root: Path) -> list[int]:
    """The steps saved in a folder of checkpoints, ascending; empty if there is none."""
    return sorted({_order(folder)[0] for folder in _folders(root)})


def best_step(root: Path) -> int | None:
    """The step of the best checkpoint in a folder of checkpoints; None where none is marked so."""
    return next((_order(folder)[0] for folder in _best(_folders(root))), None)


def newest_meta(root: Path) -> Mapping[str, Any]:
    """The JSON values of the newest checkpoint that has its manifest, without its arrays; empty if there is none."""
    for folder in reversed(_folders(root)):
        with suppress(CheckpointError):
            return cast(dict[str, Any], archive.read_manifest(folder).get("meta", {}))
    return {}


def discard_newer(checkpoint: Checkpoint) -> list[str]:
    """Removes what was saved after `checkpoint`, damaged or abandoned; called when a run resumes from it.

    Without this a run that goes on from an earlier step would find its old future as the newest checkpoint.

    Returns:
        The names of the folders removed.

    Raises:
        StorageError: one could not be removed.
    """
    newer = [folder for folder in _folders(checkpoint.path.parent) if _order(folder) > _order(checkpoint.path)]
    for folder in reversed(newer):
        storage.remove_folder(folder)
    return [folder.name for folder in newer]


def _read(folder: Path) -> Checkpoint:
    content = archive.read(folder)
    step, meta = _order(folder)[0], content.manifest.get("meta")
    if content.manifest.get("step") != step or not isinstance(meta, dict):
        raise CheckpointError(f"{folder / archive.MANIFEST}: step is not that of the folder's name, or meta is missing")
    return Checkpoint(folder, step, content.parts, cast(dict[str, Any], meta))


def _read_with_fallback(folders: list[Path]) -> Checkpoint:
    newest, before = folders[-1], folders[-2]
    try:
        return _read(newest)
    except archive.NewerFormatError:
        raise  # whole, only not ours to read: going back silently would lose a newer version's work
    except CheckpointError as error:
        logger.warning("checkpoint %s is damaged (%s); loading %s, the one before it", newest.name, error, before.name)
        first = error
    try:
        return _read(before)
    except CheckpointError as error:
        others = ", ".join(folder.name for folder in folders[:-2]) or "none"
        raise CheckpointError(
            f"the two newest checkpoints are damaged: {first}; {error}; older ones: {others}"
        ) from error


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted((path for path in root.iterdir() if _NAME.fullmatch(path.name)), key=_order)


def _order(folder: Path) -> tuple[int, int]:
    match = _NAME.fullmatch(folder.name)
    assert match is not None
    return int(match[1]), int(match[2] or 1)


def _free_name(root: Path, step: int) -> Path:
    taken = [_order(folder)[1] for folder in _folders(root) if _order(folder)[0] == step]
    name = f"step-{step:09d}"
    return root / (f"{name}-{max(taken) + 1}" if taken else name)


def _prune(root: Path, keep: int) -> None:
    folders = _folders(root)
    kept = {*folders[-keep:], *_best(folders)}
    for folder in folders:
        if folder not in kept and not _is_foreign(folder):
            storage.remove_folder(folder)


def _best(folders: list[Path]) -> list[Path]:
    """The newest that is marked so; none where none is."""
    newest = next((folder for folder in reversed(folders) if _is_best(folder)), None)
    return [] if newest is None else [newest]


def _is_best(folder: Path) -> bool:
    try:
        return archive.read_manifest(folder).get("best") is True
    except CheckpointError:
        return False


def _is_foreign(folder: Path) -> bool:
    """Of another format: the original of a migration, or a newer version's work; neither is ours to remove."""
    try:
        return archive.read_manifest(folder)["format"] != archive.FORMAT
    except CheckpointError:
        return False
