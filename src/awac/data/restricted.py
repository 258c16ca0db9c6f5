"""Old research data are pickles; this file reads them without running them.

It is the only place in the project that unpickles. The allow-list below holds what NumPy arrays and plain containers
need, and not even those are NumPy's own functions: each is replaced by one that checks sizes and types first. Any
other name in the file, and so anything that could run code, is refused before it is looked up.
"""

import io
import pickle
import pickletools
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from awac.data.hdf5 import allowed_bytes
from awac.errors import DataError

MAGIC = b"\x93NUMPY"
TYPES = re.compile(r"[<>|=]?([?]|[biuf][1248]?|b1|[SU]\d{1,6}|O8?)")  # numbers, short text, objects
# What a broken or hostile stream makes the unpickler, or the replacements below, raise.
BROKEN = (
    pickle.UnpicklingError, ValueError, TypeError, KeyError, IndexError, EOFError, AttributeError, ImportError,
    OverflowError, MemoryError, RecursionError,
)  # fmt: skip


class _Type:
    """Stands for `numpy.dtype` until it is needed; never NumPy's own parser of a stranger's state."""

    def __init__(self, name: object, *_: object) -> None:
        if not isinstance(name, str) or not TYPES.fullmatch(name):
            raise pickle.UnpicklingError(f"array type {name!r} is not allowed: only numbers, text and objects are read")
        self.dtype: np.dtype[Any] = np.dtype(name)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if len(state) < 5 or any(part is not None for part in state[2:5]):
            raise pickle.UnpicklingError("structured array types are not read")
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array(np.ndarray[Any, Any]):
    """An array whose state is checked before NumPy sees it."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - laxer
        shape, kind, fortran, raw = state[-4:]
        if not isinstance(kind, _Type):
            raise pickle.UnpicklingError("an array without a type")
        shape, raw = _consistent(shape, kind.dtype, raw)
        checked: Any = (1, shape, kind.dtype, bool(fortran), raw)
        np.ndarray.__setstate__(self, checked)


def _consistent(shape: Any, dtype: np.dtype[Any], raw: Any) -> tuple[tuple[int, ...], Any]:
    """The shape and the contents of an array, after they were found to agree."""
    shape = tuple(int(length) for length in shape)
    count = 1
    for length in shape:
        count *= length
    if isinstance(raw, str):  # a Python 2 pickle: bytes arrive as latin-1 text
        raw = raw.encode("latin-1")
    size = len(raw)
    expected = count if dtype.hasobject else count * dtype.itemsize
    if min(shape, default=0) < 0 or size != expected or isinstance(raw, list) != dtype.hasobject:
        raise pickle.UnpicklingError(f"an array of shape {shape} and type {dtype} with {size} of {expected} parts")
    return shape, raw


def _empty_array(kind: object, shape: object, *_: object) -> _Array:
    if kind is not _Array or shape != (0,):
        raise pickle.UnpicklingError("an array that does not begin empty")
    return np.ndarray.__new__(_Array, (0,))


def _array_from_buffer(buffer: Any, kind: Any, shape: Any, order: str) -> np.ndarray:
    shape, raw = _consistent(shape, kind.dtype, bytes(buffer))
    return np.frombuffer(raw, kind.dtype).reshape(shape, order="F" if order == "F" else "C")


def _scalar(kind: Any, raw: Any) -> Any:
    _, raw = _consistent((), kind.dtype, raw)
    return np.frombuffer(raw, kind.dtype)[0]


def _encode(text: Any, encoding: str = "latin1") -> bytes:
    """How Python 3 writes bytes in the old protocols."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"encoding {encoding!r} is not allowed")
    return str(text).encode("latin-1")


ALLOWED: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _array_from_buffer,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): OrderedDict,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """Only the allow-list; nothing is imported."""
        name = (module_name.replace("numpy._core", "numpy.core"), global_name)
        if name not in ALLOWED:
            raise pickle.UnpicklingError(
                f"it asks for {module_name}.{global_name}; only NumPy arrays and plain containers are read"
            )
        return ALLOWED[name]


def load(path: Path) -> Any:
    """Reads a pickle, or a `.npy` file of objects.

    Returns:
        Lists, tuples, dictionaries, numbers, text and NumPy arrays.

    Raises:
        DataError: the file is damaged, asks for anything else, or declares more than it holds. Nothing of it ran.
    """
    try:
        size = path.stat().st_size
        if size > allowed_bytes(size):
            raise DataError(f"{path}: {size} bytes do not fit into the memory that is free")
        with path.open("rb") as file:
            shape = _object_header(path, file)
            content = file.read()
    except OSError as error:
        raise DataError(f"{path}: {error}") from error
    try:
        _check_sizes(content)
        found = _Unpickler(io.BytesIO(content), encoding="latin1").load()
        if (unpacked := _unpacked(found, {})) > allowed_bytes(size):
            raise pickle.UnpicklingError(f"{size} bytes whose lists, one inside the other, stand for {unpacked} bytes")
    except BROKEN as error:
        raise DataError(f"{path}: refused: {error or type(error).__name__}") from error
    if shape is not None and getattr(found, "shape", None) != shape:
        raise DataError(f"{path}: the header says shape {shape}, the contents have {getattr(found, 'shape', None)}")
    return found


def _object_header(path: Path, file: BinaryIO) -> tuple[int, ...] | None:
    """The shape that a `.npy` header declares, None for a bare pickle; leaves the file where the pickle begins."""
    if file.read(len(MAGIC)) != MAGIC:
        file.seek(0)
        return None
    file.seek(0)
    formats = np.lib.format
    try:
        version = formats.read_magic(file)
        read = formats.read_array_header_1_0 if version == (1, 0) else formats.read_array_header_2_0
        shape, _, dtype = read(file)
    except (ValueError, EOFError) as error:
        raise DataError(f"{path}: not a valid .npy header: {error}") from error
    if not dtype.hasobject:
        raise DataError(f"{path}: expected an array of objects (episodes), found {dtype} of shape {shape}")
    return shape


def _unpacked(value: Any, known: dict[int, int]) -> int:
    """Bytes of the arrays that a value becomes; a list that stands in many places is stored once and copied to each."""
    parts = _parts(value)
    if parts is None:
        return 4 * len(value) if isinstance(value, str | bytes) else getattr(value, "nbytes", 8)
    if id(value) not in known:
        sizes = [8 if type(part) is float else _unpacked(part, known) for part in parts]
        widest = max((len(part) for part in parts if isinstance(part, str)), default=0)
        known[id(value)] = max(
            sum(sizes), 4 * widest * len(sizes)
        )  # in an array, every text has the longest one's room
    return known[id(value)]


def _parts(value: Any) -> list[Any] | None:
    """What a container holds; None where the value is none."""
    if isinstance(value, np.ndarray):
        array = cast("np.ndarray", value)
        return list(array.flat) if array.dtype.hasobject else None
    if isinstance(value, dict):
        return list(cast("dict[Any, Any]", value).values())
    return list(cast("list[Any]", value)) if isinstance(value, list | tuple) else None


def _check_sizes(content: bytes) -> None:
    """Refuses lengths and memory slots that the stream could not fill, before the unpickler reserves room for them."""
    for opcode, argument, _ in pickletools.genops(content):
        sized = opcode.name == "FRAME" or "PUT" in opcode.name
        if sized and isinstance(argument, int) and argument > len(content):
            raise pickle.UnpicklingError(f"{opcode.name} declares {argument}, the file has {len(content)} bytes")
