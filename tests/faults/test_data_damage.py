"""Bytes that were flipped, and files that grow: each is refused, or read, and nothing else is raised."""

import pickle
import random

import h5py
import numpy as np
import pytest

from awac.data.imports import read_file
from awac.data.npz import read_npz
from awac.data.restricted import load as load_restricted
from awac.data.validate import check_stored
from awac.errors import DataError
from tests.unit.recordings import flat, recorded, write_hdf5

ROUNDS = 60


@pytest.fixture(params=["npz", "hdf5"])
def intact(tmp_path, request):
    path = tmp_path / f"log.{request.param}"
    arrays = flat(recorded((30, 20)))
    np.savez_compressed(path, **arrays) if request.param == "npz" else write_hdf5(path, arrays)
    return path


def test_flipped_bytes(intact):
    content = intact.read_bytes()
    chance = random.Random(0)
    read = 0
    for _ in range(ROUNDS):
        damaged = bytearray(content)
        damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        intact.write_bytes(damaged)
        try:
            check_stored(read_file(intact))
            read += 1
        except DataError:
            pass
    assert read < ROUNDS


def test_a_damaged_stream_in_an_archive(tmp_path):
    path = tmp_path / "log.npz"
    np.savez_compressed(path, actions=np.random.default_rng(0).normal(size=1000))
    content = bytearray(path.read_bytes())
    content[1000:1100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"log.npz: not a readable .npz archive"):
        read_npz(path)


@pytest.mark.parametrize(
    ("name", "words"),
    [("infos", "log.hdf5: /infos is an array, expected a group"), (b"infos/\xff", "/infos: a name in it is no UTF-8")],
)
def test_what_is_no_group_and_no_name(tmp_path, name, words):
    path = write_hdf5(tmp_path / "log.hdf5", flat(recorded((4,))))
    with h5py.File(path, "a") as file:
        file[name] = np.zeros(4)
    with pytest.raises(DataError, match=words):
        read_file(path)


FLOATS = [0.0] * 300


@pytest.mark.parametrize(
    "shared",
    [[[[FLOATS] * 300] * 300] * 5, [np.zeros(10_000)] * 3000, ["x" * 10_000, *["y"] * 3000]],
    ids=["lists", "arrays", "text"],
)
def test_a_pickle_that_grows_when_it_becomes_arrays(tmp_path, shared):
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps([{"observations": shared, "actions": [[0.0]] * 5, "rewards": FLOATS}]))
    with pytest.raises(DataError, match=r"x.pkl: refused: \d+ bytes whose lists, one inside the other, stand for \d+"):
        load_restricted(path)
