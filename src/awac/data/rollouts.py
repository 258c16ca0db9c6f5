"""Lists of roll-outs, one dictionary each: DAPG's demonstrations and the AWAC authors' files.

DAPG (Rajeswaran et al. 2018) stores T observations and T actions, and no final observation: `rewards[t]` is paid for
reaching `observations[t + 1]`, and the last step has no successor, so it is dropped.

The AWAC authors' demonstrations have `next_observations`, observations as lists of dictionaries with
`state_observation`, and rewards one entry longer than actions; the surplus is the reward of a step without action.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from awac.data import restricted
from awac.data.flat import FlatLog
from awac.data.store import Stored
from awac.data.structure import RawEpisode
from awac.errors import DataError

LENGTHS = "episode_lengths"
KEY = "state_observation"  # of rlkit's observation dictionaries
NAMES = {"terminated": "terminals"}


def demonstrations(path: Path, arrays: Mapping[str, np.ndarray]) -> FlatLog:
    """DAPG demonstrations in one npz: `observations`, `actions`, `rewards` or `dense_rewards`, `episode_lengths`.

    Raises:
        DataError: an array is missing, or the lengths do not add up to the number of rows.
    """
    rewards = next((name for name in ("rewards", "dense_rewards") if name in arrays), None)
    missing = [name for name in ("observations", "actions") if name not in arrays]
    if missing or rewards is None:
        wanted = ", ".join([*missing, *([] if rewards else ["rewards"])])
        raise DataError(f"{path}: {wanted} missing; found {', '.join(arrays)}")
    fields = {"observations": arrays["observations"], "actions": arrays["actions"], "rewards": arrays[rewards]}
    fields["episode"] = episode_numbers(path, arrays[LENGTHS], arrays["actions"])
    unread = tuple(name for name in arrays if name not in (*fields, rewards, LENGTHS))
    return FlatLog(str(path), fields, names={"rewards": rewards}, unread=unread)


def episode_numbers(path: Path, lengths: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """The number of each row's episode.

    Raises:
        DataError: the lengths do not add up to the number of rows.
    """
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 1).any():
        raise DataError(f"{path}: {LENGTHS} is {lengths.dtype} {lengths.shape}, expected positive whole numbers")
    rows = len(actions) if actions.ndim else 0
    if int(lengths.sum(dtype=object)) != rows:
        raise DataError(f"{path}: {LENGTHS} add up to {lengths.sum(dtype=object)}, actions have {rows} rows")
    return np.repeat(np.arange(len(lengths)), lengths)


def read(path: Path) -> Stored:
    """A pickle or `.npy` of roll-outs, through the restricted reader.

    Raises:
        DataError: refused by the reader, or not a list of dictionaries with arrays.
    """
    found = restricted.load(path)
    paths: list[Any] = [*cast("Sequence[Any]", found)] if isinstance(found, list | tuple | np.ndarray) else [found]
    other = next((type(entry).__name__ for entry in paths if not isinstance(entry, Mapping)), None)
    if other is not None:
        raise DataError(f"{path}: expected a list of roll-outs, one dictionary each, found {other}")
    episodes: list[RawEpisode] = []
    dropped = 0
    for index, entry in enumerate(paths):
        try:
            raw, short = _episode(str(path), index, cast("Mapping[str, Any]", entry))
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise DataError(f"{path}, episode {index}: not readable: {error!r}") from error
        dropped += short
        if len(raw.fields.get("actions", ())) or not short:
            episodes.append(raw)
    notes = (f"the last step of {dropped} episodes was dropped: it has no successor",) if dropped else ()
    return Stored(tuple(episodes), str(path), {}, notes=notes)


def _episode(file: str, index: int, entry: Mapping[str, Any]) -> tuple[RawEpisode, bool]:
    """One roll-out, and whether its last step was dropped."""
    present = [name for name in ("observations", "actions", "rewards") if name in entry]
    if len(present) < 3:
        raw = {name: np.asarray(entry[name]) for name in present}
        flags = {name: np.zeros(0, bool) for name in ("terminated", "truncated")}
        return RawEpisode(raw | flags, file, index), False
    observations, actions = _observations(entry["observations"]), np.asarray(entry["actions"])
    steps = len(actions)
    last = np.arange(steps) == steps - 1
    flags = np.asarray(entry.get("terminals", entry.get("terminated", False))).reshape(-1)
    flags = np.where(last, flags, 0) if flags.size == 1 else flags  # one flag of the whole roll-out, or one per step
    terminated = bool(flags.any())
    following = entry.get("next_observations")
    short = following is None and not terminated
    if following is not None:
        observations = np.concatenate([observations[:steps], _observations(following)[steps - 1 : steps]])
    elif terminated:
        observations = np.concatenate([observations, observations[-1:]])
    kept = steps - short
    rewards = np.asarray(entry["rewards"])
    fields = {
        "observations": observations,
        "actions": actions[:kept],
        "rewards": rewards[:kept] if len(rewards) in (steps, steps + 1) else rewards,
        "terminated": flags[:kept] if short else flags,
        "truncated": last[steps - kept :] & (not terminated),
    }
    return RawEpisode(fields, file, index, _infos(entry.get("env_infos"), kept), None, NAMES), short


def _observations(values: Any) -> np.ndarray:
    """An array, or a list of dictionaries of which one entry is the state."""
    if len(values) and isinstance(values[0], Mapping):
        return np.stack([np.asarray(value[KEY]) for value in values])
    return np.asarray(values)


def _infos(infos: Any, steps: int) -> dict[str, np.ndarray]:
    """Scalars per step, from a dictionary of arrays (mjrl) or a list of dictionaries (rlkit)."""
    columns: dict[str, Any] = {}
    if isinstance(infos, Mapping):
        columns = dict(cast("Mapping[str, Any]", infos))
    elif isinstance(infos, list | np.ndarray) and all(isinstance(row, Mapping) for row in cast("list[Any]", infos)):
        rows = cast("list[Mapping[str, Any]]", infos)
        names = [name for name in rows[0] if all(name in row for row in rows)] if len(rows) else []
        columns = {name: [row[name] for row in rows] for name in names}
    kept: dict[str, np.ndarray] = {}
    for name, values in columns.items():
        if isinstance(values, Mapping):
            continue
        try:
            array = np.asarray(values)
        except ValueError:  # ragged: no scalar per step
            continue
        if array.dtype.kind in "fiub" and array.ndim and array.size == len(array) >= steps:
            kept[name] = array.reshape(-1)[:steps]
    return kept
