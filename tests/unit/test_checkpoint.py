"""Checkpoints and archives when nothing fails."""

import json
import logging

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from awac import archive, checkpoint
from awac.errors import CheckpointError
from awac.saver import Saver

KINDS = ["bool", "int8", "uint8", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"]


def save(root, step, **options):
    return checkpoint.save(root, step, {"actor": {"weight": np.full(3, step, np.float32)}}, {"value": step}, **options)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(KINDS).flatmap(lambda kind: arrays_of.arrays(kind, arrays_of.array_shapes(min_dims=0, min_side=0)))
)
def test_any_array_comes_back_bit_for_bit(tmp_path_factory, array):
    root = tmp_path_factory.mktemp("root")
    checkpoint.save(root, 0, {"part": {"array": array}}, {})
    loaded = checkpoint.load(root).parts["part"]["array"]
    assert (loaded.dtype, loaded.shape, loaded.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert loaded.flags.writeable


def test_views_and_foreign_byte_orders_keep_their_values(tmp_path):
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4)
    parts = {"p": {"turned": matrix.T, "strided": matrix[::2, ::-1], "big": np.arange(5, dtype=">f8")}, "empty": {}}
    checkpoint.save(tmp_path, 1, parts, {})
    loaded = checkpoint.load(tmp_path).parts
    assert loaded["empty"] == {}
    for name, array in parts["p"].items():
        np.testing.assert_array_equal(loaded["p"][name], array)


def test_meta_comes_back_exactly(tmp_path):
    meta = {"generator": 2**128 - 1, "best": 0.1 + 0.2, "none": None, "nested": {"list": [1, "a", True]}}
    checkpoint.save(tmp_path, 7, {}, meta)
    loaded = checkpoint.load(tmp_path)
    assert (loaded.step, loaded.meta, loaded.path) == (7, meta, tmp_path / "step-000000007")


def test_manifest_describes_every_part(tmp_path):
    folder = save(tmp_path, 12)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["format"], manifest["step"], manifest["awac"]) == (archive.FORMAT, 12, "0.1.0")
    assert manifest["parts"]["actor"]["bytes"] == (folder / "actor.safetensors").stat().st_size
    assert len(manifest["parts"]["actor"]["sha256"]) == 64


def test_the_last_three_and_the_best_are_kept(tmp_path):
    for step in range(10):
        save(tmp_path, step, best=step in (1, 4))
    assert checkpoint.steps(tmp_path) == [4, 7, 8, 9]
    assert checkpoint.best_step(tmp_path) == checkpoint.load(tmp_path, "best").step == 4
    save(tmp_path, 10, keep=1)
    assert checkpoint.steps(tmp_path) == [4, 10]
    save(tmp_path / "none", 1)
    assert checkpoint.best_step(tmp_path / "none") is None
    with pytest.raises(CheckpointError, match=r"no best checkpoint in .*none; there are those of steps \[1\]"):
        checkpoint.load(tmp_path / "none", "best")


def test_a_step_saved_twice_supersedes(tmp_path):
    save(tmp_path, 5)
    checkpoint.save(tmp_path, 5, {}, {"value": "second"})
    assert checkpoint.steps(tmp_path) == [5]
    assert checkpoint.load(tmp_path).meta == {"value": "second"}
    assert checkpoint.load(tmp_path / "step-000000005").meta == {"value": 5}
    assert checkpoint.load(tmp_path, step=5).path.name == "step-000000005-2"
    assert checkpoint.discard_newer(checkpoint.load(tmp_path / "step-000000005")) == ["step-000000005-2"]


def test_steps_are_ordered_as_numbers(tmp_path):
    for step in (999_999_999, 1_000_000_000, 3):
        save(tmp_path, step)
    assert checkpoint.load(tmp_path).step == 1_000_000_000


def test_the_future_of_an_earlier_step_is_discarded(tmp_path):
    for step in (10, 20, 30):
        save(tmp_path, step)
    assert checkpoint.discard_newer(checkpoint.load(tmp_path, step=10)) == ["step-000000020", "step-000000030"]
    save(tmp_path, 15)
    assert checkpoint.load(tmp_path).step == 15


