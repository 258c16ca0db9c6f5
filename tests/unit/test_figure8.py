"""The rows of Figure 8, as the paper prints them."""

import pytest

from awac.algorithms import ALGORITHMS
from awac.figure8 import Row

# Nair et al. 2020, Figure 8, in our letters: Q^pi for the current policy, Q for the projection's target
PAPER = {
    "sac": Row("SAC", "Q^pi", "D(pi||Qbar)", "No", "None"),
    "bcq": Row("BCQ", "Q^pi", "D(pi||Qbar)", "Yes", "Support (linf)"),
    "bear": Row("BEAR", "Q^pi", "D(pi||Qbar)", "Yes", "Support (MMD)"),
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
