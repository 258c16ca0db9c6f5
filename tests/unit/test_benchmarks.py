"""What `make bench` writes, and the operations it counts. Nothing here measures time."""

import json

import numpy as np
import pytest
from rich.console import Console

from benchmarks import flops
from benchmarks.entry import FIELDS, Entry, Measurement, compare, missing, table, write
from benchmarks.rounds import alternate
from benchmarks.workload import PAPER, Workload, transitions


def test_operations_of_a_small_network_by_hand():
    # 3 -> 4 -> 2 on 5 rows: 5 * (3*4 + 4*2) = 100 multiply-adds forward
    assert flops.forward(5, (3, 4, 2)) == 200
    # weights: the same 100; input of the second layer: 5 * 4*2 = 40; input of the first: not needed
    assert flops.backward(5, (3, 4, 2)) == 280


def test_operations_of_an_update_by_hand():
    small = Workload(observation=3, action=2, hidden=(4,), critics=2, batch=5)
    actor, critic = 2 * 5 * (3 * 4 + 4 * 2), 2 * 5 * (5 * 4 + 4 * 1)
    forward = 2 * actor + 3 * 2 * critic
    backward = (actor + 2 * 5 * 4 * 2) + 2 * (critic + 2 * 5 * 4 * 1)
    assert sum(flops.awac_update(small).values()) == forward + backward


def test_operations_of_rlpd_by_hand():
    small = Workload(observation=3, action=2, hidden=(4,), batch=5)
    actor, critic = 2 * 5 * (3 * 4 + 4 * 4), 2 * 5 * (5 * 4 + 4 * 1)
    of_critics = 3 * critic + 2 * 5 * 4 * 1  # stored action, targets, gradients of weights, and of the second layer
    of_policy = 2 * actor + 2 * 5 * 4 * 4 + 7 * 2 * critic
    assert sum(flops.rlpd_update(small, critics=7, actor_period=2).values()) == actor + 7 * of_critics + of_policy / 2


def test_operations_at_the_sizes_of_the_paper():
    # actor 45-256-256-256-256-24: 214 272 weights; critic 69-256-256-256-256-1: 214 528
    actor, critic = 2 * 1024 * 214_272, 2 * 1024 * 214_528
    inputs = 2 * 1024 * (45 * 256 + 2 * 69 * 256)  # gradients of the networks' inputs: not computed
    total = 2 * actor + 6 * critic + 2 * (actor + 2 * critic) - inputs
    assert sum(flops.awac_update(PAPER).values()) == total
    assert total == pytest.approx(6.05e9, rel=1e-3)


def measurements():
    ours, peer = np.array([1.0, 2.0, 4.0]), np.array([3.0, 5.0, 8.0])
    return [
        compare("faster", "ms", ours, peer, peer / ours, at_least=2.0),
        compare("slower", "ms", ours, peer, ours / peer, at_most=0.3),
        missing("alone", "ms", ours, at_least=1.0),
        Measurement(Entry("target", 1500.0, None, 1.5, "us"), None, at_least=1.0),
    ]


def test_medians_and_quartiles_over_the_rounds():
    faster = measurements()[0]
    assert faster.entry == Entry("faster", 2.0, 5.0, 2.5, "ms")
    assert faster.quartiles == pytest.approx((2.25, 2.75))


def test_whether_the_target_is_met():
    assert [measurement.met for measurement in measurements()] == [True, False, None, True]


def test_the_written_entries_have_exactly_the_agreed_fields(tmp_path):
    path = tmp_path / "latest.json"
    write(measurements(), path)
    entries = json.loads(path.read_text())
    assert [tuple(entry) for entry in entries] == [FIELDS] * 4
    assert entries[2] == {"name": "alone", "ours": 2.0, "peer": None, "ratio": None, "unit": "ms"}


def test_the_table_shows_every_entry():
    console = Console(width=100)
    with console.capture() as capture:
        console.print(table(measurements()))
    text = capture.get()
    assert all(word in text for word in ("faster", "slower", "alone", "target", ">= 2", "<= 0.3"))


def test_subjects_take_turns_and_the_first_round_does_not_count():
    calls = []

    def subject(name):
        calls.append(name)
        return float(len(calls))

    seconds = alternate({name: lambda name=name: subject(name) for name in ("a", "b")}, rounds=2)
    assert calls == ["b", "a", "a", "b", "b", "a"]
    assert seconds["a"].tolist() == [3.0, 6.0]
    assert seconds["b"].tolist() == [4.0, 5.0]


def test_transitions_have_the_sizes_of_the_workload():
    drawn = transitions(Workload(observation=3, action=2), count=7, seed=0)
    shapes = {name: array.shape for name, array in drawn.items()}
    assert shapes == {
        "observations": (7, 3),
        "actions": (7, 2),
        "rewards": (7,),
        "next_observations": (7, 3),
        "terminated": (7,),
    }
    assert {array.dtype for array in drawn.values()} == {np.dtype(np.float32), np.dtype(bool)}
