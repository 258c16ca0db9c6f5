"""Reading HDF5 files of unknown origin: nothing is followed out of the file, nothing is allocated on its word alone."""

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
        """The names in a group; refuses links, which may lead out of the file."""
        names = list(group)
        links = group.id.links
        for name in names:
            if links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
                raise DataError(f"{self.path}: {group.name}/{name} is a link; only data inside the file is read")
        return names

    def array(self, dataset: Any) -> np.ndarray:
        """One array, after its declared size was compared with the file's."""
        settings = dataset.id.get_create_plist()
        if settings.get_external_count() or settings.get_layout() == h5py.h5d.VIRTUAL:
            raise DataError(f"{self.path}: {dataset.name} keeps its data in another file; only data inside is read")
        declared = int(np.prod(dataset.shape, dtype=object)) * dataset.dtype.itemsize
        if declared > self.remaining:
            raise DataError(
                f"{self.path}: {dataset.name} declares shape {dataset.shape}, {declared} bytes; "
                f"a file of this size may declare at most {self.remaining} more"
            )
        self.remaining -= declared
        return dataset[()]

    def tree(self, group: Any) -> dict[str, Any]:
        """A group as nested dictionaries of arrays."""
        return {name: self.node(group[name]) for name in self.members(group)}

    def node(self, item: Any) -> Any:
        """An array, or a group as a dictionary."""
        return self.tree(item) if isinstance(item, h5py.Group) else self.array(item)


@contextmanager
def reading(path: Path) -> Generator[Reader, None, None]:
    """Opens a file for reading.

    Raises:
        DataError: it is missing, is no HDF5 file, is damaged, leads elsewhere or declares more than it can hold.
    """
    try:
        with h5py.File(path, "r") as file:
            yield Reader(path, file, allowed_bytes(path.stat().st_size))
    except (OSError, KeyError, RuntimeError) as error:
        raise DataError(f"{path}: not a readable HDF5 file: {error}") from error
