"""The policy of a finished run, of a folder of its own, or of the newest checkpoint: where it is, and how it acts."""

import functools
from pathlib import Path

import numpy as np

from awac import checkpoint
from awac.collect import Act
from awac.errors import ConfigError
from awac.policy_file import ARRAYS
from awac.runtime import Policy
from awac.scaling import Scaling


def find_policy(folder: Path) -> Path:
    """The policy folder in a run folder, or the folder itself if it is one.

    Raises:
        ConfigError: There is no policy.
    """
    places = (folder, folder / "policy")
    for place in places:
        if (place / ARRAYS).exists():  # policy.json may be the contract of a graph
            return place
    raise ConfigError(f"{folder}: no policy here; looked for {' and '.join(str(p / ARRAYS) for p in places)}")


def acts_by_checkpoint(folder: Path) -> bool:
    """Whether a folder is a run without policy files: it was killed, or its method acts through the critic."""
    return not (folder / "policy").exists() and bool(checkpoint.steps(folder / "checkpoints"))


def saved_act(
    folder: Path, deterministic: bool, generator: np.random.Generator, step: checkpoint.Step | None = None
) -> tuple[Act, Scaling]:
    """The policy in a folder as it acts on batches of observations, and the bounds that it acts within.

    A run folder without a policy file acts by its newest checkpoint, where it has one.

    Args:
        folder: of a run, or of a policy.
        deterministic: mean actions.
        generator: of the samples.
        step: act by this checkpoint of a run.

    Raises:
        AwacError: there is no policy, or it cannot be read.
    """
    if step is not None or acts_by_checkpoint(folder):
        from awac.restored import restored  # JAX, for those who need it

        learner = restored(folder, step)
        learner.reseed(int(generator.integers(2**32)))
        return functools.partial(learner.act, deterministic=deterministic), learner.scaling
    policy = Policy.load(find_policy(folder))
    return functools.partial(policy.act, deterministic=deterministic, generator=generator), policy.scaling
