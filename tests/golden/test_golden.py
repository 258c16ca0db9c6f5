"""100 seeded updates of every method give the stored numbers. Where they do not: tests/golden/regenerate.py."""

import pytest

from awac.algorithms import ALGORITHMS
from tests.golden.traces import FOLDER, TRACES, differences, read, run

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.mark.parametrize("name", TRACES)
def test_trace(name):
    assert differences(run(name), read(name)) == [], "if this is meant: python -m tests.golden.regenerate"


def test_every_method_has_a_trace_and_every_trace_a_method():
    assert {owner for owner, _ in TRACES.values()} == set(ALGORITHMS)
    assert {path.stem for path in FOLDER.glob("*.json")} == set(TRACES)


def test_a_change_of_a_third_of_a_percent_is_noticed():
    assert differences(run("awac", temperature=0.301), read("awac")) != []


def test_differences_are_relative_to_the_trace():
    trace = {"train/a": [100.0, 1.0], "train/b": [0.0, 0.0]}
    assert differences(trace, trace) == []
    assert differences({**trace, "train/a": [100.05, 1.05]}, trace) == []
    assert differences({**trace, "train/a": [100.0, 1.2]}, trace) == ["train/a: 0.002"]
    assert differences({**trace, "train/a": [float("nan"), 1.0]}, trace) == ["train/a: nan"]
    assert differences({"train/a": [100.0, 1.0]}, trace) == ["metrics: ['train/b']"]
