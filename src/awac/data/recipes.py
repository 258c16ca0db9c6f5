"""Prior data of every quality by name, such as `halfcheetah-medium-v0`: D4RL's kinds, and the paper's own.

A name, a seed and a number of steps decide a dataset to the last bit on one machine.
"""

import difflib
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from awac.batch import Provenance
from awac.data import scripted
from awac.data.dataset import Dataset, Episode
from awac.data.generate import spaces_of
from awac.data.parallel import OnSteps, Work, episodes, take_episodes, take_steps
from awac.data.scripted import SOURCES
from awac.data.store import minari_root
from awac.envs.locomotion import EXPERTS, TASKS, ExpertCard, Level, expert_folder, read_card
from awac.errors import CheckpointError, ConfigError, at_least
from awac.runtime import Card, Policy

STEPS = 1_000_000
BY_STEPS: Mapping[str, int] = {  # D4RL's sizes; 0: as long as the training
    "random": STEPS,
    "medium": STEPS,
    "expert": STEPS,
    "medium-expert": 2 * STEPS,
    "medium-replay": 0,
}
BY_EPISODES: Mapping[str, int] = {"demonstrations": 15, "clone": 100}  # the paper's (section VI-B)
STREAMS = ("random", "medium", "expert", "demonstrations", "clone")  # independent chance for each; only append
CLONE_UPDATES = 10_000


@dataclass(frozen=True)
class Recipe:
    """A dataset to make.

    Attributes:
        task: one of `TASKS`, or of `awac.data.scripted.SOURCES`.
        kind: a key of `BY_STEPS` or `BY_EPISODES`; of a source, one of its own.
        seed: of everything; `medium-replay` adds it to that of the training it repeats, so that 0 repeats it exactly.
        steps: how many, for the kinds of `BY_STEPS`; None for D4RL's number.
        workers: processes that play; they change nothing.
        experts: where the policies are.
        clone_updates: gradient steps of behaviour cloning.
    """

    task: str
    kind: str
    seed: int = 0
    steps: int | None = None
    workers: int = 1
    experts: Path = EXPERTS
    clone_updates: int = CLONE_UPDATES

    def __post_init__(self) -> None:
        at_least(2 if self.kind == "medium-expert" else 1, steps=self.steps)
        at_least(1, workers=self.workers, clone_updates=self.clone_updates)
        at_least(0, seed=self.seed)
        if self.steps is not None and self.fixed_episodes:
            kinds, tasks = ", ".join(BY_STEPS), ", ".join(TASKS)
            raise ConfigError(f"steps is for {kinds} of {tasks}; {self.name} is {self.fixed_episodes} episodes")

    @property
    def fixed_episodes(self) -> int | None:
        """How many episodes, where the name says it."""
        return (SOURCES[self.task].episodes if self.task in SOURCES else BY_EPISODES).get(self.kind)

    @property
    def env_id(self) -> str:
        """The environment of the task."""
        return SOURCES[self.task].env_id if self.task in SOURCES else TASKS[self.task]

    @property
    def name(self) -> str:
        """What it is asked for by."""
        return f"{self.task}-{self.kind}-v0"

    @property
    def total(self) -> int:
        """Steps, or episodes, that progress counts up to; 0 where that is not known before."""
        if self.task in SOURCES:
            return 0
        return self.steps or BY_STEPS.get(self.kind) or self.fixed_episodes or 0

    @property
    def place(self) -> Path:
        """Where Minari finds it as `awac/TASK/KIND-v0`."""
        return minari_root() / "awac" / self.task / f"{self.kind}-v0"


def parse_name(name: str) -> tuple[str, str]:
    """Task and kind of a name.

    Raises:
        ConfigError: there is no such dataset; says which are nearest.
    """
    known = {f"{task}-{kind}-v0": (task, kind) for task in TASKS for kind in (*BY_STEPS, *BY_EPISODES)}
    known |= {f"{task}-{kind}-v0": (task, kind) for task, source in SOURCES.items() for kind in source.episodes}
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.3)
        tasks, kinds = ", ".join((*TASKS, *SOURCES)), ", ".join((*BY_STEPS, *BY_EPISODES))
        said = f"nearest are {', '.join(nearest)}" if nearest else "none is near"
        raise ConfigError(f"dataset {name!r} is unknown; {said}. Names are TASK-KIND-v0: {tasks}; {kinds}")
    return known[name]


@dataclass
class Made:
    """What a recipe gives, and what must be known of how."""

    episodes: list[Episode]
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    policies: dict[str, ExpertCard] = field(default_factory=dict[str, ExpertCard])


