"""One experiment as one frozen record: from options, presets or JSON, and back. An unknown key is an error."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, cast, get_type_hints

import numpy as np

from awac.algorithm import Algorithm
from awac.algorithms import ALGORITHMS
from awac.envs.options import EnvOptions
from awac.errors import ConfigError, at_least
from awac.hyperparameters import Hyperparameters, check_kind
from awac.presets import PRESETS, domain, presets_of

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
    env_options: EnvOptions = field(default_factory=EnvOptions)
    """Options of the environment, such as `thresholds released`."""
    data: tuple[str, ...] = ()
    """Prior data: `[demonstration=|rollout=|random=|online=]WHERE`, WHERE a Minari id, a folder or `bundled:pen`."""
    download: bool = False
    """Fetch Minari ids that are not here yet."""
    held_out_episodes: int = 0
    """Episodes of the prior data, evenly spaced, that nothing learns from: the model of the data, where there is one
    (see `fit_behavior`), is scored on them as `train/behavior_log_likelihood`."""
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
    warmup_steps: int = 0
    """Environment steps of the policy, after the random ones, that are collected before the first online update."""
    interval: int = 50
    """Environment steps, or offline updates, of one compiled call. Online, all steps of an interval come before all of
    its updates: it decides numbers too. Clocks and signals are looked at in between."""
    batch_size: int = 1024
    """Transitions per update."""
    offline_batch_size: int | None = None
    """Transitions per update in the offline phase, where it differs."""
    buffer_capacity: int = 1_000_000
    """Transitions that the ring buffer holds."""
    mix: tuple[tuple[str, float], ...] = ()
    """Shares of each online batch by provenance, such as `online 0.5`; the rest is drawn from what is not named."""
    relabel: tuple[tuple[str, float], ...] = ()
    """Shares of each batch, by kind, that get other goals in hindsight (tasks with goals): `future 0.3 resampled 0.5`,
    or `final`; the rest keeps its own."""
    return_steps: int = 1
    """n of the n-step return in the TD target; the paper has 1."""
    normalize_observations: bool = False
    """Scale observations by the prior data's mean and deviation; the paper does not."""
    evaluation_interval: int = 5_000
    """Updates (offline) or environment steps (online) between evaluations."""
    evaluation_episodes: int = 20
    """Episodes of an evaluation, with the mean action."""
    evaluation_parallel: int = 10
    """Environments that play them in lock-step, besides the run's own. 1: the run's own plays them, as a robot is there
    once; its episode ends then, truncated, where an evaluation begins."""
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
        method = _method(self.algorithm)
        self._convert(method)
        positive = ("interval", "batch_size", "buffer_capacity", "return_steps", "evaluation_interval")
        positive += ("evaluation_episodes", "evaluation_parallel", "log_interval", "checkpoint_interval", "deadline")
        for name in positive:
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} is {getattr(self, name)}; allowed: more than 0")
        counted = ("offline_steps", "online_steps", "random_steps", "warmup_steps", "held_out_episodes")
        at_least(0, **{name: getattr(self, name) for name in counted}, updates_per_step=self.updates_per_step)
        for name in (
            "offline_steps",
            "online_steps",
            "random_steps",
            "warmup_steps",
            "evaluation_interval",
            "log_interval",
            "checkpoint_interval",
        ):
            if getattr(self, name) % self.interval:
                raise ConfigError(f"{name} is {getattr(self, name)}; allowed: multiples of interval={self.interval}")
        period = self.hyperparameters.actor_period
        if self.interval % period:
            raise ConfigError(f"interval is {self.interval}; allowed: multiples of actor_period={period}")
        updates = self.updates_per_step * self.interval
        if not math.isclose(updates, round(updates)):  # .14 * 50 is not quite 7
            raise ConfigError(f"updates_per_step={self.updates_per_step} is no whole number per {self.interval} steps")
        if round(updates) % period:  # metrics are those of the last update, which must move all parts
            text = f"updates_per_step is {self.updates_per_step}, {round(updates)} updates per {self.interval} steps"
            raise ConfigError(f"{text}; allowed: multiples of actor_period={period}")
        self._check_fields()

    def _convert(self, method: Algorithm) -> None:
        """Takes dictionaries, lists and paths for what they stand for, as people write them in Python."""
        for name in ("mix", "relabel"):
            shares: Any = getattr(self, name)
            if isinstance(shares, dict):
                object.__setattr__(self, name, tuple(cast("dict[str, float]", shares).items()))
        if isinstance(self.data, str):
            raise ConfigError(
                f"data is the text {self.data!r}; allowed: a tuple of sources, as in data=({self.data!r},)"
            )
        for name in ("data", "sinks"):
            if isinstance(values := getattr(self, name), list | tuple):
                object.__setattr__(self, name, tuple(map(str, cast("list[Any]", values))))
        if isinstance(self.folder, Path):
            object.__setattr__(self, "folder", str(self.folder))
        for name, hint in get_type_hints(Experiment, include_extras=True).items():
            if isinstance(value := getattr(self, name), np.generic):
                object.__setattr__(self, name, value.item())
            check_kind(name, getattr(self, name), hint)
        if not isinstance(self.hyperparameters, method.config):
            own = type(self.hyperparameters).__module__.rpartition(".")[2]
            text = f"algorithm is {self.algorithm}, and hyperparameters are those of {own}"
            raise ConfigError(f"{text}; allowed: its own, as in defaults({self.algorithm!r})")

    def _check_fields(self) -> None:
        if not 0 <= self.seed < 2**32:  # JAX takes no more of it: others would share their networks
            raise ConfigError(f"seed is {self.seed}; allowed: 0 to {2**32 - 1}")
        if self.offline_batch_size is not None and self.offline_batch_size <= 0:
            raise ConfigError(f"offline_batch_size is {self.offline_batch_size}; allowed: more than 0, or None")
        for name in ("isolate", "deadline", "render_mode"):
            if name in self.env_options:
                raise ConfigError(f"env_options has {name}, which no environment gets; allowed: what its factory takes")


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
    own = _filled(_method(values.get("algorithm")).config, values.get("hyperparameters", {}))
    return _filled(Experiment, {**values, "hyperparameters": own})


