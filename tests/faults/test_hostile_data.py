"""Hostile files: pickles that would run, sizes that lie, ways out of an archive (cases 13 and 14 of the fault list)."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from awac.cli import main
from awac.data import Dataset, Episode, append, load, write
from awac.data import hdf5 as hdf5_module
from awac.data.imports import read_file
from awac.data.npz import read_npz
from awac.data.restricted import load as load_restricted
from awac.errors import DataError

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
    ones = np.ones((1, 1), np.float32)
    flags = np.ones((2, 1), bool)
    episode = Episode(np.ones((2, 1), np.float32), ones, ones[0], *flags)
    folder = write(Dataset((episode,)), tmp_path / "data")
    path = folder / "data" / "metadata.json"
    metadata = json.loads(path.read_text())
    spec = {"id": "x-v0", "entry_point": "pathlib:Path.touch", "kwargs": {"self": str(canary.path)}}
    metadata |= {"env_spec": json.dumps(spec)}
    del metadata["observation_space"], metadata["action_space"]
    path.write_text(json.dumps(metadata))
    assert len(load([str(folder)])) == 1
    with pytest.raises(DataError, match="no flat shape"):
        append(folder, [episode])


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
