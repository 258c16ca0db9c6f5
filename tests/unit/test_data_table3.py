"""Table III: what demonstrations are worth, and what cloning makes of them."""

import json

import numpy as np
import pytest

from awac.cli import main
from awac.data import load, table3
from awac.data.dataset import Episode
from awac.data.table3 import COLUMNS, ROWS, Protocol, Task, cells, demonstrations_of, quality, row
from awac.envs.pointmass import optimal_action
from awac.errors import ConfigError

ENV = "awac/PointMass-v0"
SMALL = ("--updates", "3", "--episodes", "2")


@pytest.fixture
def point(tmp_path, monkeypatch):
    """A quick task in the table whose demonstrations the user has to bring, and a folder with some."""
    monkeypatch.setitem(ROWS, "point", Task(ENV, roll_outs=3, paper=(1, 0.5, 0.25)))
    folder = tmp_path / "demonstrations"
    assert main(["data", "collect", "--env", ENV, "--to", str(folder), "--episodes", "4"]) == 0
    return str(folder)


def episode(rewards, success=None):
    count = len(rewards)
    over = np.arange(count) == count - 1
    infos = {} if success is None else {"success": np.array(success)}
    return Episode(
        observations=np.zeros((count + 1, 1), np.float32),
        actions=np.zeros((count, 1), np.float32),
        rewards=np.array(rewards, np.float32),
        terminated=np.zeros(count, bool),
        truncated=over,
        infos=infos,
    )


def test_quality_is_return_and_success_at_the_last_step():
    found = quality([episode([1, 2], [True, False]), episode([3, 4], [False, True])])
    assert found["episodes"] == 2
    assert found["return"] == [5.0, 3.0, 7.0]
    assert found["success"] == [0.5, 0.0, 1.0]
    assert "success" not in quality([episode([1.0])])


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("halfcheetah", (9962, 2507, 4524)),
        ("walker2d", (5062, 2040, 1701)),
        ("ant", (5207, 687, 1704)),
        ("pen", (1, 0.73, 0.76)),
        ("door", (1, 0.10, 0.00)),
        ("relocate", (1, 0.02, 0.01)),
        ("drawer", ()),
    ],
)
def test_the_papers_figures(name, figures):
    assert ROWS[name].paper == figures


def test_a_row_clones_twice(point, monkeypatch):
    shown, learned = load([point]), []

    class Learner:
        """The optimum in place of a network, to know what its episodes are worth."""

        def policy(self, card):
            return self

        def save(self, folder):
            pass

        def act(self, observations, deterministic, generator=None):
            assert deterministic == (generator is None)
            return optimal_action(observations)

    def clone_policy(dataset, env_id, steps, seed):
        learned.append([len(one) for one in dataset.episodes])
        return Learner()

    monkeypatch.setattr("awac.clone.clone_policy", clone_policy)
    monkeypatch.setattr("awac.runtime.Policy.load", lambda _: Learner())
    found = row("point", Protocol(7, 2, demonstrations={"point": point}))
    assert [len(lengths) for lengths in learned] == [4, 7]  # demonstrations; then these and three roll-outs
    assert learned[1][:4] == [len(one) for one in shown.episodes]
    assert found["expert"] == quality(list(shown.episodes))
    assert [found[column]["episodes"] for column in (*COLUMNS, "roll-outs")] == [4, 2, 2, 3]
    assert found["BC(1)"] == found["BC(2)"]  # both are the optimum, judged in the same episodes
    assert found["BC(1)"]["return"][0] > found["expert"]["return"][0]
    assert found["paper"] == {"expert": 1, "BC(1)": 0.5, "BC(2)": 0.25}


def test_the_command(point, tmp_path, capsys, quick_compilation):
    output = tmp_path / "rows.json"
    command = ["data", "table3", "--tasks", "point", "--demonstrations", "point", point, "--output", str(output)]
    assert main([*command, *SMALL]) == 0
    assert "1, 0.5, 0.25" in capsys.readouterr().out
    (made,) = json.loads(output.read_text()).values()
    assert made["BC(2)"]["episodes"] == 2
    again = output.read_text().replace('"env_id": "awac/', '"env_id": "kept/')
    output.write_text(again)
    assert main([*command, *SMALL]) == 0
    assert output.read_text() == again, "a row that was there was made again"
    assert main([*command, *SMALL, "--seed", "1"]) == 0
    assert len(json.loads(output.read_text())) == 2


def test_rows_without_demonstrations_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(table3, "ROWS", {"door": ROWS["door"], "walker2d": ROWS["walker2d"]})
    made = table3.made_rows((), Protocol(experts=tmp_path))
    assert made.row_count == 0
    assert "awac has no demonstrations" in str(made.caption)
    assert "no expert policy of walker2d" in str(made.caption)


def test_scripted_experts_demonstrate():
    shown = demonstrations_of("drawer", Protocol())
    assert len(shown.episodes) == 10
    assert quality(list(shown.episodes))["success"][0] == 1.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tasks", "pne"], "'pne' is not in the table"),
        (["--tasks", "door"], "import some for awac/DoorBinary-v0"),
        (["--demonstrations", "pne", "x"], "'pne' is not in the table"),
        (["--updates", "0"], "updates is 0; allowed: 1 or more"),
        (["--episodes", "0"], "episodes is 0; allowed: 1 or more"),
        (["--tasks", "pen", "--output", "broken.json"], "broken.json: cannot be read"),
    ],
)
def test_what_is_not_possible(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("[1")
    assert main(["data", "table3", *arguments]) == ConfigError.exit_code
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_row_in_words():
    found = {
        "task": "pen",
        "expert": {"return": [-30.0, -31.0, -29.0], "success": [1.0, 1.0, 1.0]},
        "BC(1)": {"return": [-50.0, -60.0, -40.0]},
        "BC(2)": {"return": [0.0, 0.0, 0.0]},
        "paper": {},
    }
    assert cells(found)[1:3] == ["1.00 (1.00 to 1.00); return -30.0 (-31.0 to -29.0)", "-50.0 (-60.0 to -40.0)"]
    assert cells(found)[-1] == "-"
