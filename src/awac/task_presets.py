"""A task by one word: its environment, its prior data, and the method that did best on it (docs/reproduce.md)."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from awac.config import Experiment, defaults
from awac.data.commands import make
from awac.data.options import MakeOptions
from awac.data.scripted import SOURCES
from awac.data.sources import made_as, split
from awac.data.store import data_folder, minari_root
from awac.envs.locomotion import TASKS
from awac.errors import ConfigError
from awac.presets import PRESETS


@dataclass(frozen=True)
class TaskPreset:
    """What a word stands for.

    Attributes:
        env: the task.
        data: its prior data; those named `awac/TASK/KIND-v0` are made where they are not here yet.
        preset: of AWAC, and of other methods that have one of this name.
        options: for every method.
    """

    env: str
    data: tuple[str, ...]
    preset: str = "plus"
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


def _shown(task: str) -> tuple[str, ...]:
    return (f"awac/{task}/demonstrations-v0", f"awac/{task}/clone-v0")


TASK_PRESETS: Mapping[str, TaskPreset] = {
    "pen": TaskPreset(SOURCES["pen"].env_id, ("bundled:pen", "awac/pen/clone-v0")),
    **{name: TaskPreset(SOURCES[name].env_id, _shown(name)) for name in ("drawer", "valve", "hand")},
    "push": TaskPreset(
        SOURCES["push"].env_id,
        ("awac/push/random-v0",),
        options={"relabel": (("future", 0.3), ("resampled", 0.5)), "updates_per_step": 4.0},
    ),
    **{name: TaskPreset(env, _shown(name)) for name, env in TASKS.items()},
}


def task_experiment(task: str, algorithm: str = "awac", preset: str | None = None) -> Experiment[Any]:
    """The experiment of a task: its environment and data, with the defaults of a method.

    Args:
        task: a key of `TASK_PRESETS`.
        algorithm: the method.
        preset: of the method; where None, the task's if the method has it, else `paper`.

    Raises:
        ConfigError: no such task, method or preset.
    """
    if task not in TASK_PRESETS:
        near = difflib.get_close_matches(task, TASK_PRESETS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"task_preset={task!r}; {hint}allowed: {', '.join(TASK_PRESETS)}")
    chosen = TASK_PRESETS[task]
    usual = chosen.preset if (algorithm, chosen.preset) in PRESETS else "paper"
    start = defaults(algorithm, preset or usual, chosen.env)
    return replace(start, data=chosen.data, folder=f"runs/{task}", **chosen.options)


def make_missing(sources: Sequence[str]) -> None:
    """Makes the prior data of a task preset that are not here yet, in Minari's root; what is here stays as it is.

    Raises:
        ConfigError: a policy that the data are made with is missing.
        EnvironmentFault: too many faults.
    """
    for _, where in map(split, sources):
        if where.startswith("awac/") and not data_folder(minari_root() / where):
            make(MakeOptions(made_as(where)))