def from_older_json(values: Mapping[str, Any]) -> Experiment[Any]:
    """The record of an earlier version's `to_json`: what it did not know yet has its default. Raises as `from_json`."""
    algorithm, preset = values.get("algorithm", ""), values.get("preset", "")
    known = preset if (algorithm, preset) in PRESETS else "paper"  # a name of one's own for settings of one's own
    start = to_json(defaults(algorithm, known, values.get("env", "")))
    own = {**start["hyperparameters"], **values.get("hyperparameters", {})}
    return from_json({**start, **values, "hyperparameters": own})


def _method(name: Any) -> Algorithm:
    if name not in ALGORITHMS:
        raise ConfigError(f"algorithm is {name!r}; allowed: {', '.join(sorted(ALGORITHMS))}")
    return ALGORITHMS[name]


def _filled(kind: Any, values: Mapping[str, Any]) -> Any:
    known: set[str] = {f.name for f in dataclasses.fields(kind)}
    for problem, names in (("unknown", values.keys() - known), ("missing", known - values.keys())):
        if names:
            raise ConfigError(f"{problem} in {kind.__module__}.{kind.__name__}: {', '.join(sorted(names))}")
    return kind(**{key: _tuples(value) for key, value in values.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in cast("list[Any]", value)) if isinstance(value, list) else value


def defaults(algorithm: str = "awac", preset: str = "paper", env: str = "awac/PenBinary-v0") -> Experiment[Any]:
    """The experiment that an algorithm, a preset and an environment stand for.

    Raises:
        ConfigError: no such algorithm, or no such preset of it.
    """
    method = _method(algorithm)
    if preset not in presets_of(algorithm):
        raise ConfigError(f"preset is {preset!r}; allowed for {algorithm}: {', '.join(presets_of(algorithm))}")
    levels = PRESETS[algorithm, preset]
    values = {**levels.get("all", {}), **levels.get(domain(env), {})}
    own = {f.name for f in dataclasses.fields(method.config)}
    hyperparameters = method.config(**{k: v for k, v in values.items() if k in own})
    rest = {k: v for k, v in values.items() if k not in own}
    return Experiment(hyperparameters=hyperparameters, algorithm=algorithm, preset=preset, env=env, **rest)
