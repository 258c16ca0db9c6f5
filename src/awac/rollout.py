"""Whole episodes, several environments in lock-step: for evaluation, for datasets and for films.

One call of the policy serves all environments, always with the same number of rows, so that a compiled policy compiles
once.
"""

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from awac.batch import Provenance
from awac.collect import Act, Array, Env, action_bounds, derived_seed, forget, size_of
from awac.data.dataset import Episode, success_of
from awac.envs.factory import make
from awac.envs.guard import BadTransition, FaultBudget
from awac.errors import ConfigError, EnvironmentFault

logger = logging.getLogger(__name__)

OnStep = Callable[[Env], None]
LONGEST = 100_000  # steps of an episode that somebody waits for the end of


def play(
    envs: Sequence[Env],
    act: Act,
    episodes: int,
    seed: int,
    provenance: Provenance = Provenance.ROLLOUT,
    source: str = "episode",
    on_step: OnStep | None = None,
) -> list[Episode]:
    """Plays episodes to their end; episode i begins with `reset(seed=seed + i)`, in whichever environment is free.

    A deterministic policy therefore gives the same episodes for any number of environments. An episode with a fault is
    dropped, counted and played again from another start.

    Args:
        envs: environments of one kind, from `awac.envs.make`.
        act: the policy; its actions are clipped to the bounds, and the clipped ones are stored.
        episodes: how many.
        seed: of the first episode.
        provenance: stored with each episode.
        source: its name in messages, followed by its index.
        on_step: called with the environment after each of its resets and steps (to film it).

    Returns:
        The episodes in the order of their seeds; `infos["success"]` where the environment says so at any step.

    Raises:
        ConfigError: the policy is one for other actions or observations, or an episode does not end.
        EnvironmentFault: too many faults.
        DivergedError: the policy's action is not finite.
    """
    low, high = action_bounds(envs[0])
    queue = _Queue(episodes, seed)
    recordings = [_Recording(env, on_step) for env in envs[:episodes]]
    observations = np.zeros((len(recordings), size_of(envs[0].observation_space)), np.float32)
    done: dict[int, Episode] = {}
    while len(done) < episodes:
        for row, recording in enumerate(recordings):
            if not recording.running and queue.begin_next(recording):
                observations[row] = recording.observations[-1]
                forget(act, row)
        actions = act(observations)
        if actions.shape != (len(observations), len(low)):
            raise ConfigError(f"the policy gives actions {actions.shape[1:]}, the environment takes {low.shape}")
        actions = np.clip(actions, low, high)
        for row, recording in enumerate(recordings):
            if recording.running and queue.step(recording, actions[row]):
                observations[row] = recording.observations[-1]
                if not recording.running:
                    done[recording.index] = recording.episode(provenance, f"{source} {recording.index}")
    return [done[index] for index in range(episodes)]


def collect_episodes(
    env_id: str,
    act: Act,
    episodes: int,
    seed: int,
    provenance: Provenance = Provenance.ROLLOUT,
    parallel: int = 1,
    options: Mapping[str, Any] | None = None,
) -> list[Episode]:
    """Plays a policy in an environment given by its id, for datasets; see `play`.

    Args:
        env_id: as for `awac.envs.make`.
        act: the policy.
        episodes: how many.
        seed: of the first episode.
        provenance: stored with each episode.
        parallel: how many environments share one call of the policy.
        options: for `awac.envs.make`.

    Raises:
        ConfigError: the environment cannot be made.
        EnvironmentFault: too many faults.
    """
    with contextlib.ExitStack() as stack:
        envs: list[Env] = []
        for _ in range(min(parallel, episodes)):
            envs.append(make(env_id, **(options or {})))
            stack.callback(_close, envs[-1])
        return play(envs, act, episodes, seed, provenance, env_id)


def _close(env: Env) -> None:
    try:
        env.close()
    except EnvironmentFault as error:  # what was played is whole
        logger.warning("%s", error)


class _Queue:
    """The episodes that wait to be played, as (index, attempt), and what to do when one fails."""

    def __init__(self, episodes: int, seed: int) -> None:
        self.waiting = deque((index, 0) for index in range(episodes))
        self.seed = seed
        self.budget = FaultBudget()

    def begin_next(self, recording: "_Recording") -> bool:
        """Begins the next episode; false when none waits."""
        while self.waiting:
            index, attempt = self.waiting.popleft()
            try:
                recording.begin(index, attempt, derived_seed(self.seed + index, attempt))
            except BadTransition as error:
                self.waiting.appendleft((index, attempt + 1))
                self.budget.fault(error)
            else:
                return True
        return False

    def step(self, recording: "_Recording", action: Array) -> bool:
        """One step; false when it failed, and the episode waits to be played again."""
        try:
            recording.step(action)
        except BadTransition as error:
            recording.running = False
            self.waiting.appendleft((recording.index, recording.attempt + 1))
            self.budget.fault(error)
            return False
        self.budget.good_step()
        return True


class _Recording:
    """One environment and the episode under way in it."""

    def __init__(self, env: Env, on_step: OnStep | None) -> None:
        self.env, self.on_step = env, on_step
        self.running = False
        self.index = self.attempt = 0
        self.observations: list[Array] = []
        self.steps: list[tuple[Array, float, bool, bool, bool | None]] = []

    def begin(self, index: int, attempt: int, seed: int) -> None:
        observation, _ = self.env.reset(seed=seed)
        self.index, self.attempt, self.running = index, attempt, True
        self.observations, self.steps = [observation.astype(np.float32)], []
        self._show()

    def step(self, action: Array) -> None:
        if len(self.steps) == LONGEST:
            raise ConfigError(
                f"an episode has not ended after {LONGEST} steps; give a limit: --env-options max_episode_steps N"
            )
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.observations.append(observation.astype(np.float32))
        self.steps.append((action, float(reward), bool(terminated), bool(truncated), success_of(info)))
        self.running = not (terminated or truncated)
        self._show()

    def episode(self, provenance: Provenance, source: str) -> Episode:
        actions, rewards, terminated, truncated, success = zip(*self.steps, strict=True)
        known = any(each is not None for each in success)  # some say it at the last step alone
        return Episode(
            observations=np.stack(self.observations),
            actions=np.stack(actions).astype(np.float32),
            rewards=np.array(rewards, np.float32),
            terminated=np.array(terminated, bool),
            truncated=np.array(truncated, bool),
            infos={"success": np.array(success, bool)} if known else {},
            provenance=provenance,
            source=source,
        )

    def _show(self) -> None:
        if self.on_step is not None:
            self.on_step(self.env)
