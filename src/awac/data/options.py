"""Options of the `awac data` commands."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional

from awac.data.imports import Format
from awac.data.repair import Repair
from awac.data.tables import Columns
from awac.envs.locomotion import EXPERTS, Level
from awac.envs.options import EnvOptions
from awac.errors import ConfigError
from awac.system import processors

Kind = Literal["demonstration", "rollout", "random", "online"]


@dataclass(frozen=True)
class CheckOptions:
    """Options of `awac data check`."""

    sources: Positional[tuple[str, ...]]
    """Minari folders or ids, bundled:NAME, or files of other formats."""
    env: str | None = None
    """Hold the data against this environment's sizes, action bounds and rewards; that of --relabel if left out. Without
    either, against the action bounds in the file and the rewards of the environment that it names."""
    env_options: EnvOptions = field(default_factory=EnvOptions)
    """Options of the environment; those that the file keeps, where it names the environment."""
    repair: Annotated[Repair, OmitArgPrefixes] = field(default_factory=Repair)
    """What to repair before the check; nothing is written."""
    format: Format = "auto"
    """Of files that are no Minari dataset."""
    columns: Columns = field(default_factory=Columns)
    """Names in npz and CSV files."""
    episode_length: int = 0
    """Cut every so many steps, for logs that do not mark their time limit."""
    download: bool = False
    """Fetch Minari ids that are not on this machine."""
    json: bool = False
    """Print JSON."""

    def __post_init__(self) -> None:
        if not self.sources:
            raise ConfigError("no source is given; expected a folder, a file, bundled:NAME or a Minari id")


@dataclass(frozen=True)
class ImportCommandOptions:
    """Options of `awac data import`."""

    source: Positional[str]
    """A file of another format, or a Minari dataset to repair; `rollout=WHERE` says what it is."""
    to: str
    """The folder to write, or minari:NAMESPACE/NAME-v0."""
    env: str | None = None
    """The environment, for sizes and action bounds; that of --relabel if left out."""
    env_options: EnvOptions = field(default_factory=EnvOptions)
    """Options of the environment."""
    repair: Annotated[Repair, OmitArgPrefixes] = field(default_factory=Repair)
    """What to repair on the way."""
    format: Format = "auto"
    """By the file's name where auto."""
    columns: Columns = field(default_factory=Columns)
    """Names in npz and CSV files."""
    episode_length: int = 0
    """Cut every so many steps, for logs that do not mark their time limit."""
    description: str = ""
    """For the metadata."""
    overwrite: bool = False
    """Replace what is there."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class InfoOptions:
    """Options of `awac data info`."""

    sources: Positional[tuple[str, ...]]
    """Minari folders or ids, or bundled:NAME."""
    download: bool = False
    """Fetch Minari ids that are not on this machine."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class CollectOptions:
    """Options of `awac data collect`."""

    env: str
    """Gymnasium id or `module:factory`."""
    to: str
    """The folder to write, or minari:NAMESPACE/NAME-v0."""
    policy: str = "uniform"
    """expert, uniform, ou (Ornstein-Uhlenbeck), dapg:FILE.npz, or a run or policy folder."""
    episodes: int = 100
    """How many to keep."""
    seed: int = 0
    """Of the first episode; the next ones count up from it."""
    env_options: EnvOptions = field(default_factory=EnvOptions)
    """Options of the environment."""
    deterministic: bool = False
    """Mean actions instead of samples."""
    only_successful: bool = False
    """Keep only episodes that are successful at their last step."""
    provenance: Kind | None = None
    """How the episodes are labelled; if left out, by the policy: random, demonstration (expert) or rollout."""
    noise: float = 0.0
    """Standard deviation of the noise on an expert's actions, which are in [-1, 1]."""
    theta: float = 0.15
    """Pull to zero of the Ornstein-Uhlenbeck process; the paper's."""
    sigma: float = 0.3
    """Its noise; the paper's."""
    parallel: int | None = None
    """Environments at once; if left out, 8 of a registered id and 1 of a `module:factory`, which may be a robot."""
    description: str = ""
    """For the metadata."""
    overwrite: bool = False
    """Replace what is there."""


