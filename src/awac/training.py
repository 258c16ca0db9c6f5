"""The one loop: offline steps, then online steps, with no change at the switch."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import tyro

from awac import checkpoint
from awac.algorithms import ALGORITHMS
from awac.config import Experiment, defaults, from_older_json, to_json
from awac.display import Display
from awac.errors import AwacError, CheckpointError, ConfigError, EnvironmentFault, RobotStop
from awac.outcome import leave
from awac.presets import presets_of
from awac.progress import last_evaluation
from awac.run import RunFolder
from awac.session import Session
from awac.signals import Stopped, StopRequest
from awac.task_presets import TASK_PRESETS, make_missing, task_experiment

logger = logging.getLogger(__name__)


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


def resume(path: Path | str, experiment: Experiment[Any] | None = None, display: Display | None = None) -> Result:
    """Goes on with a run from its newest checkpoint: to the last bit what it would have been.

    Args:
        path: The run folder.
        experiment: What to go on with; it may differ from the run's own in where metrics go and in `online_steps`, by
            which a finished run goes further, and in nothing else.
        display: Where to show progress.

    Raises:
        CheckpointError: no checkpoint can be read.
        ConfigError: it is no run folder, `experiment` differs, or the run has taken more than `online_steps` already.
    """
    with RunFolder.open(Path(path)) as folder:
        stored = from_older_json(folder.config)
        experiment = experiment or stored
        replace(folder, config=to_json(stored)).check_config(to_json(experiment), may_change=("sinks", "online_steps"))
        saved = checkpoint.load(folder.checkpoints) if checkpoint.steps(folder.checkpoints) else None
        if saved is None and (folder.summary.exists() or folder.policy.exists()):  # it was further than its beginning
            raise CheckpointError(f"{folder.checkpoints} is empty, but the run has left results: nothing to go on from")
        if experiment.online_steps != stored.online_steps:
            taken = 0 if saved is None else saved.meta["online"]
            if experiment.online_steps < taken:
                raise ConfigError(
                    f"online_steps={experiment.online_steps}; allowed: at least the {taken} that are done"
                )
        return _run(experiment, folder, saved, display or Display(experiment.env))


def _run(
    experiment: Experiment[Any], folder: RunFolder, saved: checkpoint.Checkpoint | None, display: Display
) -> Result:
    _warn_of_silence(experiment)
    with StopRequest(display.stopping) as stop:  # first: a signal must not break into the start of JAX or of a robot
        session = Session(experiment, folder, display)
        stop.listen()  # again: drivers and windows like to take the signals over
        with display:
            try:
                metrics = _loop(session, saved, stop)
            except BaseException as error:
                _in_any_case(session.close, error)
                raise
            session.close()
    return Result(folder.path, metrics, 0 if session.finished else stop.exit_code)


def _warn_of_silence(experiment: Experiment[Any]) -> None:
    waiting = experiment.random_steps + experiment.warmup_steps
    if 0 < experiment.online_steps <= waiting:
        text = "nothing is learned online: random_steps and warmup_steps are %d of %d online_steps"
        logger.warning(text, waiting, experiment.online_steps)
    modelled = ALGORITHMS[experiment.algorithm].behavior is not None or experiment.hyperparameters.fit_behavior
    if experiment.held_out_episodes and not modelled:
        text = "held_out_episodes=%d are left out and nothing is scored on them: %s has no model of the data; see %s"
        logger.warning(text, experiment.held_out_episodes, experiment.algorithm, "fit_behavior")


def _loop(session: Session, saved: checkpoint.Checkpoint | None, stop: StopRequest) -> dict[str, float]:
    if saved is None:
        session.restart()
    else:
        session.restore(saved)
    _move_end(session)  # only now: a run that cannot be restored keeps its configuration
    metrics = _evaluation(session, stop) if saved is None else last_evaluation(session.folder.path)
    if session.summarized:
        return metrics
    try:
        while not session.finished and not stop.requested:
            if session.progress.evaluated:
                session.advance()
                metrics = _records(session, stop) or metrics
            else:  # left by an earlier stop, or a fault
                metrics = _evaluation(session, stop) or metrics
    except (ConfigError, EnvironmentFault, RobotStop) as error:  # the state is that after the last whole interval
        _in_any_case(partial(session.save, last=True, again=True), error)
        raise
    session.save(last=True)
    leave(session, metrics)
    return metrics


def _move_end(session: Session) -> None:
    """Writes other `online_steps` than the run had; where it has arrived at them, they are evaluated first."""
    if session.folder.config.get("online_steps") == session.experiment.online_steps:
        return
    session.folder.reconfigure(to_json(session.experiment))
    if session.finished and not last_evaluation(session.folder.path, session.step):
        session.progress = replace(session.progress, evaluated=False)


def _in_any_case(act: Callable[[], object], error: BaseException) -> None:
    # what went wrong first is what the user must read; a disk that is full makes saving and closing fail too
    try:
        act()
    except AwacError as second:
        error.add_note(f"saving or closing the run failed too: {second}")


def _records(session: Session, stop: StopRequest) -> dict[str, float]:
    """Metrics, evaluation and checkpoint, where they are due; what the evaluation showed."""
    experiment = session.experiment
    if session.due(experiment.log_interval):
        session.log()
    if session.due(experiment.evaluation_interval):
        return _evaluation(session, stop)
    if session.due(experiment.checkpoint_interval):
        session.save()
    return {}


def _evaluation(session: Session, stop: StopRequest) -> dict[str, float]:
    """What an evaluation shows, with a checkpoint where it is the best or one is due; nothing where a signal came."""
    try:
        metrics = session.evaluate(stop.check)
    except Stopped:
        return {}
    if session.total:  # before the first step there is nothing to keep
        best = session.note_if_best(metrics)
        if best or session.due(session.experiment.checkpoint_interval):
            session.save(best)
    return metrics


@dataclass(frozen=True)
class _Choice:
    """The options that decide the defaults of all others."""

    algorithm: str = "awac"
    preset: str | None = None
    env: str = "awac/PenBinary-v0"
    task_preset: str | None = None


def parse(arguments: Sequence[str]) -> Experiment[Any]:
    """The experiment of a command line: algorithm, preset and environment choose the defaults of all other options.

    So does a task preset, which stands for an environment, data and a preset.
    """
    choice = _choice(arguments)
    if choice.task_preset is None:
        start = defaults(choice.algorithm, choice.preset or "paper", choice.env)
    else:
        start = task_experiment(choice.task_preset, choice.algorithm, choice.preset)
    if len([word for word in arguments if word.split("=")[0] == "--data"]) > 1:
        logger.warning("--data is given more than once, and the last one counts; all values follow one --data")
    return _complete(start, _split(arguments, ("--task-preset",))[1], "awac train")


def _choice(arguments: Sequence[str]) -> _Choice:
    names = [f"--{entry.name.replace('_', '-')}" for entry in fields(_Choice)]
    return tyro.cli(_Choice, args=_split(arguments, names)[0], add_help=False)


def _split(arguments: Sequence[str], names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of `--name VALUE` and `--name=VALUE` of these names, and all other words."""
    named: list[str] = []
    others: list[str] = []
    words = iter(arguments)
    for word in words:
        if word.split("=")[0].replace("_", "-") in names:
            named += [word] if "=" in word else [word, *islice(words, 1)]
        else:
            others.append(word)
    return named, others