def make(recipe: Recipe, scratch: Path, progress: OnSteps = lambda _: None) -> Dataset:
    """Makes a dataset.

    Args:
        recipe: which.
        scratch: a folder that does not exist, or that an interrupted `medium-replay` of the same recipe left: its
            training goes on there.
        progress: called with the steps (for the kinds of `BY_EPISODES`, the episodes) made so far.

    Raises:
        ConfigError: a policy is missing; says which are there and how to make one.
        CheckpointError: a policy or its card is damaged, or they do not belong together.
        EnvironmentFault: too many faults.
    """
    if recipe.task in SOURCES:
        return scripted.make(recipe.task, recipe.kind, recipe.seed, recipe.clone_updates)
    if recipe.kind == "medium-replay":
        from awac.data.replay import replay  # JAX: only those who train pay for it

        card = _policy(recipe, "medium")[1]
        made = Made(replay(card, recipe.seed, recipe.steps, scratch), policies={"medium": card})
    elif recipe.kind == "demonstrations":
        made = _demonstrations(recipe, progress)
    elif recipe.kind == "clone":
        made = _clone(recipe, progress)
    elif recipe.kind == "medium-expert":
        made = _medium_expert(recipe, progress)
    else:
        made = _roll_outs(recipe, progress)
    bounds = spaces_of(recipe.env_id, {})
    return Dataset(tuple(made.episodes), recipe.name, _metadata(recipe, made), bounds.action_low, bounds.action_high)


def _work(recipe: Recipe, policy: str, provenance: Provenance = Provenance.ROLLOUT) -> Work:
    return Work(recipe.env_id, policy, recipe.seed, STREAMS.index(recipe.kind), provenance=provenance)


def _policy(recipe: Recipe, level: Level) -> tuple[Path, ExpertCard]:
    folder = expert_folder(recipe.task, level, recipe.experts)
    card = read_card(folder)
    if Policy.load(folder).fingerprint != card.fingerprint:
        raise CheckpointError(f"{folder}: the card is of another policy; measure this one: awac data add-expert")
    return folder, card


def _roll_outs(recipe: Recipe, progress: OnSteps) -> Made:
    if recipe.kind == "random":
        work, policies = _work(recipe, "uniform", Provenance.RANDOM), dict[str, ExpertCard]()
    else:
        level: Level = "medium" if recipe.kind == "medium" else "expert"
        folder, card = _policy(recipe, level)
        work, policies = _work(recipe, str(folder)), {level: card}
    return Made(take_steps(episodes(work, recipe.workers), recipe.total, progress), {}, policies)


def _medium_expert(recipe: Recipe, progress: OnSteps) -> Made:
    steps = recipe.total
    for level in ("medium", "expert"):  # both are looked for before anything is played
        _policy(recipe, level)
    first = _roll_outs(replace(recipe, kind="medium", steps=steps // 2), progress)
    count = sum(map(len, first.episodes))
    rest = replace(recipe, kind="expert", steps=steps - count)
    second = _roll_outs(rest, lambda done: progress(count + done))
    return Made([*first.episodes, *second.episodes], {}, {**first.policies, **second.policies})


def _demonstrations(recipe: Recipe, progress: OnSteps) -> Made:
    """Sampled episodes of the expert with at least its mean return."""
    folder, card = _policy(recipe, "expert")
    threshold, count = card.sampled.mean, BY_EPISODES["demonstrations"]
    work = _work(replace(recipe, kind="demonstrations"), str(folder), Provenance.DEMONSTRATION)
    source = episodes(work, recipe.workers)
    found, tried = take_episodes(source, count, progress, lambda one: one.total_reward >= threshold)
    if len(found) < count:
        raise ConfigError(
            f"{len(found)} of {tried} episodes of {folder} return {threshold:.0f}, the mean on its card; {count} are "
            "wanted. The simulator may have changed: measure the policy again with awac data add-expert"
        )
    return Made(found, {"return_threshold": threshold, "episodes_tried": tried}, {"expert": card})


def _clone(recipe: Recipe, progress: OnSteps) -> Made:
    """Roll-outs of a clone of the very demonstrations that the recipe of the same seed makes."""
    from awac.clone import clone_policy  # JAX: only those who train pay for it

    shown = _demonstrations(recipe, lambda _: None)
    learner = clone_policy(Dataset(tuple(shown.episodes)), recipe.env_id, recipe.clone_updates, recipe.seed)
    with tempfile.TemporaryDirectory(prefix="awac-clone-") as folder:
        learner.policy(Card("bc", recipe.env_id)).save(folder)
        source = episodes(_work(recipe, folder), recipe.workers)
        found, _ = take_episodes(source, BY_EPISODES["clone"], progress, lambda _: True)
    facts = {**shown.facts, "clone_updates": recipe.clone_updates, "demonstrations": len(shown.episodes)}
    return Made(found, facts, shown.policies)


def _metadata(recipe: Recipe, made: Made) -> dict[str, Any]:
    command = f"awac data make {recipe.name} --seed {recipe.seed}"
    command += "" if recipe.steps is None else f" --steps {recipe.steps}"
    known = {level: {**asdict(card), "experiment": None} for level, card in made.policies.items()}
    return {
        "env_id": recipe.env_id,
        "env_options": {},
        "seed": recipe.seed,
        "algorithm": " and ".join(sorted({str(card.experiment["algorithm"]) for card in made.policies.values()})),
        "description": f"{recipe.kind} data of {recipe.env_id}",
        "recipe": {"command": command, "name": recipe.name, "seed": recipe.seed, "steps": recipe.steps, **made.facts},
        "policies": known,
        "policy_generated": True,  # no person acted
    }
