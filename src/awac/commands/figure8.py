"""`awac figure8`: how the methods differ, in the paper's own table."""

from collections.abc import Sequence

from rich.cells import cell_len

from awac.algorithms import ALGORITHMS
from awac.errors import ConfigError
from awac.figure8 import table


def command(arguments: Sequence[str]) -> int:
    """How the methods differ: the paper's Figure 8, from the methods' own records.

    Raises:
        ConfigError: there are arguments; the command has none.
    """
    if arguments and arguments[0] in ("-h", "--help"):
        print("usage: awac figure8\n\nPrints how the methods differ, as Figure 8 of the paper; it has no options.")
        return 0
    if arguments:
        raise ConfigError(f"awac figure8 takes no arguments, not {' '.join(arguments)!r}")
    rows = table(algorithm.row for algorithm in ALGORITHMS.values())
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]  # a line over a Q takes no room
    for row in rows:
        cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())
    return 0
