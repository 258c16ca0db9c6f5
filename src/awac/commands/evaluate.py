"""`awac evaluate`: how good the policy of a run is, with numbers, and with a film if asked for."""

import functools
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from rich.console import Console
from tyro.conf import Positional

from awac.collect import Act, action_bounds
from awac.display import digits, table
from awac.envs import make
from awac.envs.options import EnvOptions
from awac.envs.scores import NAMES
from awac.errors import ConfigError, at_least
from awac.evaluate import Evaluation, Evaluator
from awac.run import RunFolder
from awac.runtime import Policy
from awac.saved_policy import find_policy, saved_act
from awac.scaling import Scaling
from awac.video import record

logger = logging.getLogger(__name__)

ROWS = {
    "eval/success_rate": "success at the last step",
    "eval/success_any": "success at any step",
    "eval/success_dapg": "success by the rule of DAPG",
    "eval/solved_fraction": "share of steps solved",
    "eval/final_distance": "distance at the end",
    "eval/mean_reward": "return",
    **{f"eval/{name}": text for name, text in NAMES.items()},
    "eval/mean_ep_length": "length",
}


@dataclass(frozen=True)
class EvaluateOptions:
    """Options of `awac evaluate`."""

    folder: Positional[Path]
    """Run folder, or policy folder (`policy.safetensors` and `policy.json`)."""
    step: int | Literal["best"] | None = None
    """Take a checkpoint of the run: that of the best evaluation, or the one saved at this step (offline updates and
    environment steps together, as folders in `checkpoints` are named)."""
    env: str | None = None
    """Gymnasium id or `module:factory`; the one that the policy was trained in if left out."""
    env_options: EnvOptions = field(default_factory=EnvOptions)
    """Options of the environment; those of the run if left out."""
    episodes: int = 100
    """How many episodes."""
    seed: int = 0
    """Of the first episode; the next ones count up from it."""
    parallel: int | None = None
    """Environments at once; the run's `evaluation_parallel` if left out, and 10 of a policy folder."""
    stochastic: bool = False
    """Sample actions instead of taking the mean."""
    video: Path | None = None
    """Write a film of the first three of the episodes here (.mp4)."""
    json: bool = False
    """Print JSON instead of a table."""

    def __post_init__(self) -> None:
        at_least(1, episodes=self.episodes, parallel=self.parallel)
        at_least(0, seed=self.seed)


def command(options: EvaluateOptions) -> None:
    """Rolls out a trained policy and prints success, returns and lengths."""
    env_id, env_options = environment(options)
    make_env = functools.partial(make, env_id, **isolation(options, env_id), **env_options)
    act, scaling = actor(options)
    with Evaluator(make_env, options.episodes, options.seed, parallel(options)) as evaluator:
        found = evaluator.evaluate(act)
        warn_of_bounds(env_id, action_bounds(evaluator.envs[0]), (scaling.action_low, scaling.action_high))
        if options.json:  # before it is closed, which may fail
            print(json.dumps({"env": env_id, "episodes": options.episodes, "seed": options.seed, **found.metrics()}))
        else:
            title = f"{env_id}, {options.episodes} episodes, seeds {options.seed} and up"
            Console().print(table(rows(found), title))
    if options.video is not None:
        record(env_id, env_options, actor(options)[0], options.video, min(options.episodes, 3), options.seed)


def configuration(options: EvaluateOptions) -> Mapping[str, Any]:
    """That of the run; nothing in a policy folder."""
    return RunFolder.view(options.folder).config if (options.folder / "config.json").exists() else {}


def parallel(options: EvaluateOptions) -> int:
    """How many environments to open."""
    return options.parallel or int(configuration(options).get("evaluation_parallel", 10))


def environment(options: EvaluateOptions) -> tuple[str, EnvOptions]:
    """The environment asked for, else that of the run, else that of the policy's card.

    Raises:
        ConfigError: None of them says.
    """
    config = configuration(options)
    env_id = options.env or config.get("env") or Policy.load(find_policy(options.folder)).card.environment
    if not env_id:
        raise ConfigError(f"{options.folder} does not say which environment the policy is for; give --env")
    same = env_id == config.get("env")
    return env_id, options.env_options or (cast("EnvOptions", config.get("env_options", {})) if same else {})


def isolation(options: EvaluateOptions, env_id: str) -> dict[str, Any]:
    """A process of its own where the run gave its environment one."""
    config = configuration(options)
    return {name: config[name] for name in ("isolate", "deadline") if env_id == config.get("env") and name in config}


def actor(options: EvaluateOptions) -> tuple[Act, Scaling]:
    """The policy as evaluation calls it: mean actions, or samples from a generator seeded like the episodes."""
    return saved_act(options.folder, not options.stochastic, np.random.default_rng(options.seed), options.step)


def warn_of_bounds(env_id: str, bounds: tuple[np.ndarray, np.ndarray], own: tuple[np.ndarray, np.ndarray]) -> None:
    """Says so where an environment's actions are not those that the policy was trained with."""
    if not all(np.allclose(here, there) for here, there in zip(bounds, own, strict=True)):
        ours, theirs = (f"{low.tolist()} to {high.tolist()}" for low, high in (own, bounds))
        logger.warning("the policy acts within %s; %s allows %s, and actions beyond were clipped", ours, env_id, theirs)


def rows(found: Evaluation) -> list[dict[str, object]]:
    """The table: mean of each figure, and for what is not a rate its spread over the episodes."""
    values = {
        "eval/mean_reward": found.returns,
        "eval/mean_ep_length": found.lengths,
        "eval/final_distance": found.final_distance,
    }
    spreads = {tag: each.std() for tag, each in values.items() if each is not None}
    metrics = found.metrics()
    return [
        {"figure": label, "mean": metrics[tag], "std": digits(spreads[tag]) if tag in spreads else ""}
        for tag, label in ROWS.items()
        if tag in metrics
    ]
