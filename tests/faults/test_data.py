"""Damaged and interrupted data: cases 15 to 19 of the fault list, and kills while a dataset is written."""

import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from awac.batch import Provenance
from awac.cli import main
from awac.data import Dataset, Episode, load, write
from awac.data.store import data_folder
from awac.errors import DataError, StorageError


def make_dataset(count=3, length=5):
    episodes = tuple(
        Episode(
            observations=np.random.default_rng(index).normal(size=(length + 1, 3)).astype(np.float32),
            actions=np.random.default_rng(index).uniform(-1, 1, (length, 2)).astype(np.float32),
            rewards=np.arange(length, dtype=np.float32) + index,
            terminated=np.zeros(length, bool),
            truncated=np.arange(length) == length - 1,
            provenance=Provenance.ONLINE,
            source=f"memory, episode {index}",
        )
        for index in range(count)
    )
    return Dataset(episodes, "memory", {}, -np.ones(2, np.float32), np.ones(2, np.float32))


@pytest.fixture
def stored(tmp_path):
    return write(make_dataset(), tmp_path / "data")


def tamper(folder, change):
    with h5py.File(folder / "data" / "main_data.hdf5", "a") as file:
        change(file)


def replace_array(name, values):
    def change(file):
        del file[name]
        file[name] = values

    return change


CASES = {
    "nan": (lambda f: f["episode_1/rewards"].__setitem__(2, np.nan), "episode 1, step 2, rewards: value nan"),
    "inf": (lambda f: f["episode_2/observations"].__setitem__((0, 1), np.inf), r"step 0, observations\[1\]: value inf"),
    "text": (replace_array("episode_0/rewards", ["a"] * 5), "dtype object, expected a real number"),
    "shape": (replace_array("episode_0/actions", np.zeros(5)), r"shape \(5,\), expected \(steps, size\)"),
    "length": (replace_array("episode_0/rewards", np.zeros(4)), "expected observations 6, actions 5.*rewards 4"),
    "missing": (
        lambda f: f["episode_1"].pop("terminations"),
        "terminations: field is missing: expected .*terminat",
    ),
    "extra": (lambda f: f["episode_1"].__setitem__("dones", np.zeros(5)), "dones: unknown field: expected .*dones"),
    "size": (replace_array("episode_1/actions", np.zeros((5, 3))), "size 3, expected 2"),
    "bounds": (lambda f: f["episode_1/actions"].__setitem__((3, 0), 10), r"step 3, actions\[0\]: value 10, allowed"),
    "early": (lambda f: f["episode_1/terminations"].__setitem__(1, True), "set at step 1, but the episode goes on"),
    "group": (lambda f: f.pop("episode_2"), "promises 3 episodes, the file has 2 groups"),
    "who": (lambda f: f["episode_0"].attrs.__setitem__("provenance", "expert"), "provenance is 'expert', allowed are"),
}


@pytest.mark.parametrize("case", CASES)
def test_damaged_contents(stored, case, capsys):
    change, words = CASES[case]
    tamper(stored, change)
    with pytest.raises(DataError, match=words):
        load([str(stored)])
    assert main(["data", "check", str(stored), "--json"]) == 3
    report = json.loads(capsys.readouterr().out)[str(stored)]
    assert report["ok"] is False
    assert report["errors"]


def test_a_bad_episode_is_dropped_alone(stored, tmp_path, capsys):
    tamper(stored, CASES["nan"][0])
    assert main(["data", "import", str(stored), "--to", str(tmp_path / "good"), "--drop-bad-episodes"]) == 0
    assert "dropped: " in capsys.readouterr().out
    kept = load([str(tmp_path / "good")])
    assert [episode.rewards[0] for episode in kept.episodes] == [0, 2]
    assert len(kept.metadata["repairs"]) == 1


def test_rounding_is_clipped_and_counted(stored):
    tamper(stored, lambda file: file["episode_1/actions"].__setitem__((3, 0), 1 + 1e-6))
    assert load([str(stored)]).episodes[1].actions[3, 0] == 1


