"""Prior data of hand and robots by name, in the paper's numbers: of a scripted expert, of its clone, or random."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from awac.batch import Provenance
from awac.data import generate
from awac.data.dataset import Dataset
from awac.data.sources import load


@dataclass(frozen=True)
class Source:
    """Where the prior data of a task come from.

    Attributes:
        env_id: the task.
        episodes: by kind: `demonstrations` of the scripted expert, `clone` of these, `random` (Ornstein-Uhlenbeck).
        ready: demonstrations that come with awac, where no expert is asked.
        noise: on every action of the expert; a person's hand shakes too.
    """

    env_id: str
    episodes: Mapping[str, int]
    ready: str | None = None
    noise: float = 0.1


SOURCES: Mapping[str, Source] = {
    "pen": Source("awac/PenBinary-v0", {"clone": 500}, "bundled:pen"),  # section VI-A
    "drawer": Source("awac/SawyerDrawer-v0", {"demonstrations": 10, "clone": 500}),  # appendix E, as all that follow
    "valve": Source("awac/ClawValve-v0", {"demonstrations": 10, "clone": 200}, noise=0.3),  # .1: the clone solves all
    "hand": Source("awac/HandReposition-v0", {"demonstrations": 19, "clone": 50}),
    "push": Source("awac/SawyerPush-v0", {"random": 500}),
}


def make(task: str, kind: str, seed: int, clone_updates: int) -> Dataset:
    """Makes a dataset; the names and the seed decide it to the last bit.

    Args:
        task: a key of `SOURCES`.
        kind: a key of its `episodes`.
        seed: of everything.
        clone_updates: gradient steps of behaviour cloning.

    Raises:
        EnvironmentFault: too many faults.
    """
    if kind == "demonstrations":
        return demonstrations(task, seed)
    collection = _collection(task, kind, seed)
    if kind == "clone":
        recipe = {**collection.recipe, "clone_updates": clone_updates}
        return generate.clone(demonstrations(task, seed), replace(collection, recipe=recipe), clone_updates)
    spaces = generate.spaces_of(collection.env_id, {})
    act = generate.actor("ornstein_uhlenbeck", spaces, seed)
    return generate.collect(act, replace(collection, provenance=Provenance.RANDOM), spaces)


def demonstrations(task: str, seed: int) -> Dataset:
    """What a task is shown: what comes with awac, or so many episodes of its scripted expert, with noise.

    Args:
        task: a key of `SOURCES` other than `push`, which is shown nothing.
        seed: of environment and noise.

    Raises:
        EnvironmentFault: too many faults.
    """
    source = SOURCES[task]
    spaces = generate.spaces_of(source.env_id, {})
    if source.ready is not None:
        return load([source.ready], spaces=spaces)
    act = generate.expert(source.env_id, spaces, seed, source.noise)
    collection = replace(_collection(task, "demonstrations", seed), provenance=Provenance.DEMONSTRATION)
    return generate.collect(act, collection, spaces)


def _collection(task: str, kind: str, seed: int) -> generate.Collection:
    source, recipe = SOURCES[task], {"command": f"awac data make {task}-{kind}-v0 --seed {seed}"}
    return generate.Collection(source.env_id, source.episodes[kind], seed, recipe=recipe)
