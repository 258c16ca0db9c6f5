"""`[provenance=]WHERE`: how a command line names prior data, and the one way in for it."""

import logging
import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from awac.batch import Provenance
from awac.data.dataset import Dataset, join
from awac.data.reward_timing import TaskRewards
from awac.data.store import data_folder, minari_root, read
from awac.data.validate import Spaces, check_stored
from awac.errors import DataError
from awac.run import EXPERIENCE, is_unfinished

logger = logging.getLogger(__name__)
MINARI_ID = re.compile(r"[-_\w]+(/[-_\w]+)*-v\d+")
BUNDLED = Path(__file__).parent / "bundled"
HELP = "a folder with a Minari dataset, bundled:NAME, or a Minari id such as D4RL/pen/human-v2"


def split(source: str) -> tuple[Provenance | None, str]:
    """Splits `rollout=runs/x/experience` into what it is and where it is.

    Raises:
        DataError: the word before `=` is no provenance.
    """
    word, equals, where = source.partition("=")
    if not equals or "/" in word or Path(source).exists():
        return None, source
    try:
        return Provenance[word.upper()], where
    except KeyError:
        kinds = ", ".join(kind.name.lower() for kind in Provenance)
        raise DataError(f"{source}: {word!r} is no provenance; allowed are {kinds}") from None


def locate(where: str, *, download: bool = False) -> Path:
    """The folder that WHERE names; the experience of a run that was stopped is written first.

    Args:
        where: a path, `bundled:NAME`, or a Minari id.
        download: fetch an id that is not on this machine.

    Raises:
        AwacError: the run of that experience is under way, or damaged.
        DataError: there is nothing of that name, or the download failed.
    """
    if where.startswith("bundled:"):
        return _bundled(where.removeprefix("bundled:"))
    path = Path(where).expanduser()
    if path.name == EXPERIENCE and is_unfinished(path.parent):
        from awac.experience import catch_up  # all that can train, for the few who need it

        catch_up(path.parent)
    if data_folder(path):
        return path
    if path.is_file():
        hint = f"Convert it first: awac data import {where} --to FOLDER"
        raise DataError(f"{where}: a file; only Minari folders are loaded. {hint}")
    if path.exists():
        run = is_unfinished(path) or data_folder(path / EXPERIENCE)
        hint = f"; it is a run, whose experience is {path / EXPERIENCE}" if run else ""
        raise DataError(f"{where}: the folder holds no Minari dataset (data/metadata.json is missing){hint}")
    if MINARI_ID.fullmatch(where):
        return _minari(where, download)
    inside = "" if path.is_absolute() else f" in {Path.cwd()}"
    raise DataError(f"{where}: no such dataset{inside}; expected {HELP}")


def destination(where: str) -> Path:
    """The folder that `--to` names: a path, or `minari:ID` in Minari's own root.

    Raises:
        DataError: no Minari id.
    """
    if not where.startswith("minari:"):
        return Path(where).expanduser()
    name = where.removeprefix("minari:")
    if not MINARI_ID.fullmatch(name):
        raise DataError(f"{where}: expected minari:(namespace/)name-v0")
    return minari_root() / name


def _bundled(name: str) -> Path:
    known = sorted(folder.name for folder in BUNDLED.glob("*") if data_folder(folder))
    if name not in known:
        raise DataError(f"bundled:{name}: no such dataset; bundled are {', '.join(known) or 'none'}")
    return BUNDLED / name


def made_as(minari_id: str) -> str:
    """What `awac data make` calls the dataset that is found as `awac/TASK/KIND-v0`."""
    return minari_id.removeprefix("awac/").replace("/", "-")


def _minari(name: str, download: bool) -> Path:
    minari: Any = import_module("minari")  # untyped, and 0.4 s to import: only those who name a Minari id pay it
    folder = minari_root() / name
    if data_folder(folder):
        return folder
    if name.startswith("awac/"):
        raise DataError(f"{name}: not on this machine ({folder} is missing); make it: awac data make {made_as(name)}")
    if not download:
        raise DataError(f"{name}: not on this machine ({folder} is missing); allow the download with --download")
    try:
        minari.download_dataset(name)
    except Exception as error:  # the hub's clients raise their own classes, and there are several hubs
        raise DataError(f"{name}: the download failed: {type(error).__name__}: {error}") from error
    return folder


def load(
    sources: Sequence[str], *, download: bool = False, spaces: Spaces | None = None, task: TaskRewards | None = None
) -> Dataset:
    """Reads, validates and joins prior data.

    Args:
        sources: each `[demonstration=|rollout=|random=|online=]WHERE`; without a word, the episodes keep what their
            file says, and are demonstrations where it says nothing.
        download: fetch Minari ids that are not on this machine.
        spaces: sizes and action bounds that the data must fit; what the files say where it is None.
        task: rewards (n,) from next observations (n, observation), to compare with: others are warned of.

    Returns:
        One dataset, in the order of the sources; every transition knows its provenance.

    Raises:
        DataError: a source is missing, does not pass validation, or does not fit the others.
    """
    if not sources:
        raise DataError("no data source was given; expected " + HELP)
    if isinstance(sources, str | Path):
        raise DataError(f"sources is {sources!r}; expected a list of them, as in load([{str(sources)!r}])")
    parts: list[Dataset] = []
    for source in sources:
        provenance, where = split(str(source))
        stored = read(locate(where, download=download))
        dataset, report = check_stored(stored, provenance=provenance, spaces=spaces, task=task)
        report.raise_errors()
        for line in (*report.repairs, *report.warnings):
            logger.warning("%s", line)
        assert dataset is not None
        parts.append(dataset)
    return join(parts)
