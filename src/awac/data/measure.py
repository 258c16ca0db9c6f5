"""Returns of policies over many episodes, and entries of `data/experts` with the card that says them."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from awac import storage
from awac.data.parallel import Work, episodes, take_episodes
from awac.envs.locomotion import CARD, ExpertCard, Level, Measured, task_env
from awac.errors import ConfigError, DataError
from awac.restored import restored_policy
from awac.run import RunFolder
from awac.runtime import Policy
from awac.saved_policy import find_policy
from awac.system import describe_system

STREAM = 1_000_000  # of the episodes that are measured, far from those that become data
RUN_ONLY = ("folder", "sinks", "video")  # of an experiment: what a repetition has of its own


def measure(env_id: str, policy: str, count: int, workers: int, *, deterministic: bool = False) -> Measured:
    """The returns of a policy, always in the same episodes.

    Args:
        env_id: as for `awac.envs.make`.
        policy: a policy folder, or `uniform`.
        count: how many episodes.
        workers: processes; they change nothing.
        deterministic: mean actions instead of samples.
    """
    work = Work(env_id, policy, 0, STREAM, deterministic=deterministic)
    found, _ = take_episodes(episodes(work, workers), count)
    returns = np.array([episode.total_reward for episode in found])
    return Measured(float(returns.mean()), float(returns.std()), float(np.mean([len(one) for one in found])), count)


def add_expert(
    run: Path,
    task: str,
    level: Level,
    root: Path,
    *,
    step: int | None = None,
    count: int = 100,
    workers: int = 1,
    overwrite: bool = False,
) -> ExpertCard:
    """Measures the policy of a run, and puts it with its card into `root/task/level`; an interruption changes nothing.

    Args:
        run: a run folder, finished or stopped.
        task: one of `awac.envs.locomotion.TASKS`.
        level: what the policy is to stand for.
        root: of all entries.
        step: take the checkpoint of this step; the policy at the end of the run, or else the newest checkpoint, where
            None.
        count: episodes to measure, once with mean actions and once with samples.
        workers: processes that play them.
        overwrite: take the place of the policy there.

    Raises:
        ConfigError: no such task, or a run of another environment.
        CheckpointError: there is no such checkpoint.
        DataError: there is a policy already, and it may not be replaced.
        StorageError: the folder cannot be written.
    """
    config = RunFolder.view(run).config
    env_id = task_env(task)
    if config.get("env") != env_id or config.get("env_options"):
        raise ConfigError(f"{run} is a run of {config.get('env')}; {task} is {env_id} without options")
    place = root / task / level
    if place.exists() and not overwrite:
        raise DataError(f"{place}: there is a policy already; choose another place with --to, or --overwrite")
    finished = step is None and (run / "policy").exists()
    policy = Policy.load(find_policy(run)) if finished else restored_policy(run, step)
    storage.make_parents(place)
    fresh = storage.begin_folder(place)
    try:
        policy.save(fresh)
        card = _measured_card(fresh, policy, config, task, level, count, workers)
        storage.write_new(fresh / CARD, json.dumps(asdict(card), indent=2).encode() + b"\n")
        storage.replace_folder(fresh, place)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return card


def _measured_card(
    folder: Path, policy: Policy, config: Mapping[str, Any], task: str, level: Level, count: int, workers: int
) -> ExpertCard:
    env_id = task_env(task)
    system = describe_system()
    return ExpertCard(
        task=task,
        level=level,
        env_id=env_id,
        steps=policy.card.step,
        fingerprint=policy.fingerprint,
        mean_action=measure(env_id, str(folder), count, workers, deterministic=True),
        sampled=measure(env_id, str(folder), count, workers),
        command=f"awac train --algorithm {config['algorithm']} --preset {config['preset']} --env {env_id} "
        f"--online-steps {config['online_steps']} --seed {config['seed']}",
        experiment={name: value for name, value in config.items() if name not in RUN_ONLY},
        commit=system["commit"],
        versions=system["versions"],
    )
