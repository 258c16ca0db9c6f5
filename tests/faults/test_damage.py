"""Checkpoints that are damaged, half-written or of another version: cases 4, 7 and 10 of docs/faults.md."""

import json
import logging
import re
import shutil
from pathlib import Path

import pytest

from awac import archive, checkpoint
from awac.errors import CheckpointError
from tests.faults.saves import PARTS, save, value_of


@pytest.mark.parametrize("name", [*(f"{part}.safetensors" for part in PARTS), "manifest.json"])
@pytest.mark.parametrize("damage", ["first byte", "middle byte", "last byte", "tail", "all", "missing"])
def test_a_damaged_part_is_refused(tmp_path, caplog, name, damage):
    save(tmp_path, 1)
    file = save(tmp_path, 2) / name
    content = bytearray(file.read_bytes())
    place = {"first byte": 0, "middle byte": len(content) // 2, "last byte": len(content) - 1}.get(damage)
    if place is not None:
        content[place] ^= 0x5A
    file.write_bytes(content if place is not None else content[: -7 if damage == "tail" else 0])
    if damage == "missing":
        file.unlink()
    said = re.escape(str(file)) + (f".*part '{file.stem}'" if file.suffix == ".safetensors" else ".*manifest")
    for explicit in ({"step": 2}, {"explicit": True}):
        with pytest.raises(CheckpointError, match=said) as caught:
            checkpoint.load(tmp_path, **explicit)
        assert caught.value.exit_code == 4
    with pytest.raises(CheckpointError, match=said):
        checkpoint.load(file.parent)
    with caplog.at_level(logging.WARNING):
        assert value_of(checkpoint.load(tmp_path)) == 1
    assert "step-000000002 is damaged" in caplog.text
    assert str(file) in caplog.text
    assert "loading step-000000001" in caplog.text


def test_two_damaged_in_a_row_are_the_users_choice(tmp_path):
    for step in (1, 2, 3):
        save(tmp_path, step)
    for step in (2, 3):
        (tmp_path / f"step-00000000{step}" / "actor.safetensors").write_bytes(b"")
    with pytest.raises(
        CheckpointError, match=r"two newest .*step-000000003.*step-000000002.*older ones: step-000000001"
    ):
        checkpoint.load(tmp_path)
    assert value_of(checkpoint.load(tmp_path, step=1)) == 1


def test_what_a_crash_left_is_cleaned(tmp_path, caplog):
    save(tmp_path, 1)
    shutil.copytree(save(tmp_path, 2), tmp_path / ".tmp-step-000000003")
    (tmp_path / ".tmp-step-000000003" / "manifest.json").unlink()
    (tmp_path / ".tmp-note").write_text("half")
    (tmp_path / "step-000000002" / "manifest.json").unlink()
    assert checkpoint.steps(tmp_path) == [1, 2], "temporary names are no checkpoints"
    loaded = checkpoint.load(tmp_path)
    assert loaded.step == 1
    assert checkpoint.discard_newer(loaded) == ["step-000000002"]
    save(tmp_path, 3)
    assert "removed what an earlier crash left" in caplog.text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000001", "step-000000003"]
    assert value_of(checkpoint.load(tmp_path)) == 3


def with_format(folder: Path, version: int) -> None:
    manifest = json.loads((folder / "manifest.json").read_text()) | {"format": version, "awac": "9.9.9"}
    manifest["sha256"] = archive._manifest_hash(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_newer_format_is_refused_with_both_versions(tmp_path):
    save(tmp_path, 1)
    with_format(save(tmp_path, 2), 2)
    for options in ({}, {"step": 2}):
        with pytest.raises(CheckpointError, match=r"format 2 \(awac 9\.9\.9\).* reads formats up to 1"):
            checkpoint.load(tmp_path, **options)


def test_an_older_format_is_migrated_and_kept(tmp_path, monkeypatch):
    folder = save(tmp_path, 1)
    with_format(folder, 0)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(CheckpointError, match=r"format 0, which awac with format 1 no longer reads"):
        checkpoint.load(tmp_path)

    def rename_actor(parts, manifest):
        renamed = {"policy" if name == "actor" else name: arrays for name, arrays in parts.items()}
        return renamed, {**manifest, "meta": {**manifest["meta"], "migrated": True}}

    monkeypatch.setitem(archive.MIGRATIONS, 0, rename_actor)
    loaded = checkpoint.load(tmp_path)
    assert set(loaded.parts) == {"policy", "buffer", "critic"}
    assert loaded.meta == {"value": 1, "migrated": True}
    for step in range(2, 8):
        save(tmp_path, step)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before, "pruning spares the original"
    assert checkpoint.steps(tmp_path) == [1, 5, 6, 7]
