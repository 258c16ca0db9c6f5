"""`awac data`: check, describe, draw, import, collect, clone and make prior data."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from awac.batch import Provenance
from awac.data.dataset import Dataset
from awac.data.imports import ImportOptions, read_file
from awac.data.options import (
    AddExpertOptions,
    CardOptions,
    CheckOptions,
    CloneOptions,
    CollectOptions,
    ImportCommandOptions,
    InfoOptions,
    MakeOptions,
    Table3Options,
)
from awac.data.repair import known_task
from awac.data.report import Problem, Report
from awac.data.sources import destination, load, locate, split
from awac.data.store import Stored, read
from awac.data.validate import Spaces, check_stored
from awac.data.writer import refuse_existing, write
from awac.envs.options import EnvOptions
from awac.envs.scores import NAMES, scores
from awac.errors import ConfigError, DataError, at_least


def check(options: CheckOptions) -> int:
    """Say what is wrong with data, and what looks wrong; leaves with 3 if it cannot be used."""
    reports = {source: _examine(source, options, options.download)[1] for source in options.sources}
    if options.json:
        _print_json({source: report.to_json() for source, report in reports.items()})
    else:
        for source, report in reports.items():
            print("\n".join([f"{source}:", *(f"  {line}" for line in report.lines())]))
    return 0 if all(report.ok for report in reports.values()) else DataError.exit_code


def info(options: InfoOptions) -> None:
    """Describe datasets: episodes, lengths, returns, success, who acted, where they come from."""
    found = {source: load([source], download=options.download) for source in options.sources}
    described = {name: {**data.statistics(), "metadata": dict(data.metadata)} for name, data in found.items()}
    if options.json:
        _print_json(described)
    else:
        from rich.console import Console

        from awac.data.description import describe

        for name, data in found.items():
            Console().print(describe(name, data))


def import_(options: ImportCommandOptions) -> int:
    """Convert data to Minari, checked and, if asked for, repaired; leaves with 3 if it cannot be used."""
    folder = destination(options.to)
    refuse_existing(folder, options.overwrite)
    env_id, env_options = _environment(options)
    dataset, report = _examine(options.source, options, False)
    if dataset is not None and report.ok:
        metadata = {**dataset.metadata, "repairs": list(report.repairs)}
        if env_id:
            metadata["env_options"] = env_options
        if options.description:
            metadata["description"] = options.description
        write(replace(dataset, metadata=metadata), folder, env_id=env_id, overwrite=options.overwrite)
    if options.json:
        _print_json({"written": str(folder) if report.ok else None, **report.to_json()})
    else:
        print("\n".join([*report.lines(), f"written to {folder}" if report.ok else "nothing was written"]))
    return 0 if report.ok else DataError.exit_code


def collect(options: CollectOptions) -> None:
    """Roll out a policy, a scripted expert or a random process into a dataset."""
    from awac.data import generate

    folder = destination(options.to)
    refuse_existing(folder, options.overwrite)
    at_least(1, episodes=options.episodes)
    at_least(0, seed=options.seed)
    spaces = generate.spaces_of(options.env, options.env_options)
    if options.policy == generate.EXPERT:
        act, usual = generate.expert(options.env, spaces, options.seed, options.noise), "demonstration"
    elif options.noise:
        raise ConfigError(f"noise is {options.noise}; it is for --policy {generate.EXPERT}, not {options.policy}")
    else:
        usual = "random" if options.policy in generate.PROCESSES else "rollout"
        act = generate.actor(options.policy, spaces, options.seed, options.deterministic, options.theta, options.sigma)
    collection = generate.Collection(
        options.env,
        options.episodes,
        options.seed,
        options.env_options,
        options.only_successful,
        Provenance[(options.provenance or usual).upper()],
        _recipe("collect", options),
        _parallel(options),
    )
    _finish(generate.collect(act, collection, spaces), folder, options.description, options.overwrite)


def clone(options: CloneOptions) -> None:
    """Clone demonstrations and roll the clone out, as the paper did for its prior data."""
    from awac.data import generate

    folder = destination(options.to)
    refuse_existing(folder, options.overwrite)
    at_least(1, episodes=options.episodes, steps=options.steps)
    at_least(0, seed=options.seed)
    demonstrations = load(options.sources, spaces=generate.spaces_of(options.env, options.env_options))
    collection = generate.Collection(
        options.env,
        options.episodes,
        options.seed,
        options.env_options,
        recipe=_recipe("clone", options),
        parallel=_parallel(options),
    )
    made = generate.clone(demonstrations, collection, options.steps)
    _finish(made, folder, f"behaviour-cloned roll-outs of {' and '.join(options.sources)}", options.overwrite)


def _parallel(options: CollectOptions | CloneOptions) -> int:
    """A factory may be a robot, which is there once."""
    from awac.data.generate import PARALLEL

    at_least(1, parallel=options.parallel)
    return options.parallel or (1 if ":" in options.env else PARALLEL)


def make(options: MakeOptions) -> None:
    """Make a dataset by its name, such as halfcheetah-medium-v0 or drawer-clone-v0, from what comes with awac."""
    from awac.data import recipes
    from awac.display import progress_bar

    task, kind = recipes.parse_name(options.name)
    recipe = recipes.Recipe(task, kind, options.seed, options.steps, options.workers, options.experts)
    folder = recipe.place if options.to is None else destination(options.to)
    refuse_existing(folder, options.overwrite)
    training = folder.absolute().parent / f".{folder.name}.training"
    with progress_bar(recipe.name, recipe.total) as progress:
        dataset = recipes.make(recipe, training, progress)
    _finish(dataset, folder, dataset.metadata.get("description", f"{kind} data of {recipe.env_id}"), options.overwrite)
    shutil.rmtree(training, ignore_errors=True)
    for name, score in scores(recipe.env_id, dataset.statistics()["return"]["mean"]).items():
        print(f"{NAMES[name]} of its mean return: {score:z.1f}")


def add_expert(options: AddExpertOptions) -> None:
    """Measure the policy of a run, and keep it with its card for `awac data make`."""
    from awac.data import measure

    at_least(1, episodes=options.episodes, workers=options.workers)
    card = measure.add_expert(
        options.run,
        options.task,
        options.level,
        options.to,
        step=options.step,
        count=options.episodes,
        workers=options.workers,
        overwrite=options.overwrite,
    )
    for name, found in {"mean actions": card.mean_action, "sampled actions": card.sampled}.items():
        said = f"return {found.mean:.1f} (std {found.std:.1f}), length {found.length:.1f}"
        print(f"{name}: {said}, {found.episodes} episodes")
    print(f"{card.task}, {card.level}, {card.steps} steps: written to {options.to / card.task / card.level}")


def card(options: CardOptions) -> None:
    """Draw a dataset: returns, lengths of episodes, and which actions it covers."""
    from awac.data.picture import draw

    print(f"written to {draw(options.source, load([options.source], download=options.download), options.output)}")


def table3(options: Table3Options) -> None:
    """Table III of the paper: how good demonstrations are, and clones of them, task by task."""
    from rich.console import Console

    from awac.data import table3

    at_least(0, seed=options.seed)
    protocol = table3.Protocol(options.updates, options.episodes, options.seed, options.demonstrations, options.experts)
    Console().print(table3.made_rows(options.tasks, protocol, options.output))


COMMANDS: Mapping[str, Callable[[Any], int | None]] = {
    "check": check,
    "info": info,
    "import": import_,
    "collect": collect,
    "clone": clone,
    "make": make,
    "add-expert": add_expert,
    "card": card,
    "table3": table3,
}


def _examine(
    source: str, options: CheckOptions | ImportCommandOptions, download: bool
) -> tuple[Dataset | None, Report]:
    """Reads and checks one source; what cannot even be read becomes a report too."""
    reading = ImportOptions(options.format, options.columns, options.episode_length)
    provenance, where = split(source)
    try:
        path = Path(where).expanduser()
        stored: Stored = read_file(path, reading) if path.is_file() else read(locate(where, download=download))
    except DataError as error:
        return None, Report(errors=(Problem("unreadable", str(error)),))
    spaces, task = _spaces(*_environment(options)), _task(options, stored.metadata)
    return check_stored(stored, provenance=provenance, spaces=spaces, repair=options.repair, task=task)


def _environment(options: CheckOptions | ImportCommandOptions) -> tuple[str | None, EnvOptions]:
    """The environment that was asked for, and its options."""
    repair = options.repair
    env_id = options.env or repair.relabel
    return env_id, options.env_options | (repair.relabel_options if env_id == repair.relabel else {})


def _spaces(env_id: str | None, env_options: EnvOptions) -> Spaces | None:
    if env_id is None:
        return None
    from awac.data.generate import spaces_of

    return spaces_of(env_id, env_options)


def _task(options: CheckOptions | ImportCommandOptions, metadata: Mapping[str, Any]) -> Callable[[Any], Any] | None:
    """The task's own rewards, to compare with; None where they are not known or the environment is not here."""
    if options.repair.relabel:
        env_id, env_options = options.repair.relabel, options.repair.relabel_options
    elif options.env:
        env_id, env_options = options.env, options.env_options
    else:
        env_id, env_options = metadata.get("env_id"), metadata.get("env_options", {}) | options.env_options
    return known_task(env_id, **env_options)


def _recipe(command: str, options: Any) -> dict[str, Any]:
    """The options as they were, so that the command can be given again."""
    assert is_dataclass(options)
    values = {entry.name: getattr(options, entry.name) for entry in fields(options)}
    return {"command": f"awac data {command}", **values}


def _finish(dataset: Dataset, folder: Path, description: str, overwrite: bool) -> None:
    metadata = {**dataset.metadata, "description": description}
    named = replace(dataset, name=str(folder), metadata=metadata)
    write(named, folder, overwrite=overwrite)
    found = named.statistics()
    success = found["success_final_step"]
    said = "" if success is None else f", {success:.0%} successful at the last step"
    print(f"{found['episodes']} episodes, {found['transitions']} transitions{said}: written to {folder}")


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str))