def command(arguments: Sequence[str]) -> int:
    """Train a policy: offline on prior data, then online."""
    experiment = parse(arguments)
    if _choice(arguments).task_preset is not None:
        make_missing(experiment.data)
    return _report(train(experiment))


def resume_command(arguments: Sequence[str]) -> int:
    """Go on with a run exactly where it stopped. It goes further with `--online-steps N`; `--sinks` may change too."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(f"usage: awac resume FOLDER [--online-steps N] [--sinks ...]\n\n{resume_command.__doc__}")
        return 0
    if not arguments or arguments[0].startswith("-"):
        raise ConfigError(
            "usage: awac resume FOLDER [--online-steps N] [--sinks ...]; the folder of the run comes first"
        )
    path = Path(arguments[0])
    stored = from_older_json(RunFolder.view(path).config)
    return _report(resume(path, _complete(stored, arguments[1:], "awac resume FOLDER")))


def _report(result: Result) -> int:
    """Says where a run stands and what goes on from there; returns its exit code."""
    folder, best = result.folder, checkpoint.best_step(result.folder / "checkpoints")
    head = "finished" if not result.exit_code else f"stopped and saved; `awac resume {folder}` goes on"
    place = folder / "policy"
    newest = f"no policy file; `awac evaluate {folder}` acts by its newest checkpoint"
    policy = f"policy in {place}" if place.exists() else newest
    kept = "" if best is None else f"; best checkpoint: step {best}, `awac evaluate {folder} --step best`"
    print(f"{head}. {policy}{kept}")
    return result.exit_code


def _complete(start: Experiment[Any], arguments: Sequence[str], program: str) -> Experiment[Any]:
    kind: Any = Experiment[type(start.hyperparameters)]
    presets = ", ".join(presets_of(start.algorithm))
    text = f"Methods: {', '.join(sorted(ALGORITHMS))}. Presets of {start.algorithm}: {presets}."
    if program == "awac train":
        text += f" --task-preset NAME stands for task, data and preset, and makes the data: {', '.join(TASK_PRESETS)}."
    return tyro.cli(
        tyro.conf.OmitArgPrefixes[kind], default=start, args=list(arguments), prog=program, description=text
    )
