"""The learner of a run as its newest checkpoint left it: it acts where there is no policy file.

There is none where a method acts through its critic, and where a run has not come to its end.
"""

from pathlib import Path
from typing import Any

from awac import checkpoint
from awac.algorithms import ALGORITHMS
from awac.config import Experiment, from_older_json
from awac.envs import make
from awac.errors import ConfigError
from awac.learner import Learner
from awac.prior import load_prior, scaling_for
from awac.run import RunFolder
from awac.runtime import Card, Policy
from awac.scaling import Scaling


def restored(path: Path, step: checkpoint.Step | None = None) -> Learner:
    """A learner with the state of the newest checkpoint in a run folder, or of another, and an empty buffer.

    Raises:
        CheckpointError: there is no checkpoint, or it cannot be read.
        ConfigError: it is no run folder.
        DataError: a checkpoint of an earlier version, whose observations are normalised by prior data that are gone.
    """
    return _restore(path, step)[0]


def restored_policy(path: Path, step: checkpoint.Step | None = None) -> Policy:
    """The policy of the newest checkpoint in a run folder, or of the one saved at `step`, or of the best.

    Raises:
        AwacError: as `restored`.
        ConfigError: the method acts through its critic, so that there is none.
    """
    learner, saved, experiment = _restore(path, step)
    if learner.algorithm.act is not None:
        raise ConfigError(f"{path}: no policy to take out: {experiment.algorithm} acts through its critic")
    online = int(saved.meta["online"])
    card = Card(experiment.algorithm, experiment.env, online or int(saved.meta["offline"]) - experiment.offline_steps)
    return learner.policy(card)


def _restore(path: Path, step: checkpoint.Step | None) -> tuple[Learner, checkpoint.Checkpoint, Experiment[Any]]:
    folder = RunFolder.view(path)
    experiment = from_older_json(folder.config)
    saved = checkpoint.load(folder.checkpoints, step)
    algorithm = ALGORITHMS[experiment.algorithm]
    scaling = Scaling(**saved.parts["scaling"]) if "scaling" in saved.parts else _scaling(experiment)
    learner = Learner(algorithm, experiment.hyperparameters, scaling, experiment.seed, capacity=1)
    learner.restore(saved.parts["learner"])
    return learner, saved, experiment


def _scaling(experiment: Experiment[Any]) -> Scaling:
    """As at the start of the run, for checkpoints of earlier versions, which do not hold it."""
    options: dict[str, Any] = dict(experiment.env_options)
    env = make(experiment.env, **options)
    try:
        prior = load_prior(experiment, env).learned if experiment.normalize_observations else None
        return scaling_for(experiment, env, prior)
    finally:
        env.close()
