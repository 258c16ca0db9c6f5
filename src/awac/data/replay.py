"""`medium-replay`: what the training of the medium policy experienced, by running that training again.

Given the same versions, it is to the last bit what that training experienced, and ends at the very policy.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from awac.config import Experiment, from_older_json
from awac.data.dataset import Episode
from awac.data.store import read
from awac.data.validate import check_stored
from awac.envs.locomotion import ExpertCard
from awac.errors import ConfigError
from awac.run import CONFIG
from awac.training import resume, train

logger = logging.getLogger(__name__)


def replay(card: ExpertCard, seed: int, steps: int | None, folder: Path) -> list[Episode]:
    """Trains as a card says, and gives the episodes of that training.

    Args:
        card: of the policy.
        seed: added to the seed of its training.
        steps: of the training; all of them where None.
        folder: of the run; a training that was interrupted there goes on.

    Raises:
        ConfigError: more steps than the training has, or another training lies in the folder.
        SystemExit: a signal stopped it; the next call goes on.
    """
    experiment = again(card, seed, steps, folder)
    if (folder / CONFIG).exists():
        result = resume(folder, experiment)
    else:
        folder.parent.mkdir(parents=True, exist_ok=True)
        result = train(experiment)
    if result.exit_code:
        logger.warning("the training is kept in %s; the same command goes on with it", folder)
        raise SystemExit(result.exit_code)
    dataset, report = check_stored(read(folder / "experience"))
    report.raise_errors()
    assert dataset is not None
    *whole, last = dataset.episodes
    truncated = last.truncated.copy()
    truncated[-1] = not last.terminated[-1]  # the end of the training cut it
    return [*whole, replace(last, truncated=truncated)]


def again(card: ExpertCard, seed: int, steps: int | None, folder: Path) -> Experiment[Any]:
    """The training of a card; what awac has learned to set since then has its default."""
    count = card.steps if steps is None else steps
    if count > card.steps:
        raise ConfigError(f"steps is {count}; allowed: at most {card.steps}, the training of the {card.level} policy")
    experiment = from_older_json(card.experiment)
    return replace(
        experiment,
        online_steps=count,
        seed=experiment.seed + seed,
        folder=str(folder),
        video=False,
        sinks=(),
    )
