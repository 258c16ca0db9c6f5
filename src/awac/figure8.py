"""Figure 8 of the paper: how a method estimates Q, improves its policy, and stays near the data."""

from collections.abc import Iterable
from typing import NamedTuple

SYMBOLS = {
    "pi_beta": "\u03c0\u03b2",
    "pi": "\u03c0",
    "beta": "\u03b2",
    "||": "\u2016",
    "Qbar": "Q\u0304",
    "linf": "\u2113\u221e",
}
HEADINGS = ("Algorithm", "Q estimated", "Policy objective", "Behavior model", "Constraint", "Source")


class Row(NamedTuple):
    """One row of Figure 8, in the paper's own words; `Qbar` is its Q with a line above: the policy exp(Q) / Z."""

    name: str
    q_function: str  # the policy whose values are estimated: Q^pi, Q^beta or -
    policy_objective: str  # the direction of the projection: D(pi||Qbar), D(Qbar||pi), J(pi), mixed
    behavior_model: str  # whether a model of the data's policy is fitted
    constraint: str  # what keeps the policy near the data
    ours: bool = False  # the paper's figure does not have it


def table(rows: Iterable[Row]) -> list[tuple[str, ...]]:
    """The figure's cells as text, headings first."""
    return [HEADINGS, *((*map(printed, row[:5]), "ours" if row.ours else "paper") for row in rows)]


def printed(cell: str) -> str:
    """A cell with the paper's symbols."""
    for word, symbol in SYMBOLS.items():
        cell = cell.replace(word, symbol)
    return cell
