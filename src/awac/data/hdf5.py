"""Reading HDF5 files of unknown origin: nothing is followed out of the file, nothing is allocated on its word alone."""

import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from awac.errors import DataError

h5py: Any = import_module("h5py")  # it ships no types: one Any here instead of an unknown on every line

COMPRESSION = 100  # times the file's size that its arrays may declare; real logs compress below 20 times
SLACK = 64 * 1024**2  # bytes that any file may declare: small files of constants compress further
DEPTH = 8  # of groups in groups
ENTRY = 64  # bytes that the name of an array or group counts for


def allowed_bytes(file_size: int) -> int:
    """How many bytes of arrays a file of `file_size` bytes may declare."""
    return min(COMPRESSION * file_size + SLACK, psutil.virtual_memory().available)


@dataclass
class Reader:
    """Reads arrays of one open file and keeps account of the bytes they declare.

    Attributes:
        path: the file, for messages.
        file: the open `h5py.File`.
        remaining: bytes that may still be declared.
    """

    path: Path
    file: Any
    remaining: int

    def members(self, group: Any) -> list[str]:
        """The names in a group; refuses arrays in its place, and links, which may lead out of the file."""
        if not isinstance(group, h5py.Group):
            raise DataError(f"{self.path}: {group.name} is an array, expected a group")
        names = list(group)
        self.remaining -= ENTRY * len(names)
        if self.remaining < 0:
            raise DataError(f"{self.path}: {group.name} holds more than a file of this size can")
        if any(isinstance(name, bytes) for name in names):
            raise DataError(f"{self.path}: {group.name}: a name in it is no UTF-8")
        links = group.id.links
        for name in names:
            if links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
                raise DataError(f"{self.path}: {group.name}/{name} is a link; only data inside the file is read")
        return names

    def array(self, group: Any, name: str) -> np.ndarray:
        """One array, after its declared size was compared with the file's.

        HDF5's own calls, because a dataset of many short episodes is tens of thousands of small arrays.
        """
        dataset = h5py.h5d.open(group.id, name.encode())
        place = f"{self.path}: {group.name}/{name}"
        settings = dataset.get_create_plist()
        if settings.get_external_count() or settings.get_layout() == h5py.h5d.VIRTUAL:
            raise DataError(f"{place} keeps its data in another file; only data inside is read")
        shape, dtype = dataset.shape, dataset.dtype
        declared = math.prod(shape) * dtype.itemsize
        if declared > self.remaining:
            raise DataError(
                f"{place} declares shape {shape}, {declared} bytes; a file of this size may declare at most "
                f"{self.remaining} more"
            )
        if dtype.hasobject:
            return np.asarray(group[name][()])  # text of any length: no number, which the caller will say
        self.remaining -= declared
        content = np.empty(shape, dtype)
        if declared:
            dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, content)
        return content

    def tree(self, group: Any, depth: int = 0) -> dict[str, Any]:
        """A group as nested dictionaries of arrays; refuses groups that hold themselves, which HDF5 allows."""
        if depth > DEPTH:
            raise DataError(f"{self.path}: {group.name} is nested more than {DEPTH} deep")
        return {name: self.node(group, name, depth) for name in self.members(group)}

    def node(self, group: Any, name: str, depth: int = 0) -> Any:
        """An array, or a group as a dictionary."""
        if h5py.h5o.get_info(group.id, name.encode()).type == h5py.h5o.TYPE_GROUP:
            return self.tree(group[name], depth + 1)
        return self.array(group, name)


@contextmanager
def reading(path: Path) -> Generator[Reader, None, None]:
    """Opens a file for reading.

    Raises:
        DataError: it is missing, is no HDF5 file, is damaged, leads elsewhere or declares more than it can hold.
    """
    try:
        with h5py.File(path, "r") as file:
            yield Reader(path, file, allowed_bytes(path.stat().st_size))
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:  # all of them h5py's, for damage
        raise DataError(f"{path}: not a readable HDF5 file: {error}") from error
