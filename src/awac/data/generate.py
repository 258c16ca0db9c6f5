"""Datasets made here: roll-outs of a policy, a scripted expert, a random process, or a clone as in the paper."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Box

from awac.batch import Provenance
from awac.collect import Act, action_bounds, size_of
from awac.data.dapg_policy import DapgPolicy
from awac.data.dataset import Dataset, Episode
from awac.data.validate import Spaces
from awac.envs import make
from awac.envs.experts import Noisy, expert_of
from awac.errors import ConfigError
from awac.exploration import PROCESSES, OrnsteinUhlenbeck, Uniform
from awac.rollout import collect_episodes
from awac.saved_policy import saved_act

DAPG = "dapg:"
EXPERT = "expert"
PARALLEL = 8  # environments that share one call of the policy
PATIENCE = 20  # episodes tried for each one that is to be kept


@dataclass(frozen=True)
class Collection:
    """What to roll out.

    Attributes:
        env_id: as for `awac.envs.make`.
        episodes: how many to keep.
        seed: of the first episode, and of the policy's noise.
        options: of the environment.
        only_successful: keep episodes that are successful at their last step, and go on until there are enough.
        provenance: stored with each episode.
        recipe: how it was made, for the metadata.
        parallel: how many environments share one call of the policy.
    """

    env_id: str
    episodes: int
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    only_successful: bool = False
    provenance: Provenance = Provenance.ROLLOUT
    recipe: Mapping[str, Any] = field(default_factory=dict[str, Any])
    parallel: int = PARALLEL


def spaces_of(env_id: str, options: Mapping[str, Any]) -> Spaces:
    """Sizes and action bounds of an environment.

    Raises:
        ConfigError: it cannot be made.
    """
    env = make(env_id, **options)
    try:
        return Spaces(size_of(env.observation_space), *action_bounds(env))
    finally:
        env.close()


def actor(
    name: str, spaces: Spaces, seed: int, deterministic: bool = False, theta: float = 0.15, sigma: float = 0.3
) -> Act:
    """The policy that a name stands for.

    Args:
        name: `uniform`, `ornstein_uhlenbeck`, `dapg:FILE.npz`, or a run or policy folder.
        spaces: of the environment.
        seed: of its noise.
        deterministic: mean actions; random processes have none.
        theta: pull to zero of the Ornstein-Uhlenbeck process.
        sigma: its noise.

    Raises:
        ConfigError: there is no such policy, or it does not fit the environment.
    """
    generator = np.random.default_rng([seed, 1])  # not the stream that the environment is seeded with
    if name in PROCESSES:
        box = Box(spaces.action_low, spaces.action_high)
        return Uniform(box, generator) if name == "uniform" else OrnsteinUhlenbeck(box, generator, theta, sigma)
    if name.startswith(DAPG):
        act: Act = DapgPolicy.load(Path(name.removeprefix(DAPG)), None if deterministic else generator)
    else:
        act = _saved(Path(name), deterministic, generator)
    _check_fit(name, act, spaces)
    return act


def expert(env_id: str, spaces: Spaces, seed: int, noise: float) -> Act:
    """The scripted expert of a task, its actions disturbed by normal noise.

    Args:
        env_id: of the task; only some have an expert, see `awac.envs.experts`.
        spaces: of the environment.
        seed: of the noise.
        noise: its standard deviation, for actions in [-1, 1].

    Raises:
        ConfigError: the task has no expert, `noise` is negative, or the expert does not fit the environment.
    """
    act = Noisy(expert_of(env_id), noise, np.random.default_rng([seed, 1]))
    _check_fit(EXPERT, act, spaces)
    return act


def _saved(folder: Path, deterministic: bool, generator: np.random.Generator) -> Act:
    if not folder.is_dir():
        known = ", ".join([EXPERT, *PROCESSES])
        raise ConfigError(f"policy {str(folder)!r}: expected a run or policy folder, {DAPG}FILE.npz, or one of {known}")
    return saved_act(folder, deterministic, generator)[0]


def _check_fit(name: str, act: Act, spaces: Spaces) -> None:
    expected = len(spaces.action_low)
    try:
        found = act(np.zeros((1, spaces.observation_size), np.float32)).shape[1]
    except ValueError as error:
        raise ConfigError(f"policy {name}: it does not take {spaces.observation_size} observations: {error}") from error
    if found != expected:
        raise ConfigError(f"policy {name}: it gives {found} actions, the environment takes {expected}")


def collect(act: Act, collection: Collection, spaces: Spaces | None = None) -> Dataset:
    """Rolls a policy out into a dataset.

    Raises:
        ConfigError: the environment cannot be made, or hardly any episode is successful where only those are kept.
        EnvironmentFault: too many faults.
    """
    spaces = spaces or spaces_of(collection.env_id, collection.options)
    kept: list[Episode] = []
    tried = 0
    while len(kept) < collection.episodes:
        if tried >= PATIENCE * collection.episodes:
            raise ConfigError(f"only {len(kept)} of {tried} episodes are successful; {collection.episodes} are wanted")
        wanted = collection.episodes - len(kept)
        seed, where = collection.seed + tried, (collection.provenance, collection.parallel, collection.options)
        episodes = collect_episodes(collection.env_id, act, wanted, seed, *where)
        tried += wanted
        kept += [episode for episode in episodes if not collection.only_successful or _successful(episode)]
    metadata = {
        "env_id": collection.env_id,
        "env_options": dict(collection.options),
        "seed": collection.seed,
        "recipe": dict(collection.recipe),
        "episodes_tried": tried,
        "policy_generated": True,  # whatever the provenance says: no person acted
    }
    return Dataset(tuple(kept), collection.env_id, metadata, spaces.action_low, spaces.action_high)


def _successful(episode: Episode) -> bool:
    if episode.success is None:
        raise ConfigError(f"{episode.source}: the environment does not report success, so none can be chosen")
    return bool(episode.success[-1])


def clone(demonstrations: Dataset, collection: Collection, steps: int) -> Dataset:
    """The paper's protocol (section VI-A): fit behaviour cloning to demonstrations, roll the clone out, stochastically.

    Args:
        demonstrations: what to clone.
        collection: what to roll out.
        steps: gradient steps of behaviour cloning.
    """
    from awac.clone import clone_policy  # JAX: only those who train pay for it

    learner = clone_policy(demonstrations, collection.env_id, steps, collection.seed, env_options=collection.options)
    return collect(learner.act, collection)
