"""Each importer against a file written as its format is documented, and back."""

import numpy as np
import pytest

from awac.data import load, write
from awac.data.flat import FlatLog, cut
from awac.data.imports import ImportOptions, read_file
from awac.errors import ConfigError, DataError
from tests.unit.recordings import assert_holds, ends, flat, imported, recorded, write_hdf5


def test_d4rl_round_trip(tmp_path):
    episodes = recorded((4, 3, 5))
    path = write_hdf5(tmp_path / "log.hdf5", flat(episodes, terminated=(1,)) | {"infos/success": np.arange(12) > 5})
    dataset, report = imported(path)
    assert_holds(dataset, episodes)
    assert ends(dataset) == [(False, True), (True, False), (False, True)]
    assert dataset.episodes[1].success.tolist() == [False, False, True]
    assert report.repairs == ()
    write(dataset, tmp_path / "minari")
    assert_holds(load([str(tmp_path / "minari")]), episodes)


def test_d4rl_without_successors_never_pairs_across_episodes(tmp_path):
    """As most v0 files are: a time-out's last step is dropped, a terminal keeps its own observation."""
    episodes = recorded((4, 3, 5))
    dataset, report = imported(write_hdf5(tmp_path / "log.hdf5", flat(episodes, (1,), successors=False)))
    assert [len(episode) for episode in dataset.episodes] == [3, 3, 4]
    assert ends(dataset) == [(False, True), (True, False), (False, True)]
    batch = dataset.transitions()
    going = ~batch.terminated
    assert (np.abs(batch.next_observations - batch.observations)[going] < 50).all()
    np.testing.assert_array_equal(batch.next_observations[~going], batch.observations[~going])
    assert sum("no next_observations" in line for line in report.repairs) == 2


def test_d4rl_v0_without_timeouts(tmp_path):
    """Time limits that nothing marks show where the successor is not the next row."""
    arrays = flat(recorded((4, 3, 5)), terminated=(1,))
    del arrays["timeouts"]
    dataset, report = imported(write_hdf5(tmp_path / "log.hdf5", arrays))
    assert ends(dataset) == [(False, True), (True, False), (False, True)]
    assert any("cut at 1 rows" in line for line in report.repairs)


def test_d4rl_flags_as_columns_of_numbers(tmp_path):
    arrays = flat(recorded((4, 3)))
    arrays["terminals"] = arrays["terminals"].astype(np.float32)[:, None]
    arrays["rewards"] = arrays["rewards"][:, None]
    assert ends(imported(write_hdf5(tmp_path / "log.hdf5", arrays))[0]) == [(False, True)] * 2


def test_flags_never_set(tmp_path):
    arrays = flat(recorded((6,)), successors=False)
    arrays["timeouts"][:] = False
    path = write_hdf5(tmp_path / "log.hdf5", arrays)
    with pytest.raises(DataError, match=r"terminals or timeouts is never set.*--episode-length"):
        read_file(path)
    dataset, _ = imported(path, ImportOptions(episode_length=3))
    assert [len(episode) for episode in dataset.episodes] == [2, 2]


def test_flags_one_step_late(tmp_path):
    arrays = flat(recorded((4, 3, 5, 4)))
    arrays["timeouts"] = np.roll(arrays["timeouts"], 1)
    with pytest.raises(DataError, match=r"log.hdf5, row 4, terminals, timeouts: set one step late in 3 episodes"):
        read_file(write_hdf5(tmp_path / "log.hdf5", arrays))


def test_flags_one_step_late_without_successors(tmp_path):
    lengths = (8, 9, 8, 9)
    generator = np.random.default_rng(0)
    episodes = recorded(lengths)
    for index, episode in enumerate(episodes):
        episode["observations"] = np.cumsum(generator.normal(size=(lengths[index] + 1, 3)), axis=0) + 100 * index
    arrays = flat(episodes, successors=False)
    good = read_file(write_hdf5(tmp_path / "good.hdf5", arrays))
    assert good.suspicions == ()
    arrays["timeouts"] = np.roll(arrays["timeouts"], 1)
    late = read_file(write_hdf5(tmp_path / "late.hdf5", arrays))
    assert [problem.code for problem in late.suspicions] == ["flags-late"]


def test_both_flags_and_a_cut_end(tmp_path):
    arrays = flat(recorded((4, 3, 5)))
    arrays["terminals"][3] = True  # beside the time-out
    arrays["timeouts"][-1] = False  # the recording stopped
    dataset, report = imported(write_hdf5(tmp_path / "log.hdf5", arrays))
    assert ends(dataset) == [(True, True), (False, True), (False, True)]
    assert "both-flags" in [problem.code for problem in report.warnings]


def test_d4rl_unknown_and_missing_fields(tmp_path):
    arrays = flat(recorded((4,)))
    with pytest.raises(DataError, match="reward is unknown; expected observations, actions, rewards"):
        read_file(write_hdf5(tmp_path / "extra.hdf5", arrays | {"reward": arrays["rewards"]}))
    del arrays["actions"]
    with pytest.raises(DataError, match="actions is missing"):
        read_file(write_hdf5(tmp_path / "missing.hdf5", arrays))


def test_fields_of_different_length(tmp_path):
    arrays = flat(recorded((4,)))
    arrays["rewards"] = arrays["rewards"][:-1]
    with pytest.raises(DataError, match="rewards 3"):
        read_file(write_hdf5(tmp_path / "log.hdf5", arrays))


def test_an_episode_length_below_zero():
    with pytest.raises(ConfigError, match="episode_length is -5; allowed: 0"):
        ImportOptions(episode_length=-5)


def test_unknown_kinds_of_file(tmp_path):
    (tmp_path / "log.mat").touch()
    with pytest.raises(DataError, match="unknown kind of file"):
        read_file(tmp_path / "log.mat")
    with pytest.raises(DataError, match="no such file"):
        read_file(tmp_path / "gone.npz")


def test_one_row_without_successor_leaves_nothing():
    ones = {name: np.ones((1, 1)) for name in ("observations", "actions")}
    found = cut(FlatLog("log", ones | {"rewards": np.ones(1), "truncated": np.ones(1)}))
    assert found.episodes == ()
