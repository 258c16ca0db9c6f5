"""Table III of the paper: how good prior data are, and what behaviour cloning alone makes of them, task by task.

Three columns: the demonstrations; BC(1), a clone of these; BC(2), a clone of these and of roll-outs of the first clone,
which is what a method is pre-trained on. Clones are judged by their mean action.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from awac import storage
from awac.data import generate, recipes, scripted
from awac.data.dataset import Dataset, Episode, join
from awac.data.scripted import SOURCES
from awac.data.sources import load
from awac.envs.locomotion import EXPERTS, TASKS
from awac.errors import ConfigError, at_least
from awac.rollout import collect_episodes
from awac.statistics import bootstrap

COLUMNS = ("expert", "BC(1)", "BC(2)")
FIRST_JUDGED = 1_000_000  # the seed of the first episode that a clone is judged in, far from those of the data


@dataclass(frozen=True)
class Task:
    """A task, and what the paper says of it.

    Attributes:
        env_id: where the clones play.
        roll_outs: of the first clone, as many as in the paper.
        paper: the row of the paper's table, in the order of `COLUMNS`; empty where it has none.
    """

    env_id: str
    roll_outs: int
    paper: tuple[float, ...] = ()


ROWS: Mapping[str, Task] = {
    "halfcheetah": Task(TASKS["halfcheetah"], 100, paper=(9962, 2507, 4524)),
    "walker2d": Task(TASKS["walker2d"], 100, paper=(5062, 2040, 1701)),
    "ant": Task(TASKS["ant"], 100, paper=(5207, 687, 1704)),
    "pen": Task(SOURCES["pen"].env_id, 500, paper=(1, 0.73, 0.76)),
    "door": Task("awac/DoorBinary-v0", 500, paper=(1, 0.10, 0.00)),
    "relocate": Task("awac/RelocateBinary-v0", 500, paper=(1, 0.02, 0.01)),
    **{name: Task(SOURCES[name].env_id, SOURCES[name].episodes["clone"]) for name in ("drawer", "valve", "hand")},
}


@dataclass(frozen=True)
class Protocol:
    """What is the same for all tasks.

    Attributes:
        updates: gradient steps of each clone.
        episodes: that each clone is judged by.
        seed: of the demonstrations, the clones and their roll-outs; the episodes that judge are always the same.
        demonstrations: the user's own, by task, in place of what awac has or where it has none.
        experts: where the policies of the locomotion tasks are.
    """

    updates: int = 10_000
    episodes: int = 100
    seed: int = 0
    demonstrations: Mapping[str, str] | None = None
    experts: Path = EXPERTS

    def __post_init__(self) -> None:
        at_least(1, updates=self.updates, episodes=self.episodes)
        for name in self.demonstrations or {}:
            task_of(name)

    def source(self, name: str) -> str | None:
        """Where ready demonstrations of a task are; None where they are to be made, or there are none."""
        brought = self.demonstrations or {}
        return brought.get(name, SOURCES[name].ready if name in SOURCES else None)


def made_rows(names: Sequence[str], protocol: Protocol, output: Path | None = None) -> Table:
    """The table of some tasks, or of all whose demonstrations are here.

    Args:
        names: of tasks; where there are none, those without demonstrations here are named in the caption.
        protocol: of every row.
        output: a JSON file that has each row as soon as it is made; those of this protocol in it are kept.

    Raises:
        ConfigError: no such task, or one that was asked for has no demonstrations here.
    """
    for name in names:
        task_of(name)
    known = _read(output)
    table = Table(*("task", *COLUMNS, "paper"), title="Behaviour cloning of prior data", title_justify="left")
    missing: list[str] = []
    for name in names or ROWS:
        key = f"{name} {protocol.updates} {protocol.episodes} {protocol.seed} {protocol.source(name)}"
        key += "" if protocol.experts == EXPERTS else f" {protocol.experts}"
        if key not in known:
            try:
                known[key] = row(name, protocol)
            except ConfigError as error:
                if names:
                    raise
                missing.append(str(error))
                continue
            if output is not None:
                storage.write_file(output, json.dumps(known, indent=2).encode() + b"\n")
        table.add_row(*cells(known[key]))
    table.caption = "\n".join(missing)
    return table


def _read(output: Path | None) -> dict[str, Any]:
    if output is None or not output.exists():
        return {}
    try:
        return dict(json.loads(output.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{output}: cannot be read as rows of this table: {error}") from error


def task_of(name: str) -> Task:
    """The task of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in ROWS:
        raise ConfigError(f"task {name!r} is not in the table; allowed: {', '.join(ROWS)}")
    return ROWS[name]


