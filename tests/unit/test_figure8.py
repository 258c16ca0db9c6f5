"""The rows of Figure 8, as the paper prints them."""

import re

import pytest
from rich.cells import cell_len

from awac import cli
from awac.algorithms import ALGORITHMS
from awac.commands.figure8 import command
from awac.errors import ConfigError
from awac.figure8 import HEADINGS, Row, table

# Nair et al. 2020, Figure 8, in our letters: Q^pi for the current policy, Q for the projection's target
PAPER = {
    "sac": Row("SAC", "Q^pi", "D(pi||Qbar)", "No", "None"),
    "bcq": Row("BCQ", "Q^pi", "D(pi||Qbar)", "Yes", "Support (linf)"),
    "bear": Row("BEAR", "Q^pi", "D(pi||Qbar)", "Yes", "Support (MMD)"),
    "brac": Row("BRAC", "Q^pi", "D(pi||Qbar)", "Yes", "Explicit KL penalty"),
    "sac_bc": Row("SAC+BC", "Q^pi", "Mixed", "No", "None"),
    "awr": Row("AWR", "Q^beta", "D(Qbar||pi)", "No", "Implicit"),
    "mpo": Row("MPO", "Q^pi", "D(Qbar||pi)", "Yes*", "Prior"),
    "abm": Row("ABM-MPO", "Q^pi", "D(Qbar||pi)", "Yes", "Learned prior"),
    "dapg": Row("DAPG", "-", "J(pi)", "No", "None"),
    "awac": Row("AWAC", "Q^pi", "D(Qbar||pi)", "No", "Implicit"),
}


@pytest.mark.parametrize("name", PAPER)
def test_row_is_the_papers(name):
    assert ALGORITHMS[name].row == PAPER[name]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_row_tells_what_the_method_has(name):
    """A method with no critic names no Q-function, one with no behaviour loss fits no model of the data."""
    algorithm = ALGORITHMS[name]
    assert algorithm.name == name
    assert all(algorithm.row[:-1])
    assert (algorithm.row.q_function == "-") == (algorithm.critic is None)
    assert (algorithm.row.behavior_model == "Yes") == (algorithm.behavior is not None)  # "Yes*": MPO's own slow policy


def test_rows_are_told_apart():
    assert len({algorithm.row.name for algorithm in ALGORITHMS.values()}) == len(ALGORITHMS)


# the same rows as a reader sees them, in the order and the symbols of the paper
PRINTED = """
SAC      | Q^\u03c0 | D(\u03c0\u2016Q\u0304) | No   | None          | paper
SAC+BC   | Q^\u03c0 | Mixed  | No   | None          | paper
BCQ      | Q^\u03c0 | D(\u03c0\u2016Q\u0304) | Yes  | Support (\u2113\u221e)  | paper
BEAR     | Q^\u03c0 | D(\u03c0\u2016Q\u0304) | Yes  | Support (MMD) | paper
AWR      | Q^\u03b2 | D(Q\u0304\u2016\u03c0) | No   | Implicit      | paper
MPO      | Q^\u03c0 | D(Q\u0304\u2016\u03c0) | Yes* | Prior         | paper
ABM-MPO  | Q^\u03c0 | D(Q\u0304\u2016\u03c0) | Yes  | Learned prior | paper
DAPG     | -   | J(\u03c0)   | No   | None          | paper
BRAC     | Q^\u03c0 | D(\u03c0\u2016Q\u0304) | Yes  | Explicit KL penalty | paper
AWAC     | Q^\u03c0 | D(Q\u0304\u2016\u03c0) | No   | Implicit      | paper
"""


def printed_rows(capsys, *arguments):
    """The cells of each line of `awac figure8`; no cell has two blanks."""
    assert cli.dispatch(cli.COMMANDS, ["figure8", *arguments], "awac") == 0
    return [tuple(re.split(" {2,}", line)) for line in capsys.readouterr().out.splitlines()]


def test_the_printed_table_is_the_papers(capsys):
    """Every row of the figure, where its method is there; all other rows say that they are ours."""
    expected = {tuple(cell.strip() for cell in line.split("|")) for line in PRINTED.strip().splitlines()}
    heading, *rows = printed_rows(capsys)
    assert heading == HEADINGS
    assert len(rows) == len(ALGORITHMS)
    registered = {algorithm.row.name for algorithm in ALGORITHMS.values()}
    assert {row for row in rows if row[-1] == "paper"} == {row for row in expected if row[0] in registered}
    assert {row[-1] for row in rows} <= {"paper", "ours"}


def test_columns_stand_under_their_headings(capsys):
    cli.dispatch(cli.COMMANDS, ["figure8"], "awac")
    lines = capsys.readouterr().out.splitlines()
    places = {cell_len(line[: line.rindex("  ")]) for line in lines}
    assert len(places) == 1, "the last column begins where it begins, also behind signs that take no room"


def test_the_table_takes_no_arguments():
    with pytest.raises(ConfigError, match="figure8 takes no arguments, not '--colour red'"):
        command(["--colour", "red"])


def test_the_table_has_a_help(capsys):
    assert cli.dispatch(cli.COMMANDS, ["figure8", "--help"], "awac") == 0
    assert capsys.readouterr().out.startswith("usage: awac figure8\n")


def test_cells_have_the_papers_symbols():
    _, row = table([Row("X", "Q^beta", "D(pi_beta||pi)", "No", "Support (linf)", ours=True)])
    assert row == ("X", "Q^\u03b2", "D(\u03c0\u03b2\u2016\u03c0)", "No", "Support (\u2113\u221e)", "ours")
