"""Rewards that stand one step off: found where something can tell, said where nothing can, and moved when asked."""

import json
import logging

import numpy as np
import pytest

from awac.cli import main
from awac.data import load
from awac.data.dataset import Dataset, Episode
from awac.data.repair import Repair
from awac.data.validate import check, examine
from awac.data.writer import write
from awac.errors import ConfigError
from tests.unit.recordings import flat, imported, recorded

LENGTH = 50


def distance(actions, observations):
    return -np.linalg.norm(observations[:, :2] - observations[:, 2:], axis=1)


def cost(actions, observations):
    return distance(actions, observations) - np.square(actions).sum(axis=1)


def noise(actions, observations):
    return np.random.default_rng(len(observations)).normal(size=len(observations))


def reaching(reward, shift=0, count=40, length=LENGTH):
    """A point that is pushed about, its goal in the observation; the rewards come `shift` steps late."""
    episodes = []
    for index in range(count):
        generator = np.random.default_rng(index)
        actions = generator.uniform(-1, 1, (length, 2)).astype(np.float32)
        points = generator.uniform(-1, 1, 2) + 0.1 * np.cumsum(np.vstack([np.zeros((1, 2)), actions]), axis=0)
        goal = np.broadcast_to(generator.uniform(-1, 1, 2), points.shape)
        observations = np.concatenate([points, goal], axis=1).astype(np.float32)
        rewards = np.roll(reward(actions, observations[1:]), shift).astype(np.float32)
        last = np.arange(length) == length - 1
        episodes.append(Episode(observations, actions, rewards, np.zeros(length, bool), last))
    return Dataset(tuple(episodes), "log", {}, -np.ones(2, np.float32), np.ones(2, np.float32))


@pytest.mark.parametrize("reward", [distance, cost])
@pytest.mark.parametrize(
    ("shift", "found", "repair"), [(1, {"rewards-late"}, -1), (-1, {"rewards-early"}, 1), (0, set(), None)]
)
def test_a_shift_of_dense_rewards_is_found_and_repaired(reward, shift, found, repair):
    data = reaching(reward, shift)
    report = check(data)
    assert ({problem.code for problem in report.warnings}, report.notes) == (found, ())
    if repair:
        assert f"(--shift-rewards {repair})" in report.warnings[0].message
        assert check(data, repair=Repair(shift_rewards=repair)).warnings == ()


def test_what_cannot_be_checked_is_a_note():
    report = check(reaching(noise))
    (note,) = report.notes
    assert (note.code, note.field, report.warnings) == ("rewards-unchecked", "rewards", ())
    assert "--env or --relabel" in note.message
    assert "by regression on observations and actions, the step before, the step itself and" in note.message
    assert f"note: {note}" in report.lines()
    assert json.loads(json.dumps(report.to_json()))["notes"][0]["code"] == "rewards-unchecked"
    (note,) = check(reaching(distance, count=1)).notes
    assert "48 steps with 4 observations each are no sample for a regression" in note.message


def test_where_a_task_is_known_or_nothing_is_paid_there_is_no_note():
    assert check(reaching(noise), task=lambda observations: np.zeros(len(observations))).notes == ()
    assert check(reaching(lambda actions, observations: np.zeros(len(actions)))).notes == ()


def test_a_note_is_not_said_when_data_are_loaded(tmp_path, caplog):
    write(reaching(noise), tmp_path / "data")
    with caplog.at_level(logging.WARNING):
        load([str(tmp_path / "data")])
    assert caplog.text == ""


@pytest.mark.parametrize(("shift", "first", "last"), [(-1, 0, LENGTH - 1), (1, 1, LENGTH)])
def test_a_shift_moves_rewards_alone_and_drops_the_step_without(shift, first, last):
    data = reaching(distance, count=3)
    repaired, report = examine(data, repair=Repair(shift_rewards=shift))
    for episode, before in zip(repaired.episodes, data.episodes, strict=True):
        np.testing.assert_array_equal(episode.rewards, before.rewards[first - shift : last - shift])
        np.testing.assert_array_equal(episode.observations, before.observations[first : last + 1])
        np.testing.assert_array_equal(episode.actions, before.actions[first:last])
        assert episode.truncated.tolist() == [False] * (LENGTH - 2) + [True]
    place = "last" if shift < 0 else "first"
    assert f"the {place} step of each episode, left without a reward, was dropped" in report.repairs[0]


@pytest.mark.parametrize(("successors", "ends"), [(True, (False, True)), (False, (True, False))])
def test_a_termination_goes_with_its_step_unless_the_step_goes_nowhere(tmp_path, successors, ends):
    """Without successors the last row's observation is the episode's last, and what the row says of the end stays."""
    arrays = flat(recorded((6, 5)), terminated=(0, 1), successors=successors)
    arrays["terminated"] = arrays.pop("terminals")
    np.savez(tmp_path / "log.npz", **arrays)
    dataset, report = imported(tmp_path / "log.npz", repair=Repair(shift_rewards=-1))
    assert [len(episode) for episode in dataset.episodes] == [5, 4]
    for episode, before in zip(dataset.episodes, recorded((6, 5)), strict=True):
        np.testing.assert_array_equal(episode.rewards, before["rewards"][1:].astype(np.float32))
        assert (episode.terminated[-1], episode.truncated[-1]) == ends
    assert any("and 2 terminations with it" in line for line in report.repairs) == successors


def test_the_command_line_takes_a_shift(tmp_path, capsys):
    write(reaching(distance, shift=1), tmp_path / "late")
    late, good = str(tmp_path / "late"), str(tmp_path / "good")
    assert main(["data", "import", late, "--to", good, "--shift-rewards", "-1"]) == 0
    assert "repaired: rewards: moved to the step before" in capsys.readouterr().out
    assert main(["data", "check", good]) == 0
    assert "rewards-" not in capsys.readouterr().out
    assert main(["data", "check", late, "--shift-rewards", "1", "--relabel", "awac/PointMass-v0"]) == 2
    assert "allowed: one of them" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="shift_rewards is 2; allowed: -1"):
        Repair(shift_rewards=2)
