"""Where datasets are written: what is there already is kept, and whether there is room is known before."""

import os

import pytest

from awac.cli import main
from awac.data import append, write
from awac.data.writer import refuse_existing
from awac.errors import DataError, StorageError
from tests.faults.test_data import make_dataset

FOREIGN = {
    "a file": (lambda folder: folder.write_text("years of work"), ""),
    "sources": (lambda folder: write_text(folder / "thesis.txt"), "thesis.txt"),
    "other datasets": (lambda folder: write(make_dataset(), folder / "other"), "other"),
    "a dataset of another name": (lambda folder: write(make_dataset(), folder / "data"), "data/data"),
    "beside a dataset": (
        lambda folder: write_text(write(make_dataset(), folder) / "data" / "notes.txt"),
        "data/notes.txt",
    ),
}


def write_text(path):
    path.parent.mkdir(exist_ok=True)
    path.write_text("years of work")


@pytest.mark.parametrize("case", FOREIGN)
@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_nothing_but_a_dataset_is_ever_replaced(tmp_path, case, overwrite, capsys):
    folder = tmp_path / "mine"
    make, name = FOREIGN[case]
    make(folder)
    before = sorted(tmp_path.rglob("*"))
    command = ["data", "collect", "--env", "awac/PointMass-v0", "--episodes", "1", "--to", str(folder), *overwrite]
    assert main(command) == 3
    said = capsys.readouterr().err
    assert f"{folder}: {folder / name}" in said or "there is a dataset already" in said
    with pytest.raises(DataError, match="no part of a dataset"):
        write(make_dataset(), folder, overwrite=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_comes_while_a_dataset_is_written_is_kept(tmp_path, monkeypatch):
    fsync = os.fsync

    def late(descriptor):
        write_text(tmp_path / "new" / "thesis.txt")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", late)
    with pytest.raises(DataError, match=r"thesis.txt is there, which is no part of a dataset"):
        write(make_dataset(), tmp_path / "new")
    assert [path.name for path in tmp_path.rglob("*")] == ["new", "thesis.txt"]


def test_room_is_asked_for_before_anything_is_written(tmp_path, monkeypatch):
    """What is asked for is what the file will need, and not much more: HDF5 may die of a full disk."""
    asked = []
    monkeypatch.setattr("awac.storage.require_space", lambda _, wanted: asked.append(wanted))
    for count, length in ((200, 1), (20, 300)):
        folder = write(make_dataset(count, length), tmp_path / str(count))
        size = (folder / "data" / "main_data.hdf5").stat().st_size
        assert size < asked.pop() < 1.3 * size
        append(folder, make_dataset(count, length).episodes)
        assert 1.9 * size < asked.pop() < 2.3 * size
    monkeypatch.undo()
    monkeypatch.setattr("awac.storage.free_bytes", lambda _: 10_000)
    with pytest.raises(StorageError, match=r"the disk is full \(\d+ bytes wanted, 10000 free\)"):
        write(make_dataset(), tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["20", "200"]


@pytest.mark.parametrize("error", [ValueError, RuntimeError])
def test_a_disk_that_is_full_in_the_words_of_hdf5(tmp_path, monkeypatch, error):
    def refuse(*_):
        raise error("file write failed: errno = 28, error message = 'No space left on device'")

    monkeypatch.setattr("minari.dataset._storages.hdf5_storage.HDF5Storage.update_episodes", refuse)
    with pytest.raises(StorageError, match=r"new: the dataset was not written: file write failed: .*No space left"):
        write(make_dataset(), tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("to", "code"), [("file/data", 8), ("minari/no-version", 3)])
def test_a_place_where_nothing_can_be_written_is_told_before_the_work(tmp_path, monkeypatch, to, code):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    monkeypatch.setattr("awac.data.generate.collect", lambda *_: pytest.fail("it worked"))
    (tmp_path / "file").touch()
    command = ["data", "collect", "--env", "awac/PointMass-v0", "--episodes", "1", "--to", str(tmp_path / to)]
    assert main(command) == code
    refuse_existing(tmp_path / "a" / "b", overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
