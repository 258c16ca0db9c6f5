"""One experiment as one frozen record: from options, presets or JSON, and back. An unknown key is an error."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, cast

import numpy as np

from awac.algorithms import ALGORITHMS
from awac.errors import ConfigError
from awac.hyperparameters import Hyperparameters

STREAMS = ("environment", "evaluation", "exploration")  # independent seeds, all from the experiment's one
H = TypeVar("H", bound=Hyperparameters)


@dataclass(frozen=True)
class Experiment(Generic[H]):
    """Everything that decides a run. The defaults are the paper's (Table II) where it says something."""

    hyperparameters: H
    """The method's own settings."""
    algorithm: str = "awac"
    """The method; `awac train --help` lists them."""
    preset: str = "paper"
    """The named set of values that this record started from."""
    env: str = "awac/PenBinary-v0"
    """Gymnasium id, or `module:factory` of your own environment."""
    env_options: Mapping[str, bool | int | float | str] = field(default_factory=dict[str, bool | int | float | str])
    """Options of the environment, such as `thresholds released`."""
    data: tuple[str, ...] = ()
    """Prior data: `[demonstration=|rollout=|random=|online=]WHERE`, WHERE a Minari id, a folder or `bundled:pen`."""
    download: bool = False
    """Fetch Minari ids that are not here yet."""
    folder: str = "runs/latest"
    """The run folder; a new run needs one that does not hold a run yet."""
    seed: int = 0
    """Decides networks, batches, exploration, resets and evaluation episodes."""
    offline_steps: int = 25_000
    """Updates on the prior data before the first environment step."""
    online_steps: int = 50_000
    """Environment steps after that."""
    updates_per_step: float = 1.0
    """Updates per environment step, online."""
    random_steps: int = 0
    """First environment steps, taken uniformly at random and without updates (learning from scratch)."""
    interval: int = 50
    """Environment steps, or offline updates, between two looks at clocks and signals: one compiled call each."""
    batch_size: int = 1024
    """Transitions per update."""
    offline_batch_size: int | None = None
    """Transitions per update in the offline phase, where it differs."""
    buffer_capacity: int = 1_000_000
    """Transitions that the ring buffer holds."""
    mix: tuple[tuple[str, float], ...] = ()
    """Shares of each batch by provenance, such as `online 0.5`; the rest is drawn from what is not named."""
    return_steps: int = 1
    """n of the n-step return in the TD target; the paper has 1."""
    normalize_observations: bool = False
    """Scale observations by the prior data's mean and deviation; the paper does not."""
    evaluation_interval: int = 5_000
    """Updates (offline) or environment steps (online) between evaluations."""
    evaluation_episodes: int = 20
    """Episodes of an evaluation, with the mean action."""
    log_interval: int = 1_000
    """Updates or environment steps between lines of training metrics."""
    checkpoint_interval: int = 5_000
    """Updates or environment steps between checkpoints."""
    video: bool = False
    """Record the final policy."""
    isolate: bool = False
    """Run the environment in a process of its own, with a deadline for each step."""
    deadline: float = 10.0
    """Seconds that an isolated environment may take for a step or a reset."""
    sinks: tuple[Literal["wandb", "trackio"], ...] = ()
    """Where metrics go besides metrics.jsonl and TensorBoard."""

    def __post_init__(self) -> None:
        positive = ("interval", "batch_size", "buffer_capacity", "return_steps", "evaluation_interval")
        positive += ("evaluation_episodes", "log_interval", "checkpoint_interval", "deadline")
        for name in positive:
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; allowed: more than 0")
        for name in ("offline_steps", "online_steps", "updates_per_step", "random_steps"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; allowed: 0 or more")
        for name in ("offline_steps", "online_steps", "evaluation_interval", "log_interval", "checkpoint_interval"):
            if getattr(self, name) % self.interval:
                raise ConfigError(f"{name} is {getattr(self, name)}; allowed: multiples of interval={self.interval}")
        updates = self.updates_per_step * self.interval
        if updates != round(updates):
            raise ConfigError(f"updates_per_step={self.updates_per_step} is no whole number per {self.interval} steps")


def seed_of(experiment: Experiment[Any], stream: str) -> int:
    """The seed of one of the run's independent sources of chance."""
    return int(np.random.SeedSequence([experiment.seed, STREAMS.index(stream)]).generate_state(1)[0])


def to_json(experiment: Experiment[Any]) -> dict[str, Any]:
    """The record as plain JSON values."""
    return dataclasses.asdict(experiment)


def from_json(values: Mapping[str, Any]) -> Experiment[Any]:
    """The record that `to_json` wrote.

    Raises:
        ConfigError: a key is unknown or missing, or a value is not allowed.
    """
    name = values.get("algorithm")
    if name not in ALGORITHMS:
        raise ConfigError(f"algorithm={name!r}; allowed: {', '.join(sorted(ALGORITHMS))}")
    own = _filled(ALGORITHMS[name].config, values.get("hyperparameters", {}))
    return _filled(Experiment, {**values, "hyperparameters": own})


def _filled(kind: Any, values: Mapping[str, Any]) -> Any:
    known: set[str] = {f.name for f in dataclasses.fields(kind)}
    for problem, names in (("unknown", values.keys() - known), ("missing", known - values.keys())):
        if names:
            raise ConfigError(f"{problem} in {kind.__module__}.{kind.__name__}: {', '.join(sorted(names))}")
    return kind(**{key: _tuples(value) for key, value in values.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in cast("list[Any]", value)) if isinstance(value, list) else value


Overrides = Mapping[str, Any]
HAND: Overrides = {"q_upper_bound": 0.0}  # rewards of -1 and 0: no return is above 0 (appendix B)

PRESETS: dict[tuple[str, str], dict[str, Overrides]] = {
    # Nair et al. 2020, Table II and appendix B
    ("awac", "paper"): {"all": {}, "hand": HAND, "locomotion": {"temperature": 1.0}},
    # the released code (rlkit, examples/awac), value by value; its launchers for hand and MuJoCo
    ("awac", "authors"): {
        "all": {
            "critic_hidden": (256, 256),
            "weighting": "softmax",
            "offline_batch_size": 128,
        },
        "hand": HAND
        | {
            "actor_hidden": (256, 256),
            "temperature": 0.5,
            "advantage_clip": 0.5,
            "value": "mean_action",
        },
        "locomotion": {"temperature": 2.0, "offline_steps": 50_000},
    },
    # ours, found by experiment on pen (docs/reproduce.md has the ablations): AWAC whose weights cannot collapse
    ("awac", "plus"): {
        "all": {
            "actor_hidden": (256, 256),
            "critic_hidden": (256, 256),
            "critic_norm": True,
            "weighting": "softmax",
            "divergence_bound": 0.5,
            "temperature": 0.01,
            "value": "mean_action",
            "actor_average_rate": 1e-3,
            "return_steps": 50,
            "batch_size": 256,
            "mix": (("online", 0.5),),
        },
        "hand": HAND,
    },
    # behaviour cloning as the authors ran it: likelihood, batches of 128
    ("bc", "paper"): {"all": {"online_steps": 0, "batch_size": 128, "critics": 0, "actor_weight_decay": 0.0}},
    # Haarnoja et al. 2018, Table 1, with 5 000 random steps as their code has
    ("sac", "paper"): {
        "all": {"batch_size": 256, "offline_steps": 0, "random_steps": 5_000},
        "hand": HAND | {"entropy_backup": False},  # soft values may be above 0, returns may not
    },
}


def domain(env: str) -> str:
    """`hand`, `locomotion` or `other`: the paper's settings differ between the first two."""
    if env.startswith("awac/") and env.split("/")[1].split("Binary")[0] in ("Pen", "Door", "Relocate"):
        return "hand"
    names = ("HalfCheetah", "Walker2d", "Ant", "Hopper")
    return "locomotion" if env.removeprefix("awac/").startswith(names) else "other"


def defaults(algorithm: str = "awac", preset: str = "paper", env: str = "awac/PenBinary-v0") -> Experiment[Any]:
    """The experiment that an algorithm, a preset and an environment stand for.

    Raises:
        ConfigError: no such algorithm, or no such preset of it.
    """
    if algorithm not in ALGORITHMS:
        raise ConfigError(f"algorithm={algorithm!r}; allowed: {', '.join(sorted(ALGORITHMS))}")
    presets = sorted(name for owner, name in PRESETS if owner == algorithm)
    if preset not in presets:
        raise ConfigError(f"preset={preset!r}; allowed for {algorithm}: {', '.join(presets)}")
    levels = PRESETS[algorithm, preset]
    values = {**levels.get("all", {}), **levels.get(domain(env), {})}
    own = {f.name for f in dataclasses.fields(ALGORITHMS[algorithm].config)}
    hyperparameters = ALGORITHMS[algorithm].config(**{k: v for k, v in values.items() if k in own})
    rest = {k: v for k, v in values.items() if k not in own}
    return Experiment(hyperparameters=hyperparameters, algorithm=algorithm, preset=preset, env=env, **rest)
