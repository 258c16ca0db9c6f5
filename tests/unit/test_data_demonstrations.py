"""Demonstrations in the formats that research left behind: DAPG's and the AWAC authors'."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from awac.data import load, write
from awac.data.imports import read_file
from awac.data.repair import Repair
from awac.data.validate import Spaces, check_stored
from awac.errors import DataError
from tests.unit.recordings import assert_holds, ends, imported, recorded


@pytest.mark.parametrize("protocol", [0, 2, pickle.HIGHEST_PROTOCOL])
def test_dapg_pickle(tmp_path, protocol):
    episodes = recorded((4, 6))
    paths = [
        {
            "observations": episode["observations"][:-1],
            "actions": episode["actions"],
            "rewards": episode["rewards"],
            "init_state_dict": {"qpos": np.zeros(30), "qvel": np.zeros(30)},
            "env_infos": {"goal_achieved": np.arange(len(episode["actions"])) > 1},
        }
        for episode in episodes
    ]
    path = tmp_path / "door-v0_demos.pickle"
    path.write_bytes(pickle.dumps(paths, protocol))
    dataset, report = imported(path)
    assert_holds(dataset, episodes, steps=-1)  # the last step has no successor
    assert ends(dataset) == [(False, True)] * 2
    assert dataset.episodes[1].success.tolist() == [False, False, True, True, True]
    assert "2 episodes" in report.repairs[0]
    write(dataset, tmp_path / "minari")
    assert_holds(load([str(tmp_path / "minari")]), episodes, steps=-1)


def test_a_roll_out_of_one_step_without_successor_is_left_out(tmp_path):
    path = tmp_path / "demos.pickle"
    paths = [{"observations": np.ones((n, 3)), "actions": np.ones((n, 2)), "rewards": np.ones(n)} for n in (4, 1)]
    path.write_bytes(pickle.dumps(paths))
    dataset, report = imported(path)
    assert [len(episode) for episode in dataset.episodes] == [3]
    assert "the last step of 2 episodes" in report.repairs[0]


def test_dapg_npz(tmp_path):
    episodes = recorded((4, 6))
    path = tmp_path / "demos.npz"
    np.savez(
        path,
        observations=np.concatenate([episode["observations"][:-1] for episode in episodes]),
        actions=np.concatenate([episode["actions"] for episode in episodes]),
        dense_rewards=np.concatenate([episode["rewards"] for episode in episodes]),
        episode_lengths=np.array([4, 6], np.int32),
        init_qpos=np.zeros((2, 30)),
    )
    dataset, _ = imported(path)
    assert_holds(dataset, episodes, steps=-1)
    np.savez(path, observations=np.ones((3, 1)), actions=np.ones((3, 1)), rewards=np.ones(3), episode_lengths=[2, 2])
    with pytest.raises(DataError, match="add up to 4, actions have 3 rows"):
        read_file(path)


def test_authors_npy(tmp_path):
    """Observations as lists of dictionaries, rewards one entry longer than actions."""
    episodes = recorded((4, 6))
    paths = np.empty(2, object)
    for index, episode in enumerate(episodes):
        states = [{"state_observation": state} for state in episode["observations"]]
        paths[index] = {
            "observations": states[:-1],
            "next_observations": states[1:],
            "actions": episode["actions"],
            "rewards": np.append(episode["rewards"], 99.0),
            "terminals": np.zeros((len(episode["actions"]), 1)),
            "agent_infos": [{} for _ in episode["actions"]],
            "env_infos": [{"goal_achieved": step > 2} for step in range(len(episode["actions"]))],
        }
    np.save(tmp_path / "door2_sparse.npy", paths)
    dataset, report = imported(tmp_path / "door2_sparse.npy")
    assert_holds(dataset, episodes)
    assert ends(dataset) == [(False, True)] * 2
    assert dataset.episodes[0].success.tolist() == [False, False, False, True]
    assert report.repairs == ()
    write(dataset, tmp_path / "minari")
    assert_holds(load([str(tmp_path / "minari")]), episodes)


def test_rollouts_with_terminals(tmp_path):
    episode = recorded((4,))[0]
    entry = {"observations": episode["observations"][:-1], "actions": episode["actions"]}
    entry |= {"rewards": episode["rewards"], "terminals": np.arange(4) == 3}
    np.save(tmp_path / "paths.npy", np.array([entry], object))
    dataset, _ = imported(tmp_path / "paths.npy")
    assert ends(dataset) == [(True, False)]
    np.testing.assert_array_equal(dataset.episodes[0].observations[-1], dataset.episodes[0].observations[-2])


def one_rollout(path, terminals):
    episode = recorded((4,))[0]
    entry = {"observations": episode["observations"][:-1], "actions": episode["actions"], "rewards": episode["rewards"]}
    np.save(path, np.array([entry | {"terminals": terminals}], object))
    return path


@pytest.mark.parametrize("terminals", [True, np.ones(1), np.arange(4) == 3, np.eye(4)[3][:, None]])
def test_a_terminal_at_the_end_of_a_rollout(tmp_path, terminals):
    dataset, _ = imported(one_rollout(tmp_path / "paths.npy", terminals))
    assert dataset.episodes[0].terminated.tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("terminals", "code"),
    [
        (np.arange(4) == 1, "ending"),
        (np.arange(4) == 2, "ending"),
        (np.arange(4) > 1, "ending"),
        (np.arange(5) == 4, "length"),
        (np.full(4, 2), "flag-value"),
        (np.nan, "flag-value"),
    ],
)
def test_a_terminal_elsewhere(tmp_path, terminals, code):
    _, report = check_stored(read_file(one_rollout(tmp_path / "paths.npy", terminals)))
    assert [(problem.code, problem.episode) for problem in report.errors] == [(code, 0)]


def test_rollouts_of_the_wrong_kind(tmp_path):
    np.save(tmp_path / "words.npy", np.array(["a", 3], object))
    with pytest.raises(DataError, match=r"expected a list of roll-outs.*found str"):
        read_file(tmp_path / "words.npy")
    np.save(tmp_path / "short.npy", np.array([{"actions": np.zeros((3, 1))}], object))
    _, report = check_stored(read_file(tmp_path / "short.npy"))
    assert {problem.field for problem in report.errors} == {"observations", "rewards"}


@pytest.fixture
def door_demonstrations():
    """The human demonstrations of the door, which are not part of the project."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    path = Path(os.environ.get("AWAC_SHARED_DATA", beside)) / "adroit" / "door_human_demos.npz"
    if not path.exists():
        pytest.skip(f"needs {path}, third-party data that is not in the repository; AWAC_SHARED_DATA names its folder")
    return path


def test_human_door_demonstrations(door_demonstrations, tmp_path):
    spaces = Spaces(39, -np.ones(28, np.float32), np.ones(28, np.float32))
    with pytest.raises(DataError, match=r"episode 0, step 4, actions\[4\]: value 1.011111, allowed are -1 to 1"):
        imported(door_demonstrations, spaces=spaces)
    repair = Repair(clip_actions=True, relabel="awac/DoorBinary-v0")
    dataset, report = imported(door_demonstrations, spaces=spaces, repair=repair)
    assert len(dataset.episodes) == 25
    assert len(dataset) == 6729 - 25
    assert sum(bool((episode.rewards == 0).any()) for episode in dataset.episodes) == 6  # reach 1.4 rad
    assert any("clipped" in line for line in report.repairs)
    assert not any(problem.code.startswith("rewards-") for problem in report.warnings)
