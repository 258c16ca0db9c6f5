"""The one loop: offline steps, then online steps, with no change at the switch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from awac import checkpoint
from awac.algorithms import ALGORITHMS
from awac.config import Experiment, defaults, from_json, to_json
from awac.display import Display
from awac.run import RunFolder
from awac.session import Session
from awac.signals import StopRequest


@dataclass(frozen=True)
class Result:
    """What is left of a run.

    Attributes:
        folder: The run folder.
        metrics: The last evaluation, by tag.
        exit_code: 0, or 130 or 143 where a signal ended the run early; `resume` goes on.
    """

    folder: Path
    metrics: dict[str, float]
    exit_code: int


def train(experiment: Experiment[Any], display: Display | None = None) -> Result:
    """Runs an experiment from its beginning.

    Raises:
        AwacError: one of its classes for each kind of failure; see `awac.errors`.
    """
    with RunFolder.create(Path(experiment.folder), to_json(experiment)) as folder:
        return _run(experiment, folder, None, display or Display(experiment.env))


def resume(path: Path, display: Display | None = None) -> Result:
    """Goes on with a run from its newest checkpoint: to the last bit what it would have been.

    Raises:
        CheckpointError: no checkpoint can be read.
        ConfigError: it is no run folder.
    """
    with RunFolder.open(path) as folder:
        experiment = from_json(folder.config)
        saved = checkpoint.load(folder.checkpoints) if checkpoint.steps(folder.checkpoints) else None
        return _run(experiment, folder, saved, display or Display(experiment.env))


def _run(
    experiment: Experiment[Any], folder: RunFolder, saved: checkpoint.Checkpoint | None, display: Display
) -> Result:
    session = Session(experiment, folder, display)
    metrics: dict[str, float] = {}
    with StopRequest() as stop, display:
        try:
            if saved is not None:
                session.restore(saved)
            else:
                session.restart()
                metrics = session.evaluate()
            while not session.finished and not stop.requested:
                session.advance()
                metrics = _records(session) or metrics
            session.save(last=True)
            session.finish(metrics)
        finally:
            session.close()
    return Result(folder.path, metrics, 0 if session.finished else stop.exit_code)


def _records(session: Session) -> dict[str, float]:
    """Metrics, evaluation and checkpoint, where they are due; what the evaluation showed."""
    experiment, metrics, best = session.experiment, dict[str, float](), False
    if session.due(experiment.log_interval):
        session.log()
    if session.due(experiment.evaluation_interval):
        metrics = session.evaluate()
        best = session.is_best(metrics)
    if best or session.due(experiment.checkpoint_interval):
        session.save(best)
    return metrics


@dataclass(frozen=True)
class _Choice:
    """The options that decide the defaults of all others."""

    algorithm: str = "awac"
    preset: str = "paper"
    env: str = "awac/PenBinary-v0"


def parse(arguments: Sequence[str]) -> Experiment[Any]:
    """The experiment of a command line: algorithm, preset and environment choose the defaults of all other options."""
    choice, _ = tyro.cli(_Choice, args=_known(arguments), return_unknown_args=True, add_help=False)
    start = defaults(choice.algorithm, choice.preset, choice.env)
    kind = Experiment[ALGORITHMS[choice.algorithm].config]
    text = f"Methods: {', '.join(sorted(ALGORITHMS))}. Presets: paper, authors, plus, where the method has them."
    return tyro.cli(
        tyro.conf.OmitArgPrefixes[kind], default=start, args=list(arguments), prog="awac train", description=text
    )


def _known(arguments: Sequence[str]) -> list[str]:
    # only `--algorithm NAME`, `--preset NAME` and `--env NAME`, in both spellings: the rest is not for the first look
    known: list[str] = []
    for index, word in enumerate(arguments):
        if word.split("=")[0] in ("--algorithm", "--preset", "--env"):
            known += [word] if "=" in word else list(arguments[index : index + 2])
    return known


def command(arguments: Sequence[str]) -> int:
    """Train a policy: offline on prior data, then online."""
    result = train(parse(arguments))
    return result.exit_code


@dataclass(frozen=True)
class ResumeOptions:
    """Options of `awac resume`."""

    folder: Annotated[Path, tyro.conf.Positional]
    """The run folder."""


def resume_command(options: ResumeOptions) -> int:
    """Go on with a run exactly where it stopped."""
    return resume(options.folder).exit_code
