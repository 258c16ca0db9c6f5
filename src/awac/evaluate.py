"""How good a policy is: whole episodes, several environments in lock-step, all success rules in use side by side."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awac.collect import Act, Env
from awac.data.dataset import Episode
from awac.envs.goal import goal_layout
from awac.envs.scores import scores
from awac.rollout import OnStep, play

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What E episodes showed. The success fields are None where the environment does not report success.

    Attributes:
        returns: float64 (E,), undiscounted.
        lengths: int64 (E,), steps.
        success_any: bool (E,), success at any step.
        success_final: bool (E,), success at the last step.
        success_dapg: bool (E,), success at more than 20 (pen) or 25 steps (Rajeswaran et al. 2018); None unless the
            environment has `dapg_success_steps`.
        solved_fraction: float64 (E,), the share of steps with success.
        final_distance: float64 (E,), of achieved and desired goal at the end, in the environment's units; None unless
            the task says where its goals stand (`awac.envs.goal_layout`).
        env_id: of the environment.
    """

    returns: Array
    lengths: Array
    success_any: Array | None
    success_final: Array | None
    success_dapg: Array | None
    solved_fraction: Array | None
    final_distance: Array | None
    env_id: str

    def metrics(self) -> dict[str, float]:
        """Means under the tags of Stable-Baselines3; what does not apply is left out."""
        metrics = {"eval/mean_reward": float(self.returns.mean()), "eval/mean_ep_length": float(self.lengths.mean())}
        optional = {
            "eval/success_rate": self.success_final,
            "eval/success_any": self.success_any,
            "eval/success_dapg": self.success_dapg,
            "eval/solved_fraction": self.solved_fraction,
            "eval/final_distance": self.final_distance,
        }
        metrics |= {tag: float(values.mean()) for tag, values in optional.items() if values is not None}
        found = scores(self.env_id, metrics["eval/mean_reward"])
        return metrics | {f"eval/{name}": score for name, score in found.items()}


class Evaluator:
    """Keeps its environments between evaluations: building them costs more than an episode.

    Use it as a context manager, or call `close`.
    """

    def __init__(self, make_env: Callable[[], Env], episodes: int, seed: int, parallel: int = 10) -> None:
        """Makes the environments at the first evaluation.

        Args:
            make_env: makes one environment.
            episodes: of each evaluation.
            seed: episode i begins with `reset(seed=seed + i)`, the same in each evaluation, for any `parallel`.
            parallel: how many environments share one call of the policy.
        """
        self.make_env, self.episodes, self.seed, self.parallel = make_env, episodes, seed, parallel
        self.envs: list[Env] = []

    def evaluate(self, act: Act, on_step: OnStep | None = None) -> Evaluation:
        """Plays the episodes; `on_step` as in `play`: what it raises ends the evaluation.

        Raises:
            EnvironmentFault: too many faults.
            DivergedError: the policy's action is not finite.
        """
        while len(self.envs) < min(self.parallel, self.episodes):
            self.envs.append(self.make_env())
        return summarize(play(self.envs, act, self.episodes, self.seed, on_step=on_step), self.envs[0])

    def close(self) -> None:
        """Closes the environments: all of them, also where one raises."""
        with contextlib.ExitStack() as stack:
            while self.envs:
                stack.callback(self.envs.pop().close)

    def __enter__(self) -> "Evaluator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def evaluate(make_env: Callable[[], Env], act: Act, episodes: int, seed: int, parallel: int = 10) -> Evaluation:
    """One evaluation with environments of its own; see `Evaluator`.

    Raises:
        EnvironmentFault: too many faults.
        DivergedError: the policy's action is not finite.
    """
    with Evaluator(make_env, episodes, seed, parallel) as evaluator:
        return evaluator.evaluate(act)


def summarize(episodes: list[Episode], env: Env) -> Evaluation:
    """The figures of played episodes.

    Args:
        episodes: from `play`.
        env: the environment they were played in, for its id, its `dapg_success_steps` and its `goal_layout`.
    """
    lengths = np.array([len(episode) for episode in episodes])
    counts: Array | None = None
    final: Array | None = None
    told = [episode.success for episode in episodes]
    if any(success is not None for success in told):  # some tasks say it of successful episodes alone
        successes = [
            np.zeros(n, bool) if success is None else success for success, n in zip(told, lengths, strict=True)
        ]
        counts = np.array([success.sum() for success in successes])
        final = np.array([success[-1] for success in successes])
    needed: int | None = getattr(env.unwrapped, "dapg_success_steps", None)
    return Evaluation(
        returns=np.array([episode.total_reward for episode in episodes]),
        lengths=lengths,
        success_any=None if counts is None else counts > 0,
        success_final=final,
        success_dapg=None if counts is None or needed is None else counts > needed,
        solved_fraction=None if counts is None else counts / lengths,
        final_distance=_final_distances(episodes, env),
        env_id=env.spec.id if env.spec is not None else type(env.unwrapped).__name__,
    )


def _final_distances(episodes: list[Episode], env: Env) -> Array | None:
    goals = goal_layout(env)
    if goals is None:
        return None
    last = np.array([episode.observations[-1] for episode in episodes], np.float64)
    return np.linalg.norm(last[:, goals.achieved] - last[:, goals.desired], axis=1)
