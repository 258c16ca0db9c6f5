"""Hostile, damaged and interrupted data: cases 13 to 19 of the fault list, and kills while a dataset is written."""

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from awac.batch import Provenance
from awac.cli import main
from awac.data import Dataset, Episode, append, load, write
from awac.data import hdf5 as hdf5_module
from awac.data.imports import read_file
from awac.data.npz import read_npz
from awac.data.restricted import load as load_restricted
from awac.data.store import data_folder
from awac.errors import DataError, StorageError

LIMIT = 256 * 1024**2  # bytes that a refusal may cost


class Canary:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "the-canary-sang"
    yield Canary(path)
    assert not path.exists()


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


# Case 13: pickles


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: [{"actions": c}], lambda c: {"a": (1, [c])}])
def test_a_canary_in_a_pickle(tmp_path, canary, protocol, wrap):
    path = tmp_path / "demos.pickle"
    path.write_bytes(pickle.dumps(wrap(canary), protocol))
    with pytest.raises(DataError, match=r"demos.pickle: refused: it asks for .*only NumPy arrays"):
        load_restricted(path)
    assert main(["data", "check", str(path)]) == 3


def test_a_canary_in_npy_and_npz(tmp_path, canary):
    np.save(tmp_path / "demos.npy", np.array([canary, {"a": canary}], object))
    with pytest.raises(DataError, match=r"demos.npy: refused: it asks for"):
        load_restricted(tmp_path / "demos.npy")
    np.savez(tmp_path / "demos.npz", observations=np.array([canary], object))
    with pytest.raises(DataError, match=r"'observations.npy' holds pickled objects"):
        read_npz(tmp_path / "demos.npz")


def test_a_canary_in_hdf5(tmp_path, canary):
    path = tmp_path / "log.hdf5"
    payload = np.void(pickle.dumps(canary))
    with h5py.File(path, "w") as file:
        for name, shape in (("observations", (4, 2)), ("actions", (4, 1)), ("rewards", (4,)), ("timeouts", (4,))):
            file[name] = np.zeros(shape)
            file[name].attrs["payload"] = payload
        file["timeouts"][-1] = 1
    read_file(path)  # attributes are not looked at
    with h5py.File(path, "a") as file:
        del file["rewards"]
        file["rewards"] = np.array([payload] * 4)
    assert main(["data", "check", str(path)]) == 3


@pytest.mark.parametrize("name", ["policy.pt", "config.yaml", "config.toml"])
def test_a_canary_in_formats_that_are_not_read(tmp_path, canary, name):
    (tmp_path / name).write_bytes(pickle.dumps(canary))
    with pytest.raises(DataError, match=f"{name}: unknown kind of file"):
        read_file(tmp_path / name)


def test_a_stranger_s_environment_is_not_built(tmp_path, canary):
    """Minari itself would make the environment that metadata name, which may be any function."""
    folder = write(make_dataset(), tmp_path / "data")
    path = folder / "data" / "metadata.json"
    metadata = json.loads(path.read_text())
    spec = {"id": "x-v0", "entry_point": "pathlib:Path.touch", "kwargs": {"self": str(canary.path)}}
    metadata |= {"env_spec": json.dumps(spec)}
    del metadata["observation_space"], metadata["action_space"]
    path.write_text(json.dumps(metadata))
    assert len(load([str(folder)])) == 15
    with pytest.raises(DataError, match="no flat shape"):
        append(folder, make_dataset().episodes)


GLOBALS = [b"cos\nsystem\n", b"cnumpy\nload\n", b"cbuiltins\neval\n", b"cnumpy.core.multiarray\nfromfile\n"]


@pytest.mark.parametrize("stream", [*(name + b"(S'true'\ntR." for name in GLOBALS), b"", b"garbage", b"\x80\x04K\x01"])
def test_streams_that_are_refused(tmp_path, stream):
    path = tmp_path / "x.pkl"
    path.write_bytes(stream)
    with pytest.raises(DataError, match=r"x\.pkl: refused"):
        load_restricted(path)


def hostile_array(kind="f8", shape=(2,), raw=b"\0" * 16, state=(3, "<", None, None, None, -1, -1, 0)):
    """A pickled array whose parts need not agree."""

    class Reduced:
        def __init__(self, function, arguments, state):
            self.parts = function, arguments, state

        def __reduce__(self):
            return self.parts

    dtype = Reduced(np.dtype, (kind, False, True), state)
    reconstruct = np.array(0).__reduce__()[0]
    return pickle.dumps(Reduced(reconstruct, (np.ndarray, (0,), b"b"), (1, shape, dtype, False, raw)))


def test_an_array_whose_parts_agree(tmp_path):
    (tmp_path / "x.pkl").write_bytes(hostile_array())
    np.testing.assert_array_equal(load_restricted(tmp_path / "x.pkl"), np.zeros(2))


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": (10**12,)},
        {"shape": (-1, -2)},
        {"shape": (3,)},
        {"raw": b"\0" * 15},
        {"raw": [1, 2]},
        {"kind": "O8", "raw": b"\0" * 16},
        {"kind": "V16"},
        {"kind": "f8,f8"},
        {"kind": "S999999999"},
        {"state": (3, "<", ("f8", (2,)), None, None, -1, -1, 0)},
    ],
)
def test_an_array_whose_parts_disagree(tmp_path, changes):
    (tmp_path / "x.pkl").write_bytes(hostile_array(**changes))
    with pytest.raises(DataError, match=r"x\.pkl: refused"):
        load_restricted(tmp_path / "x.pkl")


