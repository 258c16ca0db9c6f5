"""The prior data of a run: loaded, checked against the environment, and what they say of the units."""

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


def load_data(experiment: Experiment[Any], env: Guard) -> Dataset:
    """The prior data, checked against the environment's sizes and action bounds."""
    spaces = Spaces(size_of(env.observation_space), *action_bounds(env))
    return load(experiment.data, download=experiment.download, spaces=spaces)


def scaling_for(experiment: Experiment[Any], env: Guard, prior: Batch | None) -> Scaling:
    """Action bounds of the environment; observations as they are, or by the prior data's mean and deviation."""
    if not experiment.normalize_observations:
        return Scaling.of_space(size_of(env.observation_space), env.action_space)
    if prior is None:
        raise ConfigError("normalize_observations needs data; give --data")
    return Scaling.of_data(prior.observations, *action_bounds(env))