@dataclass(frozen=True)
class CloneOptions:
    """Options of `awac data clone`."""

    sources: Positional[tuple[str, ...]]
    """The demonstrations."""
    env: str
    """Gymnasium id or `module:factory`."""
    to: str
    """The folder to write, or minari:NAMESPACE/NAME-v0."""
    episodes: int = 500
    """Roll-outs of the clone; the paper's."""
    steps: int = 10_000
    """Gradient steps of behaviour cloning; those of the authors' script for pen."""
    seed: int = 0
    """Of the clone and of the first episode."""
    env_options: EnvOptions = field(default_factory=EnvOptions)
    """Options of the environment."""
    parallel: int | None = None
    """Environments at once; if left out, 8 of a registered id and 1 of a `module:factory`, which may be a robot."""
    overwrite: bool = False
    """Replace what is there."""


@dataclass(frozen=True)
class MakeOptions:
    """Options of `awac data make`."""

    name: Positional[str]
    """TASK-KIND-v0: halfcheetah, walker2d, ant or hopper; demonstrations, clone, random, medium, expert, medium-expert
    or medium-replay. Or drawer, valve or hand; demonstrations or clone; or pen-clone-v0, push-random-v0."""
    to: str | None = None
    """The folder to write, or minari:NAMESPACE/NAME-v0; found as awac/TASK/KIND-v0 if left out."""
    seed: int = 0
    """Of everything; with the name and the number of steps it decides the data to the last bit."""
    steps: int | None = None
    """How many; D4RL's if left out: 1 000 000, twice that of medium-expert, the whole training of medium-replay."""
    workers: int = field(default_factory=processors)
    """Processes that play; they change nothing in the data."""
    experts: Path = EXPERTS
    """Where the policies are; those that come with awac if left out."""
    overwrite: bool = False
    """Replace what is there."""


@dataclass(frozen=True)
class AddExpertOptions:
    """Options of `awac data add-expert`."""

    run: Positional[Path]
    """A run folder, finished or stopped."""
    task: str
    """halfcheetah, walker2d, ant or hopper."""
    level: Level
    """What the policy is to stand for."""
    to: Path = EXPERTS
    """Where the policies are: `awac data make --experts` takes it."""
    step: int | None = None
    """The checkpoint of this step; the policy of the run's end, or else its newest checkpoint, if left out."""
    episodes: int = 100
    """How many to measure it by."""
    workers: int = field(default_factory=processors)
    """Processes that play; they change nothing."""
    overwrite: bool = False
    """Replace the policy that is there."""


@dataclass(frozen=True)
class CardOptions:
    """Options of `awac data card`."""

    source: Positional[str]
    """A Minari folder or id, or bundled:NAME."""
    output: Path
    """The picture: .png, .pdf or .svg."""
    download: bool = False
    """Fetch a Minari id that is not on this machine."""


@dataclass(frozen=True)
class Table3Options:
    """Options of `awac data table3`."""

    tasks: tuple[str, ...] = ()
    """halfcheetah, walker2d, ant, pen, door, relocate, drawer, valve, hand; all whose demonstrations are here if left
    out."""
    demonstrations: dict[str, str] = field(default_factory=dict[str, str])
    """Your own, by task: `door data/door relocate data/relocate`."""
    updates: int = 10_000
    """Gradient steps of each clone."""
    episodes: int = 100
    """That each clone is judged by."""
    seed: int = 0
    """Of demonstrations, clones and roll-outs."""
    experts: Path = EXPERTS
    """Where the policies of the locomotion tasks are."""
    output: Path | None = None
    """A JSON file for the rows, written after each; a row that it has already is not made again."""
