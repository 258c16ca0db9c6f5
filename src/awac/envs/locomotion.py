"""The locomotion tasks, and the policies of two qualities that come with awac for each: where, and what is known.

    data/experts/halfcheetah/expert/    policy.safetensors  policy.json  card.json
    data/experts/halfcheetah/medium/    the policy nearest to a third of the expert's return

`awac data add-expert` makes such a folder of a run. Nothing but the standard library is needed to read a card.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from awac.errors import CheckpointError, ConfigError

TASKS: Mapping[str, str] = {
    "halfcheetah": "HalfCheetah-v5",
    "walker2d": "Walker2d-v5",
    "ant": "awac/Ant-v0",  # 27 numbers, as in the paper
    "hopper": "Hopper-v5",
}
Level = Literal["expert", "medium"]
LEVELS: tuple[Level, ...] = get_args(Level)
EXPERTS = Path(__file__).parents[1] / "data" / "experts"
CARD = "card.json"


@dataclass(frozen=True)
class Measured:
    """Undiscounted returns of `episodes` episodes."""

    mean: float
    std: float
    length: float
    episodes: int


@dataclass(frozen=True)
class ExpertCard:
    """What is known of a policy that data are made with.

    Attributes:
        task: one of `TASKS`.
        level: `expert` or `medium`.
        env_id: where it was trained and measured.
        steps: environment steps of its training.
        fingerprint: of the policy that was measured.
        mean_action: its returns with mean actions, as evaluations take them.
        sampled: its returns with sampled actions, as data are made.
        command: what trained it.
        experiment: the configuration of that training; `medium-replay` runs it again.
        commit: of awac when it was measured.
        versions: of what it was measured with.
    """

    task: str
    level: str
    env_id: str
    steps: int
    fingerprint: str
    mean_action: Measured
    sampled: Measured
    command: str
    experiment: Mapping[str, Any]
    commit: str | None
    versions: Mapping[str, str | None]


def task_env(task: str) -> str:
    """The environment id of a task.

    Raises:
        ConfigError: there is no such task.
    """
    if task not in TASKS:
        raise ConfigError(f"task is {task!r}; allowed: {', '.join(TASKS)}")
    return TASKS[task]


def expert_folder(task: str, level: Level, root: Path = EXPERTS) -> Path:
    """Where the policy of a task is.

    Raises:
        ConfigError: it is not there; says which are, and how to make it.
    """
    folder = root / task / level
    if (folder / CARD).is_file():
        return folder
    there = ", ".join(f"{name} ({found})" for name in TASKS if (found := ", ".join(_levels(name, root))))
    raise ConfigError(
        f"there is no {level} policy of {task} in {root}; there are {there or 'none'}. Train one, then add it: "
        f"awac train --algorithm sac --env {task_env(task)} --folder runs/{task} --online-steps 1000000; "
        f"awac data add-expert runs/{task} --task {task} --level {level} --to {root}"
    )


def _levels(task: str, root: Path) -> list[Level]:
    return [level for level in LEVELS if (root / task / level / CARD).is_file()]


def read_card(folder: Path) -> ExpertCard:
    """The card in the folder of a policy.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    path = folder / CARD
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
        values |= {name: Measured(**values[name]) for name in ("mean_action", "sampled")}
        return ExpertCard(**values)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: not the card of a policy: {error}") from error
