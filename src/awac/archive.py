"""A folder of named arrays that is written whole or not at all, and read only if every byte is what was written.

    step-000012345/
      actor.safetensors     one file per part
      buffer.safetensors
      manifest.json         written last: format, length and SHA-256 of every part, and of the manifest itself

Checkpoints and segments of the journal are such folders. Nothing in them is executable: arrays are safetensors, the
rest is JSON.
"""

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from awac import storage
from awac.errors import CheckpointError

FORMAT = 1
MANIFEST = "manifest.json"

_PART_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_HEADER_ROOM = 16384  # bytes per file beside its arrays, roughly; only the check of free space uses it

Arrays = Mapping[str, NDArray[Any]]
Parts = Mapping[str, Arrays]
Manifest = Mapping[str, Any]
Migration = Callable[[Parts, Manifest], tuple[Parts, Manifest]]

MIGRATIONS: dict[int, Migration] = {}
"""Format -> what turns the content of that format into the next one's. Format 1 is the first: there is none yet."""


class NewerFormatError(CheckpointError):
    """The folder is whole, but a later version of awac wrote it."""


@dataclass(frozen=True)
class Archive:
    """What a folder holds.

    Attributes:
        parts: Part name -> array name -> array.
        manifest: The manifest, with `format`, `awac` (the version that wrote it) and what the writer added.
    """

    parts: Parts
    manifest: Manifest


def write(folder: Path, parts: Parts, entries: Mapping[str, Any]) -> None:
    """Writes `folder`, which must not exist, atomically.

    Args:
        folder: Where; its parent exists.
        parts: Part name -> array name -> array. A part's name is a file name of letters, digits and `_ . -`.
        entries: JSON values to keep in the manifest beside its own.

    Raises:
        StorageError: the disk is full, read-only or gone; nothing with the name `folder` is there then, or all of it.
        TypeError: an array or an entry is of a type that safetensors or JSON has not.
        ValueError: a part's name is no plain file name, or an entry is NaN or infinite.
    """
    for name in parts:
        if not _PART_NAME.fullmatch(name):
            raise ValueError(f"part name {name!r}: letters, digits and _ . - are allowed")
    manifest: dict[str, Any] = json.loads(json.dumps(entries, allow_nan=False))  # as it will be read back
    storage.require_space(folder, _size(parts))
    temporary = storage.begin_folder(folder)
    written: dict[str, Any] = {}
    for name, arrays in parts.items():
        content = _encode(name, arrays)
        storage.write_new(temporary / _file_name(name), content)
        written[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest |= {"format": FORMAT, "awac": importlib.metadata.version("awac"), "parts": written}
    manifest["sha256"] = _manifest_hash(manifest)
    storage.write_new(temporary / MANIFEST, json.dumps(manifest, indent=1, allow_nan=False).encode())
    storage.publish(temporary, folder)


def read(folder: Path) -> Archive:
    """Reads a folder, verifies it, and migrates an older format in memory; the files stay as they are.

    Raises:
        CheckpointError: a file is missing or damaged (the message names file and part), or the format is not readable.
        NewerFormatError: a later version of awac wrote it.
    """
    manifest = read_manifest(folder)
    if manifest["format"] > FORMAT:
        raise NewerFormatError(
            f"{folder} has format {manifest['format']} (awac {manifest.get('awac', 'unknown')}); this awac "
            f"{importlib.metadata.version('awac')} reads formats up to {FORMAT}: a newer awac is needed"
        )
    parts: Parts = {name: _read_part(folder, name, entry) for name, entry in manifest["parts"].items()}
    for version in range(manifest["format"], FORMAT):
        if version not in MIGRATIONS:
            raise CheckpointError(f"{folder} has format {version}, which awac with format {FORMAT} no longer reads")
        parts, manifest = MIGRATIONS[version](parts, manifest)
    return Archive(parts, manifest)


def read_manifest(folder: Path) -> Manifest:
    """Reads and verifies the manifest alone, of whatever format.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    path = folder / MANIFEST
    try:
        parsed: object = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: the manifest cannot be read: {error}") from error
    if not isinstance(parsed, dict):
        raise CheckpointError(f"{path}: the manifest is not a JSON object")
    manifest = cast(dict[str, Any], parsed)
    if manifest.get("sha256") != _manifest_hash(manifest):
        raise CheckpointError(f"{path}: the manifest does not match its own SHA-256")
    if not isinstance(manifest.get("format"), int) or not isinstance(manifest.get("parts"), dict):
        raise CheckpointError(f"{path}: the manifest names no format or no parts")
    return manifest


def _read_part(folder: Path, name: str, entry: Any) -> Arrays:
    named = _PART_NAME.fullmatch(name) is not None
    if not named or not isinstance(entry, dict) or "bytes" not in entry or "sha256" not in entry:
        raise CheckpointError(f"{folder / MANIFEST}: part {name!r} is no plain file name with its length and SHA-256")
    path = folder / _file_name(name)
    try:
        size = path.stat().st_size  # before reading, so that a wrong file costs no memory
        if size != entry["bytes"]:
            raise CheckpointError(f"{path}: part {name!r} has {size} bytes, the manifest says {entry['bytes']}")
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: part {name!r} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise CheckpointError(f"{path}: part {name!r} does not match its SHA-256; the file is damaged")
    try:
        return safetensors.numpy.load(content)
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path}: part {name!r} is no safetensors file: {error}") from error


def _encode(part: str, arrays: Arrays) -> bytes:
    # safetensors copies raw memory: it must be contiguous and little-endian, or the bytes would be others.
    native = {name: np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C") for name, array in arrays.items()}
    try:
        return safetensors.numpy.save(native)
    except safetensors.SafetensorError as error:
        raise TypeError(f"part {part!r}: {error}") from error


def _manifest_hash(manifest: Manifest) -> str:
    content = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _size(parts: Parts) -> int:
    arrays = [array for part in parts.values() for array in part.values()]
    return sum(array.nbytes for array in arrays) + _HEADER_ROOM * (len(parts) + 1)


def _file_name(part: str) -> str:
    return part + ".safetensors"
