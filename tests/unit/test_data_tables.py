"""A user's own npz and CSV: named columns, episodes with and without ends, and what cannot be read."""

import numpy as np
import pytest

from awac.cli import main
from awac.data.imports import ImportOptions, read_file
from awac.data.tables import Columns, from_csv
from awac.data.validate import Spaces, check_stored
from awac.errors import DataError
from tests.unit.recordings import assert_holds, ends, flat, imported, recorded, write_hdf5

LENGTHS = {"episode_lengths": np.array([4, 3], np.int32)}


def numbered(**changes):
    arrays = {"observations": np.ones((6, 1)), "actions": np.ones((6, 1)), "rewards": np.ones(6)}
    arrays |= {"terminated": np.zeros(6), "episode": np.repeat([7, 9], 3)}
    return arrays | changes


def write_csv(path, header, rows):
    path.write_text("\n".join([header, *(",".join(str(cell) for cell in row) for row in rows)]) + "\n")
    return path


CSV_FIELDS = ("observations", "actions", "rewards", "terminals", "next_observations")


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


@pytest.mark.parametrize("names", [{}, {"observations": "state"}])
def test_npz_with_lengths_and_ends(tmp_path, names):
    """Only where lengths are all that tells of ends is the file DAPG's, whose last steps have no successor."""
    episodes = recorded((4, 3))
    arrays = flat(episodes, terminated=(1,))
    arrays["terminated"], arrays["truncated"] = arrays.pop("terminals"), arrays.pop("timeouts")
    arrays = {names.get(name, name): values for name, values in (arrays | LENGTHS).items()}
    np.savez(tmp_path / "log.npz", **arrays)
    dataset, report = imported(tmp_path / "log.npz", ImportOptions(columns=Columns(**names)))
    assert_holds(dataset, episodes)
    assert ends(dataset) == [(False, True), (True, False)]
    assert "not-read" not in [problem.code for problem in report.warnings]


def test_what_is_not_read_is_said(tmp_path):
    arrays = flat(recorded((4, 3)), terminated=(1,))
    np.savez(tmp_path / "log.npz", **arrays)
    write_csv(
        tmp_path / "log.csv", "observations,actions,rewards,done,episode", [[0, 0, step, 0, 0] for step in range(9)]
    )
    np.savez(tmp_path / "dapg.npz", **{name: arrays[name] for name in CSV_FIELDS[:4]}, **LENGTHS)
    for name, unread in (("log.npz", "terminals, timeouts"), ("log.csv", "done"), ("dapg.npz", "terminals")):
        found = {problem.code: str(problem) for problem in read_file(tmp_path / name).suspicions}
        assert f"{name}: not read: {unread}; --columns.terminated NAME" in found["not-read"]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (
            numbered(terminated=[0, 1, 1, 0, 0, 1]),
            "row 1, terminated: set, but by episode the episode goes on in row 2",
        ),
        (numbered(episode=[0, np.nan, np.nan, 1, 1, 1]), "row 1, episode: no number, expected that of the episode"),
        (numbered(next_observations=np.ones((6, 2))), r"next_observations \(6, 2\), observations \(6, 1\)"),
        (numbered(next_observations=np.ones(6)), r"next_observations \(6,\), observations \(6, 1\)"),
        (numbered(success=np.array(True)), "found observations 6, .*infos/success one value"),
        (numbered(episode=np.array(7)), "found .*episode one value"),
        (numbered() | {"episode_lengths": np.ones(2, int), "episode": np.array([])}, "found .*episode 0"),
    ],
)
def test_npz_errors_name_row_or_shape(tmp_path, arrays, words):
    np.savez(tmp_path / "log.npz", **arrays)
    with pytest.raises(DataError, match=words):
        read_file(tmp_path / "log.npz")


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_success(tmp_path, shape):
    success = np.array([0, 0, 1, 0, 0, 0.0])
    np.savez(tmp_path / "log.npz", **numbered(success=success.reshape(shape), next_observations=np.ones((6, 1))))
    write_hdf5(tmp_path / "log.hdf5", flat(recorded((3, 3))) | {"infos/success": success.reshape(shape)})
    for name in ("log.npz", "log.hdf5"):
        dataset, _ = imported(tmp_path / name)
        assert [episode.success.tolist() for episode in dataset.episodes] == [[False, False, True], [False] * 3]


