"""The two files of a policy folder, `policy.safetensors` and `policy.json`: writing, reading, and what can be wrong.

NumPy and safetensors only, and no knowledge of what a policy is: `awac.runtime` turns these into one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as format_tensors

from awac import storage
from awac.errors import CheckpointError
from awac.scaling import Floats

FORMAT, VERSION = "awac-policy", 1
ARRAYS, DOCUMENT = "policy.safetensors", "policy.json"

Json: TypeAlias = Mapping[str, object]
Field = TypeVar("Field")


@dataclass(frozen=True)
class Fields:
    """A JSON object that knows where it stands, so that a wrong field is named with its file."""

    path: Path
    values: Json
    prefix: str = ""

    def get(self, name: str, kind: type[Field]) -> Field:
        """The field, which must be of this type; an integer is also a float, and a boolean is no number."""
        if name not in self.values:
            raise CheckpointError(f"{self.path}: field {self.prefix}{name} is missing")
        value = self.values[name]
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise CheckpointError(f"{self.path}: field {self.prefix}{name} is {value!r}; {kind.__name__} is needed")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """The field, which must be a list of texts."""
        values = cast("list[object]", self.get(name, list))
        if not all(isinstance(value, str) for value in values):
            raise CheckpointError(f"{self.path}: field {self.prefix}{name} is {values!r}; a list of texts is needed")
        return tuple(cast("list[str]", values))

    def section(self, name: str) -> Fields:
        """The field, which must be an object."""
        return Fields(self.path, cast("Json", self.get(name, dict)), f"{self.prefix}{name}.")

    def expect(self, expected: Json) -> None:
        """Refuses the file unless it has all these fields with these very values."""
        for name, value in expected.items():
            if name not in self.values or self.values[name] != value:
                said = self.values.get(name, "nothing")
                raise CheckpointError(f"{self.path}: field {self.prefix}{name} says {said}, {ARRAYS} says {value}")


@dataclass(frozen=True)
class Card:
    """What people and robots should know of a policy; it changes no action. Everything may be left out.

    Attributes:
        algorithm: Name of the algorithm that trained it.
        environment: Id of the environment that it was trained in.
        step: Environment steps of training (negative: updates before the first of them).
        control_rate: Actions per second, in hertz, that the policy expects; None if not known.
        observation_units: One text per observation column, such as "rad"; empty if not known.
        action_units: One text per action column; empty if not known.
    """

    algorithm: str = ""
    environment: str = ""
    step: int = 0
    control_rate: float | None = None
    observation_units: tuple[str, ...] = ()
    action_units: tuple[str, ...] = ()


def read_card(card: Fields) -> Card:
    """The section `card` of `policy.json`; CheckpointError if it is none."""
    return Card(
        algorithm=card.get("algorithm", str),
        environment=card.get("environment", str),
        step=card.get("step", int),
        control_rate=None if card.values.get("control_rate") is None else card.get("control_rate", float),
        observation_units=card.texts("observation_units"),
        action_units=card.texts("action_units"),
    )


def write(folder: Path, arrays: Mapping[str, Floats], document: Json) -> Path:
    """Writes both files, each whole or not at all, the document last.

    A crash between the two, over an older policy, leaves files whose fingerprints differ; reading refuses them.

    Raises:
        StorageError: The folder or a file cannot be written.
    """
    text = json.dumps({"format": FORMAT, "version": VERSION} | dict(document), indent=2) + "\n"
    storage.make_folder(folder)
    storage.write_file(folder / ARRAYS, format_tensors({name: np.asarray(array) for name, array in arrays.items()}))
    storage.write_file(folder / DOCUMENT, text.encode())
    return folder


def read(folder: Path) -> tuple[dict[str, Floats], Fields]:
    """Reads both files and checks their form: format, version, JSON, float32 arrays.

    Raises:
        CheckpointError: Something is missing, damaged, or of a newer format.
    """
    return _read_arrays(folder / ARRAYS), _read_document(folder / DOCUMENT)


def _read_document(path: Path) -> Fields:
    try:
        values: Any = json.loads(_read_bytes(path))
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, or not UTF-8
        raise CheckpointError(f"{path}: not a JSON document: {error}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: a JSON object is needed")
    fields = Fields(path, cast("Json", values))
    if fields.get("format", str) != FORMAT:
        raise CheckpointError(f"{path}: field format is {fields.get('format', str)!r}; {FORMAT!r} is needed")
    if fields.get("version", int) != VERSION:
        raise CheckpointError(f"{path}: version {fields.get('version', int)}; this awac reads version {VERSION}")
    return fields


def _read_arrays(path: Path) -> dict[str, Floats]:
    try:
        arrays = parse_tensors(_read_bytes(path))
    except (SafetensorError, KeyError) as error:  # KeyError: an element type that NumPy does not have
        raise CheckpointError(f"{path}: not a safetensors file: {error}") from error
    for name, array in arrays.items():
        if array.dtype != np.float32:
            raise CheckpointError(f"{path}: array {name} is {array.dtype}; float32 is needed")
    return cast("dict[str, Floats]", arrays)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from error
