"""Online transitions become episodes again, and episodes a dataset."""

from pathlib import Path
from types import SimpleNamespace

import gymnasium
import numpy as np

from awac.batch import Batch, Provenance
from awac.config import defaults
from awac.data.sources import load
from awac.experience import episodes_of, write_experience
from awac.journal import Journal


def transitions(lengths: list[int], terminated: list[bool], truncated: list[bool]) -> Batch:
    """Episodes of numbers that count up, so that a successor is recognised; the ends are as told."""
    size = sum(lengths)
    observations = np.concatenate([100.0 * i + np.arange(n) for i, n in enumerate(lengths)]).astype(np.float32)
    ends = np.cumsum(lengths) - 1
    flags = np.zeros((2, size), bool)
    flags[:, ends] = [terminated, truncated]
    return Batch(
        observations=observations[:, None],
        actions=np.zeros((size, 1), np.float32),
        rewards=np.arange(size, dtype=np.float32),
        next_observations=observations[:, None] + 1,
        terminated=flags[0],
        truncated=flags[1],
        provenance=np.full(size, Provenance.ONLINE, np.int8),
        steps=np.ones(size, np.int32),
    )


def test_episodes_are_cut_at_their_ends_and_keep_their_last_observation() -> None:
    batch = transitions([3, 2, 4], [True, False, False], [False, True, False])
    first, second, third = episodes_of(batch, "run")
    assert [len(episode) for episode in (first, second, third)] == [3, 2, 4]
    np.testing.assert_array_equal(first.observations[:, 0], [0, 1, 2, 3])
    np.testing.assert_array_equal(second.observations[:, 0], [100, 101, 102])
    assert first.terminated.tolist() == [False, False, True]
    assert second.truncated.tolist() == [False, True]
    assert not third.terminated.any()
    assert not third.truncated.any()


def test_a_cut_ends_an_episode_and_the_dataset_holds_the_same_transitions(tmp_path: Path) -> None:
    batch = transitions([5, 5], [False, False], [True, True])
    journal = Journal(tmp_path / "journal")
    journal.append(batch, np.array([-1, 0, -1, 1, 0, 0, 0, 0, 0, 1], np.int8))
    journal.commit()
    experiment = defaults("awac", "paper", "awac/PointMass-v0")
    space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    write_experience(journal, 10, (2,), tmp_path / "experience", experiment, SimpleNamespace(action_space=space))
    dataset = load([str(tmp_path / "experience")])
    success = [episode.success.tolist() for episode in dataset.episodes if episode.success is not None]
    assert success == [[False, False], [False, True, False], [False] * 4 + [True]]
    assert [len(episode) for episode in dataset.episodes] == [2, 3, 5]
    assert {episode.provenance for episode in dataset.episodes} == {Provenance.ONLINE}
    found = dataset.transitions()
    for name in ("observations", "next_observations", "rewards"):
        np.testing.assert_array_equal(getattr(found, name), getattr(batch, name))
    assert found.truncated.tolist() == [i in (1, 4, 9) for i in range(10)]
