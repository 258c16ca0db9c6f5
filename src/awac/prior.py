"""The prior data of a run: loaded, checked against the environment, split, and what they say of the units."""

from dataclasses import replace
from typing import Any

from awac.batch import Batch
from awac.collect import action_bounds, size_of
from awac.config import Experiment
from awac.data.dataset import Dataset
from awac.data.sources import load
from awac.data.validate import Spaces
from awac.envs.guard import Guard
from awac.errors import ConfigError
from awac.scaling import Scaling


def load_prior(experiment: Experiment[Any], env: Guard) -> tuple[Batch | None, Batch | None]:
    """What the experiment learns from, and the episodes held out of it; None where there are none.

    Raises:
        ConfigError: episodes are to be held out, and none would be left.
        DataError: the data cannot be read, or do not fit the environment's sizes and action bounds.
    """
    if not experiment.data:
        if experiment.held_out_episodes:
            raise ConfigError(f"held_out_episodes={experiment.held_out_episodes} needs data; give --data")
        return None, None
    spaces = Spaces(size_of(env.observation_space), *action_bounds(env))
    learned, held_out = split(load(experiment.data, download=experiment.download, spaces=spaces), experiment)
    return learned.transitions(), None if held_out is None else held_out.transitions()


def split(data: Dataset, experiment: Experiment[Any]) -> tuple[Dataset, Dataset | None]:
    """The data without `held_out_episodes` of their episodes, evenly spaced, and those."""
    count, total = experiment.held_out_episodes, len(data.episodes)
    if not count:
        return data, None
    if count >= total:
        raise ConfigError(f"held_out_episodes={count} leaves nothing of {total} episodes to learn from")
    chosen = {(2 * place + 1) * total // (2 * count) for place in range(count)}
    parts = (tuple(e for n, e in enumerate(data) if (n in chosen) == out) for out in (False, True))
    learned, held_out = (replace(data, episodes=episodes) for episodes in parts)
    return learned, held_out


def scaling_for(experiment: Experiment[Any], env: Guard, prior: Batch | None) -> Scaling:
    """Action bounds of the environment; observations as they are, or by the prior data's mean and deviation."""
    if not experiment.normalize_observations:
        return Scaling.of_space(size_of(env.observation_space), env.action_space)
    if prior is None:
        raise ConfigError("normalize_observations needs data; give --data")
    return Scaling.of_data(prior.observations, *action_bounds(env))
