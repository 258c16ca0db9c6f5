"""The clone matches what it was shown."""

import numpy as np

from awac.clone import clone_policy
from awac.data.dataset import Dataset, Episode

ENV = "awac/PointMass-v0"


def demonstrations(action: tuple[float, float]) -> Dataset:
    generator = np.random.default_rng(0)
    steps, size = 64, 4
    observations = generator.normal(size=(steps + 1, size)).astype(np.float32)
    nothing = np.zeros(steps, bool)
    episode = Episode(
        observations, np.tile(np.float32(action), (steps, 1)), np.zeros(steps, np.float32), nothing, nothing
    )
    return Dataset((episode,))


def test_it_takes_the_demonstrated_action_and_samples_around_it() -> None:
    calls: list[int] = []
    learner = clone_policy(
        demonstrations((0.5, -0.25)), ENV, 4000, seed=0, hidden=(64,), progress=lambda done, _: calls.append(done)
    )
    observations = np.zeros((200, 4), np.float32)
    np.testing.assert_allclose(learner.act(observations, deterministic=True)[0], [0.5, -0.25], atol=0.1)
    sampled = learner.act(observations)
    assert sampled.std(axis=0).min() > 1e-4
    np.testing.assert_allclose(sampled.mean(axis=0), [0.5, -0.25], atol=0.1)
    assert calls == list(range(500, 4001, 500))


def test_the_seed_decides() -> None:
    first, again, other = (clone_policy(demonstrations((0.1, 0.2)), ENV, 50, seed, hidden=(8,)) for seed in (0, 0, 1))
    observations = np.ones((3, 4), np.float32)
    mean = [learner.act(observations, deterministic=True) for learner in (first, again, other)]
    np.testing.assert_array_equal(mean[0], mean[1])
    assert (mean[0] != mean[2]).any()