def test_there_is_none(tmp_path):
    assert checkpoint.steps(tmp_path / "nowhere") == []
    with pytest.raises(CheckpointError, match=r"no checkpoint in .*nowhere"):
        checkpoint.load(tmp_path / "nowhere")
    save(tmp_path, 3)
    with pytest.raises(CheckpointError, match=r"no checkpoint of step 4 in .*those of steps \[3\]"):
        checkpoint.load(tmp_path, step=4)


@pytest.mark.parametrize("name", ["", "../actor", "a/b", ".hidden", "a b", "a\n"])
def test_part_names_are_plain_file_names(tmp_path, name):
    with pytest.raises(ValueError, match="part name"):
        checkpoint.save(tmp_path, 1, {name: {}}, {})
    assert checkpoint.steps(tmp_path) == []


@pytest.mark.parametrize(("meta", "error"), [({"a": float("nan")}, ValueError), ({"a": np.zeros(1)}, TypeError)])
def test_meta_that_is_not_json_is_a_bug_and_says_so(tmp_path, meta, error):
    with pytest.raises(error):
        checkpoint.save(tmp_path, 1, {}, meta)
    assert list(tmp_path.iterdir()) == []


def test_objects_are_no_arrays(tmp_path):
    with pytest.raises(TypeError, match=r"part 'actor'.*object"):
        checkpoint.save(tmp_path, 1, {"actor": {"x": np.array([{}])}}, {})


def forge(folder, **entries):
    """Changes the manifest and signs it anew, as a hostile author would."""
    manifest = json.loads((folder / "manifest.json").read_text()) | entries
    manifest["sha256"] = archive._manifest_hash(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("parts", [{"../../etc/passwd": {"bytes": 1, "sha256": ""}}, {"actor": {}}, {"actor": 3}])
def test_a_forged_manifest_reaches_no_other_file(tmp_path, parts):
    folder = save(tmp_path, 1)
    forge(folder, parts=parts)
    with pytest.raises(CheckpointError, match="no plain file name with its length and SHA-256"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("entries", [{"step": 2}, {"meta": 3}, {"format": "1"}, {"parts": []}])
def test_a_forged_manifest_of_another_form_is_refused(tmp_path, entries):
    forge(save(tmp_path, 1), **entries)
    with pytest.raises(CheckpointError, match=r"manifest\.json"):
        checkpoint.load(tmp_path)


def test_a_header_that_declares_too_much_allocates_nothing(tmp_path):
    folder = save(tmp_path, 1)
    header = b'{"x":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'
    content = len(header).to_bytes(8, "little") + header
    (folder / "actor.safetensors").write_bytes(content)
    forge(folder, parts={"actor": {"bytes": len(content), "sha256": archive.hashlib.sha256(content).hexdigest()}})
    with pytest.raises(CheckpointError, match="part 'actor' is no safetensors file"):
        checkpoint.load(tmp_path)


def test_parts_are_plain_safetensors(tmp_path):
    loaded = safetensors.numpy.load_file(save(tmp_path, 2) / "actor.safetensors")
    np.testing.assert_array_equal(loaded["weight"], np.full(3, 2, np.float32))


def test_saver_saves_a_state_once(tmp_path):
    saver = Saver(tmp_path)
    assert saver.save(1, lambda: ({}, {"metrics": 10}))
    assert saver.save(1, lambda: ({}, {"metrics": 10}), last=True)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001"]
    assert saver.save(1, lambda: ({}, {"metrics": 20}))
    assert checkpoint.load(tmp_path).meta == {"metrics": 20}


def test_a_good_load_says_nothing(tmp_path, caplog):
    save(tmp_path, 1)
    with caplog.at_level(logging.INFO):
        checkpoint.load(tmp_path)
    assert caplog.text == ""


@pytest.mark.parametrize(("step", "keep"), [(-1, 3), (0, 0)])
def test_senseless_arguments_are_refused(tmp_path, step, keep):
    with pytest.raises(ValueError, match="at least"):
        save(tmp_path, step, keep=keep)
