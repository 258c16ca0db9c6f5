"""The journal of online transitions."""

import re

import numpy as np
import pytest

from awac.batch import Batch, Provenance, concatenate
from awac.errors import CheckpointError
from awac.journal import Journal


def transitions(first: int, count: int) -> Batch:
    generator = np.random.default_rng(first)
    observations = generator.normal(size=(count, 4)).astype(np.float32)
    terminated = generator.random(count) < 0.5
    rewards = np.arange(first, first + count, dtype=np.float32)
    provenance, steps = np.full(count, Provenance.ONLINE, np.int8), np.ones(count, np.int32)
    return Batch(
        observations, observations[:, :2], rewards, observations + 1, terminated, ~terminated, provenance, steps
    )


def filled(folder) -> Journal:
    """Three segments, of 5, 2 and 3 transitions."""
    journal = Journal(folder)
    for chunks in ([(0, 2), (2, 3)], [(5, 2)], [(7, 1), (8, 2)]):
        for first, count in chunks:
            journal.append(transitions(first, count))
        journal.commit()
    return journal


def assert_same(batch, other):
    for (name, array), wanted in zip(batch.stored().items(), other.stored().values(), strict=True):
        assert (array.dtype, array.tobytes()) == (wanted.dtype, wanted.tobytes()), name


def test_transitions_come_back_bit_for_bit(tmp_path):
    filled(tmp_path)
    journal = Journal(tmp_path)
    expected = concatenate([transitions(*chunk) for chunk in ((0, 2), (2, 3), (5, 2), (7, 1), (8, 2))])
    assert journal.count == 10
    assert_same(journal.read(), expected)
    assert [batch.size for batch in journal.segments()] == [5, 2, 3]
    assert_same(journal.read(7), expected.map(lambda array: array[:7]))


def test_success_comes_back_beside_them(tmp_path):
    journal = filled(tmp_path)
    assert journal.read_success() is None
    journal.append(transitions(10, 2), np.array([1, -1], np.int8))
    journal.append(transitions(12, 1), np.array([0], np.int8))
    journal.commit()
    assert Journal(tmp_path).read_success().tolist() == [-1] * 10 + [1, -1, 0]
    assert journal.read_success(10) is None


def test_nothing_is_nothing(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.append(transitions(0, 1).map(lambda array: array[:0]))
    assert journal.commit() == 0
    assert journal.read() is None
    assert list((tmp_path / "journal").iterdir()) == []
    journal.truncate(0)


def test_a_commit_without_new_transitions_writes_nothing(tmp_path):
    journal = filled(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert journal.commit() == 10
    assert sorted(tmp_path.iterdir()) == before


def test_what_a_resume_abandons_is_dropped(tmp_path):
    filled(tmp_path)
    journal = Journal(tmp_path)
    journal.append(transitions(50, 1))
    journal.truncate(5)
    journal.append(transitions(100, 4))
    assert journal.commit() == 9
    stored = Journal(tmp_path).read()
    assert stored is not None
    np.testing.assert_array_equal(stored.rewards, [0, 1, 2, 3, 4, 100, 101, 102, 103])


@pytest.mark.parametrize("count", [1, 6, 11])
def test_a_count_that_no_checkpoint_can_have_is_refused(tmp_path, count):
    journal = filled(tmp_path)
    with pytest.raises(CheckpointError, match=f"holds 10 transitions, and none of its segments ends at {count}"):
        journal.read(count)
    with pytest.raises(CheckpointError):
        journal.truncate(count)
    assert journal.count == 10


@pytest.mark.parametrize("name", ["manifest.json", "transitions.safetensors"])
def test_a_damaged_segment_is_named_and_the_ones_before_it_are_read(tmp_path, name):
    filled(tmp_path)
    file = tmp_path / "segment-000001" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x5A
    file.write_bytes(content)
    journal = Journal(tmp_path)
    with pytest.raises(CheckpointError, match=re.escape(str(file))):
        journal.read()
    assert journal.read(5) is not None
    journal.truncate(5)
    journal.append(transitions(5, 1))
    assert journal.commit() == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["segment-000000", "segment-000001"]


def test_a_damaged_end_does_not_get_followed(tmp_path):
    filled(tmp_path)
    (tmp_path / "segment-000002" / "manifest.json").unlink()
    journal = Journal(tmp_path)
    journal.append(transitions(10, 1))
    with pytest.raises(CheckpointError, match="segment-000002"):
        journal.commit()


def test_a_missing_segment_is_named(tmp_path):
    filled(tmp_path)
    (tmp_path / "segment-000001").rename(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="segment-000001 is missing"):
        Journal(tmp_path).read()
