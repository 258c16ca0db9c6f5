"""Episodes as a recorder sees them, and what an importer must make of them."""

import h5py
import numpy as np

from awac.data.imports import read_file
from awac.data.validate import check_stored

OBSERVATION, ACTION = 3, 2


def recorded(lengths, seed=0):
    """Episodes as a recorder sees them: T + 1 observations, far apart between episodes."""
    generator = np.random.default_rng(seed)
    return [
        {
            "observations": generator.normal(size=(length + 1, OBSERVATION)) + 100 * index,
            "actions": generator.uniform(-1, 1, (length, ACTION)),
            "rewards": generator.normal(size=length),
        }
        for index, length in enumerate(lengths)
    ]


def imported(path, options=None, **kwargs):
    dataset, report = check_stored(read_file(path, options), **kwargs)
    report.raise_errors()
    return dataset, report


def assert_holds(dataset, episodes, steps=None):
    """The dataset has these episodes, or the first `steps` of each."""
    assert len(dataset.episodes) == len(episodes)
    for found, episode in zip(dataset.episodes, episodes, strict=True):
        length = len(episode["actions"]) + (steps or 0)
        for name, extra in (("observations", 1), ("actions", 0), ("rewards", 0)):
            expected = episode[name][: length + extra].astype(np.float32)
            np.testing.assert_array_equal(getattr(found, name), expected, name)


def ends(dataset):
    return [(bool(e.terminated[-1]), bool(e.truncated[-1])) for e in dataset.episodes]


def flat(episodes, terminated=(), successors=True):
    """The same as flat arrays; episodes in `terminated` end so, the others by their time limit."""
    arrays = {
        "observations": np.concatenate([episode["observations"][:-1] for episode in episodes]),
        "actions": np.concatenate([episode["actions"] for episode in episodes]),
        "rewards": np.concatenate([episode["rewards"] for episode in episodes]),
    }
    ends = np.cumsum([len(episode["actions"]) for episode in episodes]) - 1
    flags = {"terminals": np.zeros(len(arrays["actions"]), bool), "timeouts": np.zeros(len(arrays["actions"]), bool)}
    for index, end in enumerate(ends):
        flags["terminals" if index in terminated else "timeouts"][end] = True
    if successors:
        arrays["next_observations"] = np.concatenate([episode["observations"][1:] for episode in episodes])
    return arrays | flags


def write_hdf5(path, arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, compression="gzip")
    return path
