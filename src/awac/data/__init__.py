"""Prior data: reading, checking, mixing, writing, importing.

The names below load on first use, so that the command line can describe its options without opening HDF5.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from awac.data.dataset import Dataset, Episode
    from awac.data.sources import load
    from awac.data.validate import check
    from awac.data.writer import append, write

__all__ = ["Dataset", "Episode", "append", "check", "load", "write"]

_HOMES = {"Dataset": "dataset", "Episode": "dataset", "load": "sources", "check": "validate"} | dict.fromkeys(
    ("append", "write"), "writer"
)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
