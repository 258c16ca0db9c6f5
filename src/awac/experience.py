"""A run's own experience as a dataset: the prior data of the next run."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from awac import checkpoint
from awac.batch import Batch, Provenance
from awac.collect import action_bounds
from awac.config import Experiment, from_older_json
from awac.data.dataset import Dataset, Episode
from awac.data.writer import write
from awac.envs import make
from awac.envs.factory import Env
from awac.errors import DataError
from awac.journal import Journal
from awac.lock import FolderLock
from awac.run import LOCK, RunFolder

logger = logging.getLogger(__name__)


def episodes_of(batch: Batch, source: str, success: np.ndarray | None = None) -> list[Episode]:
    """Cuts transitions in time order into episodes, at terminations and truncations.

    The last episode may be under way; it ends neither terminated nor truncated.

    Args:
        batch: The transitions.
        source: For messages.
        success: of each as the journal keeps it; where the environment says it of some steps alone, the others have
            none.
    """
    ends = np.flatnonzero(np.asarray(batch.terminated | batch.truncated)) + 1
    starts = [0, *ends.tolist()]
    stops = [*ends.tolist(), batch.size]
    return [
        Episode(
            observations=np.concatenate([batch.observations[a:b], batch.next_observations[b - 1 : b]]),
            actions=batch.actions[a:b],
            rewards=batch.rewards[a:b],
            terminated=batch.terminated[a:b],
            truncated=batch.truncated[a:b],
            provenance=Provenance(int(batch.provenance[a])),
            infos={} if success is None else {"success": success[a:b] == 1},
            source=f"{source}, episode {index}",
        )
        for index, (a, b) in enumerate(zip(starts, stops, strict=True))
        if b > a
    ]


def write_experience(
    journal: Journal, count: int, cuts: tuple[int, ...], folder: Path, experiment: Experiment[Any], env: Env
) -> None:
    """Writes the online transitions of a run as a Minari dataset, in place of an earlier version of it.

    Args:
        journal: All online transitions, in time order and environment units.
        count: How many of them, 1 or more.
        cuts: Counts of transitions after which an episode was cut by a fault or a restart.
        folder: Where.
        experiment: For the dataset's metadata.
        env: For the bounds of actions.

    Raises:
        CheckpointError: the journal cannot be read.
        StorageError: the dataset cannot be written.
    """
    batch = journal.read(count)
    assert batch is not None
    truncated = batch.truncated.copy()
    truncated[[cut - 1 for cut in cuts]] = True
    episodes = episodes_of(batch._replace(truncated=truncated), str(folder), journal.read_success(count))
    metadata = {
        "env_id": experiment.env,
        "env_options": dict(experiment.env_options),
        "algorithm": experiment.algorithm,
        "seed": experiment.seed,
        "description": f"online experience of a run of {experiment.algorithm} on {experiment.env}",
    }
    write(Dataset(tuple(episodes), "experience", metadata, *action_bounds(env)), folder, overwrite=True)


def catch_up(run: Path) -> None:
    """Writes the experience of a run that was stopped or killed, up to its newest checkpoint. The run can go on after.

    Raises:
        CheckpointError: checkpoint or journal cannot be read.
        ConfigError: it is no run folder.
        DataError: the run made no step in the environment yet.
        LockedError: the run is under way.
        StorageError: the run folder cannot be written.
    """
    with FolderLock(run / LOCK):
        folder = RunFolder.view(run)
        experiment = from_older_json(folder.config)
        meta = checkpoint.load(folder.checkpoints).meta
        journal, count = Journal(folder.journal), int(meta["journal"])
        if not count:
            raise DataError(f"{folder.experience}: the run was stopped before its first step in the environment")
        options: dict[str, Any] = dict(experiment.env_options)
        env = make(experiment.env, **options)
        try:
            write_experience(journal, count, tuple(meta["cuts"]), folder.experience, experiment, env)
        finally:
            env.close()
    logger.warning("%s: of a run that was stopped, %d steps up to its newest checkpoint", folder.experience, count)
