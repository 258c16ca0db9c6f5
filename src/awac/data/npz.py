"""Reading `.npz` archives of unknown origin: sizes are compared before anything is unpacked, objects are refused."""

import lzma
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np

from awac.data.hdf5 import COMPRESSION, SLACK, allowed_bytes
from awac.errors import DataError

BROKEN = (OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError)  # if damaged

HEADER_LIMIT = 64 * 1024  # bytes of a .npy header; real ones have 128


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an archive.

    Raises:
        DataError: no archive, damaged, a member outside of it (`../`), pickled objects, or sizes that do not add up.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            remaining = allowed_bytes(path.stat().st_size)
            arrays: dict[str, np.ndarray] = {}
            for info in archive.infolist():
                _check_member(path, info, remaining)
                remaining -= info.file_size
                name = info.filename.removesuffix(".npy")
                if name in arrays:
                    raise DataError(f"{path}: member {info.filename!r} is there twice")
                arrays[name] = _read_member(path, archive, info)
            return arrays
    except BROKEN as error:
        raise DataError(f"{path}: not a readable .npz archive: {error}") from error


def _check_member(path: Path, info: zipfile.ZipInfo, remaining: int) -> None:
    place = PurePosixPath(info.filename.replace("\\", "/"))
    if len(place.parts) != 1 or ".." in place.parts or place.is_absolute() or place.suffix != ".npy":
        raise DataError(f"{path}: member {info.filename!r} is refused; expected plain names such as 'actions.npy'")
    if info.file_size > min(remaining, COMPRESSION * info.compress_size + SLACK):
        raise DataError(
            f"{path}: member {info.filename!r} unpacks from {info.compress_size} to {info.file_size} bytes; "
            f"at most {COMPRESSION} times as much, and {remaining} bytes in all, are read"
        )


def _read_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    formats = np.lib.format
    with archive.open(info) as member:
        version = formats.read_magic(member)
        read = formats.read_array_header_1_0 if version == (1, 0) else formats.read_array_header_2_0
        shape, fortran, dtype = read(member, max_header_size=HEADER_LIMIT)
        if dtype.hasobject:
            raise DataError(f"{path}: member {info.filename!r} holds pickled objects, which are not read from archives")
        declared = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if declared != info.file_size - member.tell():
            held = info.file_size - member.tell()
            raise DataError(
                f"{path}: member {info.filename!r} declares shape {shape}, {declared} bytes; the archive holds {held}"
            )
        content = np.frombuffer(member.read(declared), dtype)
    return content.reshape(shape, order="F" if fortran else "C")