def test_success_that_is_neither_0_nor_1(tmp_path):
    header = "observations,actions,rewards,episode,success,next_observations"
    rows = [[step, 0, 0, step // 2, 2 if step == 3 else 1, step + 1] for step in range(4)]
    success = np.array([0, 0, 0, np.nan, 0, 0])
    np.savez(tmp_path / "log.npz", **numbered(success=success, next_observations=np.ones((6, 1))))
    for path, place in ((write_csv(tmp_path / "log.csv", header, rows), 1), (tmp_path / "log.npz", 0)):
        _, report = check_stored(read_file(path))
        places = [(problem.code, problem.episode, problem.step, problem.field) for problem in report.errors]
        assert places == [("flag-value", 1, place, "success")]
    assert "value nan, expected bool, or numbers 0 and 1; fill with 0" in report.errors[0].message


@pytest.mark.parametrize("empty", ["", "nan", "NaN"])
@pytest.mark.parametrize("word", [1, "true"])
def test_success_that_a_csv_tells_at_the_end_alone(tmp_path, empty, word):
    header = "observations,actions,rewards,episode,solved,next_observations"
    rows = [[step, 0, step, step // 3, {2: word, 5: 0}.get(step, empty), step + 1] for step in range(6)]
    path = write_csv(tmp_path / "log.csv", header, rows)
    dataset, report = imported(path, ImportOptions(columns=Columns(success="solved")))
    assert [episode.success.tolist() for episode in dataset.episodes] == [[False, False, True], [False] * 3]
    assert "solved: empty in 4 of 6 rows, which are read as 0, no success" in report.repairs


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
        ([["1", "0", "0", "0"], ["7", "1", "0", "0", "1"]], "row 1: 5 cells, the header has 4"),
        ([["1", "0", "0", '"0"'], ["7", "1", "0", "0", "1"]], "row 1: 5 cells, the header has 4"),
        ([["1", "0", "0", "y" * 200_000]], "not a readable CSV file: field larger than"),
        ([["1", "0", "0", "25 °C"]], "row 0, terminated: '25 °C' is no number"),
        ([["1", "0", "0", "2"]], "row 0, terminated: value 2.0, expected 0 or 1"),
    ],
)
def test_csv_errors_name_the_row(tmp_path, rows, words):
    path = write_csv(tmp_path / "log.csv", "observations,actions,rewards,terminated", rows)
    with pytest.raises(DataError, match=words):
        read_file(path)


def test_csv_with_what_does_no_harm(tmp_path):
    """A comma at the end of a row, blank lines, and bytes of another encoding in a column that is not read."""
    path = write_csv(tmp_path / "log.csv", '"observations",actions,rewards,terminated,note', [[1, 0, 0, 0, "ok"]])
    path.write_bytes(path.read_bytes() + "\n1,0,0,1,25 °C,\n\n".encode("latin-1"))
    dataset, _ = imported(path)
    assert (len(dataset), ends(dataset)) == (2, [(True, False)])


def test_csv_columns_come_in_the_order_they_are_named(tmp_path):
    path = write_csv(tmp_path / "log.csv", "goal,q2,q1,u2,u1,reward", [(9, 2, 1, 20, 10, 0)] * 3)
    columns = Columns(observations="q1, q*,goal", actions="u1,u2", rewards="reward")
    log = from_csv(path, columns)
    np.testing.assert_array_equal(log.fields["observations"][0], [1, 2, 9])
    np.testing.assert_array_equal(log.fields["actions"][0], [10, 20])
    with pytest.raises(DataError, match="'q1,gaol' names 'gaol', which no column is; found goal, q2"):
        from_csv(path, Columns(observations="q1,gaol", actions="u1"))


def test_columns_are_called_what_the_header_calls_them(tmp_path, capsys):
    columns = ["--columns.observations", "goal,q_*", "--columns.actions", "u", "--columns.rewards", "r"]
    generator = np.random.default_rng(0)
    rows = [[*generator.uniform(-1, 1, 3), 4, row, row // 10] for row in range(30)]
    path = str(write_csv(tmp_path / "log.csv", "q_knee,q_hip,u,goal,r,episode", rows))
    assert main(["data", "import", path, *columns, "--to", str(tmp_path / "data")]) == 0
    assert main(["data", "check", str(tmp_path / "data")]) == 0
    assert capsys.readouterr().out.count("observations: columns that never change: 0 goal (4) [zero-variance]") == 2
    rows[12][1], rows[23][2] = "nan", "inf"
    write_csv(tmp_path / "log.csv", "q_knee,q_hip,u,goal,r,episode", rows)
    assert main(["data", "check", path, *columns]) == 3
    shown = capsys.readouterr().out
    assert "episode 1, step 2, observations[2] (q_hip): value nan" in shown
    assert "episode 2, step 3, actions[0] (u): value inf" in shown


def test_actions_out_of_bounds_are_called_what_the_header_calls_them(tmp_path):
    rows = [[0, 0.5, 3, 0, row == 2] for row in range(3)]
    path = write_csv(tmp_path / "log.csv", "observations,motor_a,motor_b,rewards,truncated", rows)
    bound = np.ones(2, np.float32)
    stored = read_file(path, ImportOptions(columns=Columns(actions="motor_*")))
    (problem,) = check_stored(stored, spaces=Spaces(1, -bound, bound))[1].errors
    assert (problem.code, problem.field) == ("action-bounds", "actions[1] (motor_b)")


@pytest.mark.parametrize(("mark", "name"), [(";", "';'"), ("\t", "a tab")])
def test_another_separator_is_named(tmp_path, mark, name):
    path = tmp_path / "log.csv"
    path.write_text(mark.join(["observations", "actions", "rewards"]) + "\n" + mark.join(["1,5", "0", "0"]) + "\n")
    with pytest.raises(
        DataError, match=f"log.csv: the separator seems to be {name}; expected commas between the cells"
    ):
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
        ("not-finite", 0, "observations[0] (observations)")
    ]


@pytest.mark.parametrize("flag", ["terminated", "truncated"])
def test_one_transition(tmp_path, flag):
    path = write_csv(tmp_path / "log.csv", f"observations,actions,rewards,{flag},next_observations", [[0, 0, 1, 1, 7]])
    batch = imported(path)[0].transitions()
    assert (batch.size, batch.next_observations[0, 0], batch.terminated[0]) == (1, 7, flag == "terminated")


def test_a_name_means_the_column_of_that_name_and_numbers_count(tmp_path):
    """`obs_10` comes after `obs_2`, whatever the order of the file; `r` is no `r2`."""
    names = [f"obs_{n}" for n in sorted(range(12), key=str)]
    path = write_csv(
        tmp_path / "log.csv", ",".join([*names, "a0", "r", "r2", "episode"]), [[*range(12), 0, 1, 2, 0]] * 3
    )
    dataset, _ = imported(path, ImportOptions(columns=Columns("obs", "a", "r")))
    order = [int(name.removeprefix("obs_")) for name in names]
    assert dataset.episodes[0].observations[0].tolist() == [order.index(n) for n in range(12)]
    assert dataset.episodes[0].rewards.tolist() == [1.0] * len(dataset)


def test_a_successor_that_is_no_number_glues_no_episodes(tmp_path):
    """As from a shift within groups, whose last rows have none: refused where it is, not passed over."""
    following = np.arange(1.0, 7.0).reshape(6, 1)
    following[[2, 5]] = np.nan
    arrays = numbered(observations=np.arange(6.0).reshape(6, 1), next_observations=following)
    del arrays["episode"]
    np.savez(tmp_path / "log.npz", **arrays)
    report = check_stored(read_file(tmp_path / "log.npz"))[1]
    assert {problem.code for problem in report.errors} == {"not-finite"}