@pytest.mark.parametrize("part", ["main_data.hdf5", "metadata.json"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_a_cut_file(stored, part, keep):
    path = stored / "data" / part
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(DataError, match=str(stored)):
        load([str(stored)])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data_format": "arrow"}, "data_format is 'arrow', supported is 'hdf5'"),
        ({"observation_space": json.dumps({"type": "Dict", "subspaces": {}})}, "Dict space; supported are flat Box"),
        ({"action_space": json.dumps({"type": "Discrete", "n": 3})}, "action_space is a Discrete space"),
        ({"action_space": "not json"}, "action_space is not valid JSON"),
        ({"action_space": json.dumps({"type": "Box", "low": ["x"], "high": [1]})}, "not an array of numbers"),
        ({"total_episodes": 4}, "promises 4 episodes, the file has 3"),
        ({"awac": [1]}, "metadata.json: awac is a list, expected an object"),
        ({"awac": {"env_id": ["x"]}}, r"awac.env_id is \['x'\], expected text"),
        ({"awac": {"versions": ["x"]}}, r"awac.versions is \['x'\], expected an object"),
        ({"awac": {"columns": ["x"]}}, r"awac.columns is \['x'\], expected an object"),
        ({"awac": {"columns": {"actions": [1]}}}, r"awac.columns.actions is \[1\], expected a list of text"),
        ({"awac": {"env_options": "x"}}, "awac.env_options is 'x', expected an object"),
    ],
)
def test_metadata_that_cannot_be_used(stored, changes, words):
    path = stored / "data" / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(DataError, match=words):
        load([str(stored)])


def test_a_file_that_names_another_environment(stored, capsys):
    path = stored / "data" / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"awac": {"env_id": "awac/SawyerDrawer-v0"}}))
    assert main(["data", "check", str(stored)]) == 0
    assert "awac/SawyerDrawer-v0 with the options {} has no rewards for next obs" in capsys.readouterr().out


def test_empty_and_tiny(tmp_path):
    folder = write(make_dataset(1, 1), tmp_path / "one")
    batch = load([str(folder)]).transitions()
    assert batch.size == 1
    tamper(folder, lambda file: file.pop("episode_0"))
    path = folder / "data" / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"total_episodes": 0}))
    with pytest.raises(DataError, match="there is no episode"):
        load([str(folder)])


# Writing: kills and refusals


KILLED = """
import json, os, pathlib, shutil, sys
from awac.data import append, load

folder, more = pathlib.Path(sys.argv[1]), load([sys.argv[2]]).episodes
calls = fatal = 0

def deadly(function):
    def wrapped(*arguments, **keywords):
        global calls
        calls += 1
        if calls == fatal:
            os._exit(9)
        return function(*arguments, **keywords)
    return wrapped

os.fsync, shutil.rmtree = deadly(os.fsync), deadly(shutil.rmtree)
os.rename, os.replace = deadly(os.rename), deadly(os.replace)
held = []
while True:
    fatal += 1
    child = os.fork()
    if child == 0:
        append(folder, more)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    held.append(len(load([str(folder)]).episodes))
    if code != 9:
        break
print(json.dumps([code, held]))
"""


def test_a_kill_while_appending_loses_nothing_that_was_there(tmp_path):
    """The process dies at its first, second, ... fsync, rename or removal, until one goes through."""
    more = write(make_dataset(2), tmp_path / "more")
    folder = write(make_dataset(3), tmp_path / "experience")
    command = [sys.executable, "-c", KILLED, str(folder), str(more)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    code, held = json.loads(ran.stdout)
    assert code == 0
    assert len(held) > 8
    steps = np.diff([3, *held])
    assert set(steps) == {0, 2}  # as before, or with all that was appended
    assert steps[-1] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["experience", "more"]  # what the dead left is cleared


@pytest.mark.parametrize(("name", "fatal"), [("fsync", 1), ("fsync", 4), ("rename", 1), ("rename", 2)])
def test_a_disk_that_refuses_leaves_the_old_dataset(tmp_path, monkeypatch, name, fatal):
    folder = write(make_dataset(3), tmp_path / "data")
    function = getattr(os, name)
    calls = 0

    def refuse(*arguments):
        nonlocal calls
        calls += 1
        if calls == fatal:
            raise OSError(28, "No space left on device")
        return function(*arguments)

    monkeypatch.setattr(os, name, refuse)
    with pytest.raises(StorageError, match="No space left"):
        write(make_dataset(1), folder, overwrite=True)
    assert len(load([str(folder)]).episodes) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_disk_that_refuses_leaves_nothing_new(tmp_path, monkeypatch):
    def refuse(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match="No space left"):
        write(make_dataset(), tmp_path / "new")
    assert data_folder(tmp_path / "new") is None
    assert list(tmp_path.iterdir()) == []
