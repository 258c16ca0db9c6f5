"""`awac demo`: a dexterous hand learns to spin a pen from 25 demonstrations, offline first, then better online."""

import json
import shlex
import time
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from rich.console import Console

from awac import storage
from awac.clone import clone_policy
from awac.config import Experiment, defaults, seed_of
from awac.data.generate import Collection, collect
from awac.data.sources import load
from awac.data.writer import write
from awac.display import Display, table
from awac.envs import make
from awac.evaluate import evaluate
from awac.metrics import read_metrics
from awac.report import learning_curve
from awac.runtime import Policy
from awac.training import Result, resume, train
from awac.video import RendererUnavailable, record

ENV = "awac/PenBinary-v0"
DEMONSTRATIONS = "bundled:pen"
SUCCESS = "eval/success_rate"


@dataclass(frozen=True)
class DemoOptions:
    """Options of `awac demo`."""

    folder: Path = Path("runs/demo")
    """Run folder; a run that was interrupted there goes on, a finished one steps aside."""
    figures: Path = Path("figures")
    """Where the learning curve and the film go."""
    seed: int = 0
    """Decides everything that is left to chance."""
    clone_updates: int = 8_000
    """Updates of the clone."""
    clone_episodes: int = 500
    """Roll-outs of the clone, prior data beside the demonstrations; the paper's number."""
    offline_steps: int = 12_000
    """Updates before the first step with the hand."""
    online_steps: int = 10_000
    """Steps with the hand."""
    episodes: int = 50
    """Episodes of each evaluation."""
    film_episodes: int = 3
    """Episodes of the film; 0 for none."""


def command(options: DemoOptions) -> int:
    """Runs the demonstration; prints a table, and leaves a curve, a film, a checkpoint and a policy."""
    console = Console()
    started = time.monotonic()
    experiment = experiment_of(options)
    with Display("clone", console) as display:
        cloned = clone_rollouts(options, experiment, display)
    result = run(experiment, options.folder, console)
    if result.exit_code:
        console.print(f"Interrupted. Go on with: {again(options)}", soft_wrap=True, highlight=False, markup=False)
        return result.exit_code
    summary = summarize(options, cloned, time.monotonic() - started)
    storage.write_file(options.folder / "summary.json", json.dumps(summary, indent=2).encode() + b"\n")
    report(options, summary, console)
    return 0


def again(options: DemoOptions) -> str:
    """The command that goes on: with other options it would be another run, on other data."""
    given = [(name, value) for name, value in vars(options).items() if value != getattr(DemoOptions, name)]
    return shlex.join(
        ["awac", "demo", *(word for name, value in given for word in (f"--{name.replace('_', '-')}", str(value)))]
    )


def clone_folder(options: DemoOptions) -> Path:
    """Where the roll-outs of the clone are: beside the run, whose folder must be its own."""
    return options.folder.with_name(options.folder.name + "-clone")


def experiment_of(options: DemoOptions) -> Experiment[Any]:
    """The preset `plus` on the pen, at the demonstration's budget."""
    return replace(
        defaults("awac", "plus", ENV),
        data=(DEMONSTRATIONS, str(clone_folder(options))),
        folder=str(options.folder),
        seed=options.seed,
        offline_steps=options.offline_steps,
        online_steps=options.online_steps,
        evaluation_interval=2_000,
        evaluation_episodes=options.episodes,
        log_interval=500,
        checkpoint_interval=2_000,
        buffer_capacity=120_000,  # 105 000 of prior data and 10 000 online: none is forgotten
    )


def clone_rollouts(options: DemoOptions, experiment: Experiment[Any], display: Display) -> float:
    """Clones the demonstrations, evaluates the clone, and writes its stochastic roll-outs; returns its success."""
    demonstrations = load([DEMONSTRATIONS])
    hidden = experiment.hyperparameters.actor_hidden

    def show(done: int, metrics: dict[str, float]) -> None:
        display.update("clone", done, options.clone_updates, metrics)

    learner = clone_policy(demonstrations, ENV, options.clone_updates, experiment.seed, hidden=hidden, progress=show)
    mean = partial(learner.act, deterministic=True)
    evaluation = evaluate(partial(make, ENV), mean, experiment.evaluation_episodes, seed_of(experiment, "evaluation"))
    success = evaluation.metrics()[SUCCESS]
    display.message(f"clone of {len(demonstrations.episodes)} demonstrations: success {success:.0%}")
    recipe = {"command": "awac demo", "clone_of": DEMONSTRATIONS, "seed": options.seed}
    rollouts = Collection(ENV, options.clone_episodes, seed_of(experiment, "exploration"), recipe=recipe)
    folder = write(collect(learner.act, rollouts), clone_folder(options), env_id=ENV, overwrite=True)
    display.message(f"{options.clone_episodes} roll-outs of the clone: {folder}")
    return success


def run(experiment: Experiment[Any], folder: Path, console: Console) -> Result:
    """Trains, or goes on where an earlier call was interrupted; it must have had the same options."""
    display = Display(ENV, console)
    if not (folder / "config.json").exists():
        return train(experiment, display)
    if not (folder / "summary.json").exists() or not json.loads((folder / "summary.json").read_bytes()).get("seconds"):
        console.print(f"Going on with {folder}")
        return resume(folder, experiment, display)
    aside = next(path for n in count(1) if not (path := folder.with_name(f"{folder.name}-{n}")).exists())
    folder.rename(aside)
    console.print(f"The earlier run is now {aside}")
    return train(experiment, display)


def summarize(options: DemoOptions, cloned: float, seconds: float) -> dict[str, float | int]:
    """Mean success at the last step of an episode: of the clone, after the offline and after the online phase."""
    rates = {line["step"]: line[SUCCESS] for line in read_metrics(options.folder) if SUCCESS in line}
    return {
        "clone": cloned,
        "after_offline": rates[0],
        "after_online": rates[max(rates)],
        "episodes": options.episodes,
        "seconds": round(seconds, 1),
    }


def report(options: DemoOptions, summary: dict[str, float | int], console: Console) -> None:
    """The table, the curve, the film, and where to go from here."""
    labels = {"clone": "clone of the demonstrations", "after_offline": "after offline", "after_online": "after online"}
    rows = [{"policy": label, "success": f"{summary[name]:.0%}"} for name, label in labels.items()]
    title = f"{ENV}: success at the last step, {options.episodes} episodes, mean action, seed {options.seed}"
    console.print(table(rows, title))
    console.print(f"curve       {learning_curve([options.folder], SUCCESS, options.figures / 'learning_curve.png')}")
    if options.film_episodes:
        console.print(f"film        {film(options)}")
    console.print(f"checkpoint  {options.folder / 'checkpoints'}")
    console.print(f"seconds     {summary['seconds']:.0f}")
    console.print("\nGo on:")
    for line in (
        f"awac evaluate {options.folder} --episodes 100",
        f"awac export {options.folder} --output pen.onnx",
        f"awac plot {options.folder} --output curve.png",
    ):
        console.print(f"  {line}", highlight=False)


def film(options: DemoOptions) -> str:
    """Films the policy; returns the path, or why there is no film."""
    act, path = Policy.load(options.folder / "policy").act, options.figures / "policy.mp4"
    try:
        record(ENV, {}, act, path, options.film_episodes)
    except RendererUnavailable as error:
        return f"none: {error}"
    return str(path)
