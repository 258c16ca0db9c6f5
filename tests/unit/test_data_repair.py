"""Repairs that change where an episode ends, or which step a reward belongs to."""

import numpy as np
import pytest

from awac.cli import main
from awac.data import load
from awac.data.dataset import Dataset, Episode
from awac.data.imports import read_file
from awac.data.repair import Repair
from awac.data.validate import check_stored, examine
from tests.unit.recordings import flat, imported, recorded, write_hdf5

LENGTHS = (6, 4, 1)
TIMEOUTS = Repair(terminations_are_timeouts=True)


def write_npz(path):
    arrays = flat(recorded(LENGTHS), terminated=(0, 1, 2), successors=False)
    names = {"terminals": "terminated", "timeouts": "truncated"}
    np.savez(path, **{names.get(name, name): values for name, values in arrays.items()}, success=arrays["terminals"])


def write_csv(path):
    arrays = flat(recorded(LENGTHS), terminated=(0, 1, 2), successors=False)
    columns = [
        *arrays["observations"].T,
        *arrays["actions"].T,
        arrays["rewards"],
        arrays["terminals"],
        arrays["terminals"],
    ]
    header = "observations_0,observations_1,observations_2,actions_0,actions_1,rewards,terminated,success"
    np.savetxt(path, np.stack(columns, axis=1), delimiter=",", header=header, comments="", fmt="%.17g")


def write_d4rl(path):
    arrays = flat(recorded(LENGTHS), terminated=(0, 1, 2), successors=False)
    write_hdf5(path, arrays | {"infos/success": arrays["terminals"]})


def write_rollouts(path):
    paths = [
        {
            "observations": episode["observations"][:-1],
            "actions": episode["actions"],
            "rewards": episode["rewards"],
            "terminals": np.arange(len(episode["actions"])) == len(episode["actions"]) - 1,
            "env_infos": {"success": np.arange(len(episode["actions"])) == len(episode["actions"]) - 1},
        }
        for episode in recorded(LENGTHS)
    ]
    np.save(path, np.array(paths, object), allow_pickle=True)


WRITERS = {"log.npz": write_npz, "log.csv": write_csv, "log.hdf5": write_d4rl, "log.npy": write_rollouts}


def assert_ends_before_the_unknown(dataset):
    """All but the last step of each episode, which ends truncated; the episode of one step is gone."""
    assert [len(episode) for episode in dataset.episodes] == [5, 3]
    for found, episode in zip(dataset.episodes, recorded(LENGTHS), strict=False):
        steps = len(found)
        np.testing.assert_array_equal(found.observations, episode["observations"][: steps + 1].astype(np.float32))
        np.testing.assert_array_equal(found.actions, episode["actions"][:steps].astype(np.float32))
        np.testing.assert_array_equal(found.rewards, episode["rewards"][:steps].astype(np.float32))
        assert found.truncated.tolist() == [False] * (steps - 1) + [True]
        assert not found.terminated.any()
        assert found.success.tolist() == [False] * steps


@pytest.mark.parametrize("name", WRITERS)
def test_a_timeout_does_not_bootstrap_from_its_own_observation(tmp_path, name):
    WRITERS[name](tmp_path / name)
    assert len(imported(tmp_path / name)[0]) == sum(LENGTHS)
    dataset, report = imported(tmp_path / name, repair=TIMEOUTS)
    assert_ends_before_the_unknown(dataset)
    assert "terminated: stored as truncated in 3 episodes" in report.repairs
    assert any("in 3 of these the last step was dropped" in line for line in report.repairs)
    assert "dropped: 1 episodes of which no step is left" in report.repairs


def test_the_same_of_what_was_imported_before(tmp_path, capsys):
    write_npz(tmp_path / "log.npz")
    assert main(["data", "import", str(tmp_path / "log.npz"), "--to", str(tmp_path / "first")]) == 0
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    assert main(["data", "import", first, "--to", second, "--terminations-are-timeouts"]) == 0
    assert "in 3 of these the last step was dropped" in capsys.readouterr().out
    assert_ends_before_the_unknown(load([second]))


def test_a_timeout_with_its_own_final_observation_keeps_its_last_step():
    episode = recorded((4,))[0]
    arrays = {name: values.astype(np.float32) for name, values in episode.items()}
    last = np.arange(4) == 3
    dataset = Dataset((Episode(**arrays, terminated=last, truncated=np.zeros(4, bool)),))
    repaired, report = examine(dataset, repair=TIMEOUTS)
    assert (len(repaired), repaired.episodes[0].truncated[-1]) == (4, True)
    assert report.repairs == ("terminated: stored as truncated in 1 episodes",)


def endings(lengths, terminated):
    """Random episodes of these lengths, the first so many of them terminated."""
    episodes = []
    for index, episode in enumerate(recorded(lengths)):
        last = np.arange(lengths[index]) == lengths[index] - 1
        flags = (last & (index < terminated), last & (index >= terminated))
        episodes.append(
            Episode(**{k: v.astype(np.float32) for k, v in episode.items()}, terminated=flags[0], truncated=flags[1])
        )
    return Dataset(tuple(episodes))


@pytest.mark.parametrize(
    ("lengths", "terminated", "words"),
    [
        ((20,) * 5, 5, "5 of 5 terminated episodes have the same length, 20"),
        ((7, 20, 20, 20, 20), 5, "4 of 5 terminated"),
        ((20, 20, 20, 20, 23), 5, "4 of 5 terminated"),
        ((20,) * 5, 4, "4 of 4 terminated"),
        ((7, 9, 20, 20, 20), 5, None),
        ((1,) * 5, 5, None),
        ((20,) * 5, 1, None),
        ((20,) * 5, 0, None),
    ],
)
def test_timeouts_stored_as_terminations_despite_odd_episodes(lengths, terminated, words):
    found = {problem.code: problem.message for problem in examine(endings(lengths, terminated))[1].warnings}
    assert (words or "") in found.get("timeouts-as-terminations", "")
    assert ("timeouts-as-terminations" in found) == (words is not None)


def test_nothing_is_left_of_one_step(tmp_path):
    arrays = {"observations": np.zeros((1, 2)), "actions": np.zeros((1, 1)), "rewards": np.zeros(1)}
    np.savez(tmp_path / "log.npz", **arrays, terminated=np.ones(1))
    dataset, report = check_stored(read_file(tmp_path / "log.npz"), repair=TIMEOUTS)
    assert dataset is None
    assert [problem.code for problem in report.errors] == ["empty-dataset"]
