"""Behaviour cloning in one call: the paper's way to sub-optimal prior data (section VI-A)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from awac.algorithms import ALGORITHMS
from awac.config import defaults
from awac.data.dataset import Dataset
from awac.envs import make
from awac.learner import Learner, Sampling
from awac.scaling import Scaling

REPORT = 500  # updates between two calls of `progress`


def clone_policy(
    dataset: Dataset,
    env_id: str,
    steps: int,
    seed: int,
    *,
    hidden: tuple[int, ...] | None = None,
    progress: Callable[[int, dict[str, float]], None] | None = None,
    env_options: Mapping[str, Any] | None = None,
) -> Learner:
    """Fits a policy to the actions of a dataset by maximum likelihood.

    Args:
        dataset: Demonstrations, in the environment's units.
        env_id: The environment, for its sizes and action bounds.
        steps: Updates, on batches of the `bc` preset.
        seed: Of network and batches.
        hidden: Widths of the policy's hidden layers; the preset's where None.
        progress: Called now and then with the updates done and the latest metrics.
        env_options: Options of the environment.

    Returns:
        The learner: `.act` samples its policy, `.act(..., deterministic=True)` takes the mean action.
    """
    env = make(env_id, **(env_options or {}))
    action_space = env.action_space
    env.close()
    experiment = defaults("bc", "paper", env_id)
    config = experiment.hyperparameters
    if hidden is not None:
        config = replace(config, actor_hidden=hidden)
    transitions = dataset.transitions()
    scaling = Scaling.of_space(transitions.observations.shape[1], action_space)
    learner = Learner(ALGORITHMS["bc"], config, scaling, seed, transitions.size)
    learner.insert(transitions)
    sampling = Sampling(min(experiment.batch_size, transitions.size))
    for start in range(0, steps, REPORT):
        count = min(REPORT, steps - start)
        metrics = learner.update(count, sampling)
        if progress is not None:
            progress(start + count, metrics)
    return learner
