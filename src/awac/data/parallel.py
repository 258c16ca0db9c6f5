"""Episodes from several processes, to the last bit the same for any number of them.

The work is cut into units of `UNIT` episodes. A unit is played by one process, in lock-step with one call of the policy
for all its environments, and its number decides all of its chance. So it is the same whoever plays it, and whatever
else goes on: also the policy's matrix products, which round by their number of rows, always have `UNIT` of them.

Processes, not threads: of the time of a step, MuJoCo gives Python's lock back for a third (see docs/data.md).
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from awac.batch import Provenance
from awac.collect import Env, action_bounds, size_of
from awac.data.dataset import Episode
from awac.data.generate import PATIENCE, actor
from awac.data.validate import Spaces
from awac.envs import make
from awac.errors import EnvironmentFault
from awac.rollout import play

UNIT = 8  # episodes
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

OnSteps = Callable[[int], None]


@dataclass(frozen=True)
class Work:
    """What to play.

    Attributes:
        env_id: as for `awac.envs.make`.
        policy: as for `awac.data.generate.actor`: `uniform`, or a policy folder.
        seed: with `stream`, decides everything.
        stream: works of one seed and different streams have nothing in common.
        options: of the environment; they travel to other processes.
        deterministic: mean actions instead of samples.
        provenance: stored with each episode.
    """

    env_id: str
    policy: str
    seed: int
    stream: int = 0
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    deterministic: bool = False
    provenance: Provenance = Provenance.ROLLOUT


def episodes(work: Work, workers: int) -> Generator[Episode, None, None]:
    """Plays episodes without end, in a fixed order; close the generator when there are enough.

    Args:
        work: what to play.
        workers: how many processes.

    Raises:
        ConfigError: the environment cannot be made, or the policy does not fit it.
        EnvironmentFault: too many faults, or a process ended.
    """
    context = multiprocessing.get_context("spawn")  # a fork of a process with JAX's threads may never wake
    with _one_thread_each():
        pool = ProcessPoolExecutor(workers, context, initializer=_begin_worker)
        try:
            yield from _in_order(pool, work, workers)
        except BrokenProcessPool as error:
            raise EnvironmentFault(f"{work.env_id}: a process that plays episodes ended: {error}") from error
        finally:
            pool.shutdown(cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, work: Work, workers: int) -> Iterator[Episode]:
    waiting: deque[Future[list[Episode]]] = deque()
    number = 0
    while True:
        while len(waiting) <= workers:  # one more than they can play: none waits for us
            waiting.append(pool.submit(play_unit, work, number))
            number += 1
        yield from waiting.popleft().result()


def play_unit(work: Work, number: int) -> list[Episode]:
    """Unit `number` of the work: `UNIT` episodes."""
    seed = int(np.random.SeedSequence([work.seed, work.stream, number]).generate_state(1)[0])
    options = tuple(sorted(work.options.items()))
    envs = _environments(work.env_id, options)
    spaces = Spaces(size_of(envs[0].observation_space), *action_bounds(envs[0]))
    act = actor(work.policy, spaces, seed, work.deterministic)
    found = play(envs, act, UNIT, seed, work.provenance)
    return [replace(found[i], source=f"{work.env_id} {number * UNIT + i}") for i in range(UNIT)]


@lru_cache(maxsize=1)
def _environments(env_id: str, options: tuple[tuple[str, Any], ...]) -> list[Env]:
    """A process keeps its environments: a seeded reset leaves nothing of what was before."""
    return [make(env_id, **dict(options)) for _ in range(UNIT)]


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextmanager
def _one_thread_each() -> Generator[None]:
    """Processes that start meanwhile use one thread for linear algebra: there is one of them for each core."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def take_steps(source: Generator[Episode, None, None], steps: int, on_steps: OnSteps) -> list[Episode]:
    """Episodes of `steps` steps together; the last one is cut to fit, which truncates it. Closes the source.

    Args:
        source: from `episodes`.
        steps: how many.
        on_steps: called with the steps taken so far.
    """
    found: list[Episode] = []
    done = 0
    try:
        while done < steps:
            episode = next(source)
            if len(episode) > steps - done:
                episode = episode.part(0, steps - done)
            found.append(episode)
            done += len(episode)
            on_steps(done)
    finally:
        source.close()
    return found


def take_episodes(
    source: Generator[Episode, None, None],
    count: int,
    on_episodes: OnSteps = lambda _: None,
    keep: Callable[[Episode], bool] = lambda _: True,
) -> tuple[list[Episode], int]:
    """The first `count` episodes that `keep` accepts, and how many were played for them. Closes the source.

    Gives up, with fewer, after `PATIENCE` times as many.
    """
    found: list[Episode] = []
    tried = 0
    try:
        while len(found) < count and tried < PATIENCE * count:
            episode = next(source)
            tried += 1
            if keep(episode):
                found.append(episode)
            on_episodes(len(found))
    finally:
        source.close()
    return found, tried
