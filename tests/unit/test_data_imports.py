"""Each importer against a file written as its format is documented, and back."""

import h5py
import numpy as np
import pytest

from awac.data import load, write
from awac.data.flat import FlatLog, cut
from awac.data.imports import ImportOptions, read_file
from awac.data.tables import Columns
from awac.data.validate import check_stored
from awac.errors import DataError
from tests.unit.recordings import assert_holds, ends, imported, recorded


def flat(episodes, terminated=(), successors=True):
    """The same as flat arrays; episodes in `terminated` end so, the others by their time limit."""
    arrays = {
        "observations": np.concatenate([episode["observations"][:-1] for episode in episodes]),
        "actions": np.concatenate([episode["actions"] for episode in episodes]),
        "rewards": np.concatenate([episode["rewards"] for episode in episodes]),
    }
    ends = np.cumsum([len(episode["actions"]) for episode in episodes]) - 1
    flags = {"terminals": np.zeros(len(arrays["actions"]), bool), "timeouts": np.zeros(len(arrays["actions"]), bool)}
    for index, end in enumerate(ends):
        flags["terminals" if index in terminated else "timeouts"][end] = True
    if successors:
        arrays["next_observations"] = np.concatenate([episode["observations"][1:] for episode in episodes])
    return arrays | flags


def write_hdf5(path, arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, compression="gzip")
    return path


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


def test_npz_with_other_names(tmp_path):
    episodes = recorded((4, 3))
    arrays = flat(episodes, terminated=(1,))
    names = {"observations": "state", "actions": "motor", "rewards": "score", "terminals": "end", "timeouts": "late"}
    arrays = {names.get(name, name): values for name, values in arrays.items()}
    np.savez_compressed(tmp_path / "log.npz", **arrays, unused=np.zeros(3))
    columns = Columns("state", "motor", "score", "end", "late")
    dataset, _ = imported(tmp_path / "log.npz", ImportOptions(columns=columns))
    assert_holds(dataset, episodes)
    assert ends(dataset) == [(False, True), (True, False)]
    with pytest.raises(DataError, match=r"expected 'observations' for observations.*--columns.observations.*state"):
        read_file(tmp_path / "log.npz")


def test_npz_cut_by_episode_numbers(tmp_path):
    arrays = {name: values for name, values in flat(recorded((4, 3))).items() if name not in ("terminals", "timeouts")}
    np.savez(tmp_path / "log.npz", **arrays, episode=[7] * 4 + [9] * 3)
    dataset, _ = imported(tmp_path / "log.npz")
    assert [len(episode) for episode in dataset.episodes] == [4, 3]
    assert ends(dataset) == [(False, True)] * 2


def write_csv(path, header, rows):
    path.write_text("\n".join([header, *(",".join(str(cell) for cell in row) for row in rows)]) + "\n")
    return path


CSV_FIELDS = ("observations", "actions", "rewards", "terminals", "next_observations")


def test_csv_round_trip(tmp_path):
    episodes = recorded((4, 3))
    arrays = flat(episodes, terminated=(1,))
    rows = [
        [index, *observation, *action, reward, terminal, *following]
        for index, (observation, action, reward, terminal, following) in enumerate(
            zip(*(arrays[n] for n in CSV_FIELDS), strict=True)
        )
    ]
    header = "time,q_0,q_1,q_2,motor_a,motor_b,reward,fell,next_q_0,next_q_1,next_q_2"
    path = write_csv(tmp_path / "log.csv", header, rows)  # True and False stand in it as words
    columns = Columns("q", "motor_*", "reward", "fell", next_observations="next_q_*")
    dataset, _ = imported(path, ImportOptions(columns=columns))
    assert_holds(dataset, episodes)
    assert ends(dataset) == [(False, True), (True, False)]
    numbers = [[int(cell) if isinstance(cell, (bool, np.bool_)) else cell for cell in row] for row in rows]
    same, _ = imported(write_csv(path, header, numbers), ImportOptions(columns=columns))
    np.testing.assert_array_equal(same.transitions().observations, dataset.transitions().observations)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([["1", "0", "0", "1"], ["1", "x", "0", "1"]], r"log.csv, row 1, actions: 'x' is no number"),
        ([["1", "0", "0", "1"], ["1", "0"]], "row 1: 2 cells, the header has 4"),
        ([["1", "0", "0", "2"]], "row 0, terminated: value 2.0, expected 0 or 1"),
    ],
)
def test_csv_errors_name_the_row(tmp_path, rows, words):
    path = write_csv(tmp_path / "log.csv", "observations,actions,rewards,terminated", rows)
    with pytest.raises(DataError, match=words):
        read_file(path)


def test_csv_without_a_needed_column(tmp_path):
    with pytest.raises(DataError, match=r"expected 'rewards' for rewards.*found observations, actions"):
        read_file(write_csv(tmp_path / "log.csv", "observations,actions", [[1, 2]]))
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DataError, match="expected 'observations'"):
        read_file(tmp_path / "empty.csv")


def test_an_empty_cell_is_no_zero(tmp_path):
    path = write_csv(tmp_path / "log.csv", "observations,actions,rewards,terminated", [["", 0, 0, 0], [1, 0, 0, 1]])
    _, report = check_stored(read_file(path))
    assert [(problem.code, problem.step, problem.field) for problem in report.errors] == [
        ("not-finite", 0, "observations[0]")
    ]


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
