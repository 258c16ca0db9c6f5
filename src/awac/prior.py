"""The prior data of a run: loaded, checked against the environment, split, and what they say of the units."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from awac.batch import Batch, Provenance
from awac.collect import action_bounds, size_of
from awac.config import Experiment
from awac.data.dataset import Dataset, join
from awac.data.repair import known_task
from awac.data.sources import load, split
from awac.data.validate import Spaces
from awac.envs.guard import Guard
from awac.errors import ConfigError, DataError
from awac.scaling import Scaling

logger = logging.getLogger(__name__)


class Prior(NamedTuple):
    """Prior data, None where there are none."""

    learned: Batch | None = None
    held_out: Batch | None = None
    contents: Mapping[str, str] = {}  # of each source: how much, and the hash of it


def load_prior(experiment: Experiment[Any], env: Guard) -> Prior:
    """What the experiment learns from, and the episodes held out of it.

    Raises:
        ConfigError: episodes are to be held out, and none would be left.
        DataError: the data cannot be read, or do not fit the environment's sizes and action bounds.
    """
    if not experiment.data:
        if experiment.held_out_episodes:
            raise ConfigError(f"held_out_episodes={experiment.held_out_episodes} needs data; give --data")
        return Prior()
    spaces = Spaces(size_of(env.observation_space), *action_bounds(env))
    options: dict[str, Any] = dict(experiment.env_options)
    task = known_task(experiment.env, **options)  # no critic learns one task's rewards offline and another's online
    parts = [
        _of_earlier_runs(source, load([source], download=experiment.download, spaces=spaces, task=task))
        for source in experiment.data
    ]
    learned, held_out = hold_out(join(parts), experiment)
    present = {episode.provenance.name.lower() for episode in learned} | {"online"}
    for name in sorted({name for name, _ in experiment.mix} - present):
        logger.warning("mix: nothing in the prior data is a %s; its share is drawn from all that is there", name)
    if len(learned) > experiment.buffer_capacity:
        capacity = experiment.buffer_capacity
        text = "buffer_capacity is %d: nothing learns from the first %d of %d transitions of prior data"
        logger.warning(text, capacity, len(learned) - capacity, len(learned))
    contents = [content(part) for part in parts]
    _warn_of_copies(experiment.data, contents)
    found = dict(zip(experiment.data, contents, strict=True))
    return Prior(learned.transitions(), None if held_out is None else held_out.transitions(), found)


def _of_earlier_runs(source: str, data: Dataset) -> Dataset:
    """What was online to the run that lived through it is a roll-out to this one, unless the source says otherwise."""
    if split(source)[0] is not None:
        return data
    own = {Provenance.ONLINE: Provenance.ROLLOUT}
    episodes = (replace(episode, provenance=own.get(episode.provenance, episode.provenance)) for episode in data)
    return replace(data, episodes=tuple(episodes))


def _warn_of_copies(sources: Sequence[str], contents: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for source, found in zip(sources, contents, strict=True):
        if found in seen:
            text = "data: %s holds what %s holds; its transitions are drawn twice as often"
            logger.warning(text, source, seen[found])
        seen.setdefault(found, source)


def content(data: Dataset) -> str:
    """How much it is, and the hash of what a learner sees of it."""
    digest = hashlib.blake2b(digest_size=8)
    for episode in data:
        for array in (episode.observations, episode.actions, episode.rewards, episode.terminated, episode.truncated):
            digest.update(array.tobytes())
    return f"{len(data.episodes)} episodes, {len(data)} transitions, {digest.hexdigest()}"


def check_unchanged(then: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Compares the contents of the prior data at the start of a run with those at its resume.

    Raises:
        DataError: a source holds something else.
    """
    changed = [source for source, found in then.items() if found != now.get(source)]
    if changed:
        texts = [f"{source}: {then[source]} there, {now.get(source)} now" for source in changed]
        raise DataError(f"other prior data than the run began with; put those back: {'; '.join(texts)}")


def hold_out(data: Dataset, experiment: Experiment[Any]) -> tuple[Dataset, Dataset | None]:
    """The data without `held_out_episodes` of their episodes, evenly spaced, and those."""
    count, total = experiment.held_out_episodes, len(data.episodes)
    if not count:
        return data, None
    if count >= total:
        raise ConfigError(f"held_out_episodes={count} leaves nothing of {total} episodes to learn from")
    chosen = {(2 * place + 1) * total // (2 * count) for place in range(count)}
    learned = tuple(episode for place, episode in enumerate(data) if place not in chosen)
    held_out = tuple(episode for place, episode in enumerate(data) if place in chosen)
    return replace(data, episodes=learned), replace(data, episodes=held_out)


def scaling_for(experiment: Experiment[Any], env: Guard, prior: Batch | None) -> Scaling:
    """Action bounds of the environment; observations as they are, or by the prior data's mean and deviation."""
    if not experiment.normalize_observations:
        return Scaling.of_space(size_of(env.observation_space), env.action_space)
    if prior is None:
        raise ConfigError("normalize_observations needs data; give --data")
    return Scaling.of_data(prior.observations, *action_bounds(env))