# Case 14: declared sizes, bombs, ways out


@pytest.fixture
def memory_limit():
    """Fails a test that allocates what a file declares."""
    import resource

    usual = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + LIMIT, usual[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, usual)


def npy(shape, content=b"", descr="<f4"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue() + content


def test_a_header_that_declares_more_than_the_archive_holds(tmp_path, memory_limit):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("actions.npy", npy((10**12,)))
    with pytest.raises(DataError, match=r"declares shape \(1000000000000,\), 4000000000000 bytes; the archive holds 0"):
        read_npz(tmp_path / "x.npz")


def test_an_object_array_with_a_header_of_another_size(tmp_path, memory_limit):
    content = pickle.dumps(np.array([{}], object))
    (tmp_path / "x.npy").write_bytes(npy((10**12,), content, "|O"))
    with pytest.raises(DataError, match="the header says shape"):
        load_restricted(tmp_path / "x.npy")


@pytest.mark.parametrize(
    "stream",
    [
        b"\x80\x05\x96" + (10**12).to_bytes(8, "little") + b"x.",  # BYTEARRAY8
        b"\x80\x04\x8e" + (10**12).to_bytes(8, "little") + b"x.",  # BINBYTES8
        b"\x80\x04]r" + (2**31).to_bytes(4, "little") + b".",  # a memory slot that would need gigabytes
        b"\x80\x04\x95" + (10**12).to_bytes(8, "little") + b"].",  # FRAME
    ],
)
def test_a_pickle_that_declares_more_than_it_holds(tmp_path, stream, memory_limit):
    (tmp_path / "x.pkl").write_bytes(stream)
    with pytest.raises(DataError, match="refused"):
        load_restricted(tmp_path / "x.pkl")


def test_a_zip_bomb(tmp_path, memory_limit):
    path = tmp_path / "bomb.npz"
    size = hdf5_module.SLACK * 4
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open("actions.npy", "w", force_zip64=True) as member,
    ):
        member.write(npy((size // 4,)))
        for _ in range(64):
            member.write(bytes(size // 64))
    with pytest.raises(DataError, match=r"bomb.npz: member 'actions.npy' unpacks from \d+ to \d+ bytes"):
        read_npz(path)


@pytest.mark.parametrize("name", ["../actions.npy", "/etc/actions.npy", "a/b.npy", "..\\actions.npy", "actions.py"])
def test_ways_out_of_an_archive(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr(name, npy((1,), bytes(4)))
    with pytest.raises(DataError, match="is refused"):
        read_npz(tmp_path / "x.npz")
    assert not (tmp_path.parent / "actions.npy").exists()


def test_an_archive_with_one_name_twice_or_damaged(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("actions.npy", npy((1,), bytes(4)))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("actions.npy", npy((1,), bytes(4)))
    with pytest.raises(DataError, match="twice"):
        read_npz(tmp_path / "x.npz")
    for content in (b"", b"PK\x03\x04", (tmp_path / "x.npz").read_bytes()[:-30]):
        (tmp_path / "y.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"y\.npz: not a readable"):
            read_npz(tmp_path / "y.npz")


def test_an_hdf5_file_that_declares_more_than_it_holds(tmp_path, memory_limit):
    path = tmp_path / "log.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("observations", (10**9, 1000), np.float32, chunks=(1024, 1), compression="gzip")
        file["actions"] = file["rewards"] = np.zeros((1, 1))
    with pytest.raises(DataError, match=r"log.hdf5: //observations declares shape \(1000000000, 1000\)"):
        read_file(path)


def test_hdf5_that_leads_out_of_the_file(tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(32))
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["rewards"] = np.zeros(4)

    def log(name, add):
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            file["observations"], file["actions"] = np.zeros((4, 1)), np.zeros((4, 1))
            add(file)
        return path

    def external(file):
        file.create_dataset("rewards", (4,), np.float64, external=[(str(secret), 0, 32)])

    def virtual(file):
        layout = h5py.VirtualLayout((4,), np.float64)
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.hdf5"), "rewards", (4,))
        file.create_virtual_dataset("rewards", layout)

    def link(file):
        file["rewards"] = h5py.ExternalLink(str(tmp_path / "other.hdf5"), "/rewards")

    def cycle(file):
        file.create_group("infos")["self"] = file["/"]
        file["rewards"] = np.zeros(4)
        file["terminals"] = file["/infos"]

    for name, add, words in [
        ("external.hdf5", external, "keeps its data in another file"),
        ("virtual.hdf5", virtual, "keeps its data in another file"),
        ("link.hdf5", link, "is a link"),
        ("soft.hdf5", lambda file: file.__setitem__("rewards", h5py.SoftLink("/actions")), "is a link"),
        ("cycle.hdf5", cycle, "nested more than"),
    ]:
        with pytest.raises(DataError, match=words):
            read_file(log(name, add))


# Cases 15 to 19: what stands in a stored dataset


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
    ],
)
def test_metadata_that_cannot_be_used(stored, changes, words):
    path = stored / "data" / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(DataError, match=words):
        load([str(stored)])


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
pathlib.Path.rename = deadly(pathlib.Path.rename)
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
    owner = os if name == "fsync" else Path
    function = getattr(owner, name)
    calls = 0

    def refuse(*arguments):
        nonlocal calls
        calls += 1
        if calls == fatal:
            raise OSError(28, "No space left on device")
        return function(*arguments)

    monkeypatch.setattr(owner, name, refuse)
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