def row(name: str, protocol: Protocol) -> dict[str, Any]:
    """One row: for each column of the table what `quality` tells, and the paper's figures.

    Raises:
        ConfigError: the demonstrations are not here, which says how to get them; or they do not fit the task.
        EnvironmentFault: too many faults.
    """
    task = task_of(name)
    shown = demonstrations_of(name, protocol)
    first, rolled = _clone(task, shown, protocol, task.roll_outs)
    second, _ = _clone(task, join([shown, Dataset(tuple(rolled))]), protocol, 0)
    found = (quality(list(shown.episodes)), quality(first), quality(second))
    return {
        "task": name,
        "env_id": task.env_id,
        "updates": protocol.updates,
        "seed": protocol.seed,
        **dict(zip(COLUMNS, found, strict=True)),
        "roll-outs": quality(rolled),
        "paper": dict(zip(COLUMNS, task.paper, strict=False)),
    }


def demonstrations_of(name: str, protocol: Protocol) -> Dataset:
    """The demonstrations of a task: the user's, those that come with awac, or made by its expert.

    Raises:
        ConfigError: there are none here.
    """
    task, source = task_of(name), protocol.source(name)
    spaces = generate.spaces_of(task.env_id, {})
    if source is not None:
        return load([source], spaces=spaces)
    if name in TASKS:
        recipe = recipes.Recipe(name, "demonstrations", protocol.seed, experts=protocol.experts)
        return recipes.make(recipe, Path())
    if name in SOURCES:
        return scripted.demonstrations(name, protocol.seed)
    raise ConfigError(
        f"{name}: awac has no demonstrations of it; import some for {task.env_id} and name them: "
        f"--demonstrations {name} FOLDER"
    )


def _clone(task: Task, shown: Dataset, protocol: Protocol, roll_outs: int) -> tuple[list[Episode], list[Episode]]:
    """Episodes of a clone's mean action, and so many of its sampled actions."""
    from awac.clone import clone_policy  # JAX: only those who train pay for it
    from awac.runtime import Card

    learner = clone_policy(shown, task.env_id, protocol.updates, protocol.seed)
    policy = learner.policy(Card("bc", task.env_id))
    generator = np.random.default_rng([protocol.seed, 2])
    play = functools.partial(collect_episodes, task.env_id, parallel=generate.PARALLEL)
    judged = play(functools.partial(policy.act, deterministic=True), protocol.episodes, FIRST_JUDGED)
    sampled = functools.partial(policy.act, deterministic=False, generator=generator)
    return judged, play(sampled, roll_outs, protocol.seed) if roll_outs else []


def quality(episodes: list[Episode]) -> dict[str, Any]:
    """Mean return, and success at the last step where the task reports it, each with its 95 % bootstrap interval."""
    returns = [episode.total_reward for episode in episodes]
    known = [float(episode.success[-1]) for episode in episodes if episode.success is not None]
    found: dict[str, Any] = {"episodes": len(episodes), "return": list(bootstrap(returns, np.mean, seed=0))}
    return found | ({"success": list(bootstrap(known, np.mean, seed=0))} if known else {})


def cells(found: Mapping[str, Any]) -> list[str]:
    """A row as text: by success where the paper judges so, else by return; both where both are known."""

    def said(column: Mapping[str, Any]) -> str:
        parts = {"success": ".2f", "return": ".1f"}
        texts = [
            f"{value:{form}} ({low:{form}} to {high:{form}})"
            for name, form in parts.items()
            if name in column
            for value, low, high in [column[name]]
        ]
        return "; return ".join(texts)

    paper = ", ".join(f"{value:g}" for value in found["paper"].values()) or "-"
    return [found["task"], *(said(found[column]) for column in COLUMNS), paper]
