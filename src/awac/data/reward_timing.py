"""Are rewards stored with the step that earned them? `rewards[t]` belongs to `observations[t + 1]`."""

from collections.abc import Callable, Sequence

import numpy as np

from awac.data.dataset import Episode
from awac.errors import ConfigError

SAMPLE = 10_000  # steps looked at, in whole episodes spread over the dataset
CLEAR = 0.1  # a shift explains rewards when it leaves less than this share of the mismatches
DIFFERENT = 0.01  # share of rewards that may differ from the task's before a warning
LEFT = 0.2  # of the variance that the right moment leaves unexplained: what a wrong one may leave to be suspected
COLUMNS = 256  # observations wider than this are not regressed on

Finding = tuple[str, str | None, str]
LATE = "rewards come one step late: each belongs to the step before"
EARLY = "rewards come one step early: each belongs to the step after"


def find(episodes: Sequence[Episode], task: Callable[[np.ndarray], np.ndarray] | None) -> list[Finding]:
    """Looks for a shift by one step: against the task, else against recorded success, else by regression."""
    sample = [episode for episode in _spread(episodes) if len(episode) > 2]
    if not sample:
        return []
    if task is not None:
        return _against_task(sample, task)
    rewards = [episode.rewards for episode in sample]
    success = [episode.success for episode in sample]
    values = np.unique(np.concatenate(rewards))
    if len(values) == 2 and all(known is not None for known in success):
        expected = [values[known.astype(int)] for known in success if known is not None]
        return _shift(rewards, expected, "info of success") or []
    return _by_regression(sample)


def _spread(episodes: Sequence[Episode]) -> list[Episode]:
    steps = sum(len(episode) for episode in episodes)
    return list(episodes[:: max(1, steps // SAMPLE)])


def _against_task(sample: Sequence[Episode], task: Callable[[np.ndarray], np.ndarray]) -> list[Finding]:
    rewards = [episode.rewards for episode in sample]
    try:
        expected = [task(episode.observations[1:]) for episode in sample]
    except ConfigError as error:  # the file names an environment of other observations
        return [("not-the-task", "rewards", str(error))]
    shift = _shift(rewards, expected, "the task's own rewards")
    if shift:
        return shift
    share = float(np.mean(~np.isclose(np.concatenate(rewards), np.concatenate(expected))))
    if share <= DIFFERENT:
        return []
    message = f"{share:.1%} of the rewards are not what the task pays for these next observations (--relabel ENV)"
    return [("not-the-task", "rewards", message)]


def _shift(rewards: Sequence[np.ndarray], expected: Sequence[np.ndarray], witness: str) -> list[Finding]:
    """Compares the rewards inside each episode with what is expected at, before and after their step."""
    pairs = list(zip(rewards, expected, strict=True))
    here = sum(int(np.count_nonzero(~np.isclose(paid[1:-1], due[1:-1]))) for paid, due in pairs)
    late = sum(int(np.count_nonzero(~np.isclose(paid[1:-1], due[:-2]))) for paid, due in pairs)
    early = sum(int(np.count_nonzero(~np.isclose(paid[1:-1], due[2:]))) for paid, due in pairs)
    for code, text, count in (("rewards-late", LATE, late), ("rewards-early", EARLY, early)):
        if count < CLEAR * here:
            return [(code, "rewards", f"{text} (by {witness}: {here} steps disagree, {count} when shifted)")]
    return []


def _by_regression(sample: Sequence[Episode]) -> list[Finding]:
    """Which observation explains the rewards best, linearly: that after the step, or another?

    A task may pay by the observation before the step, so the text says what was measured, not what is wrong.
    """
    long = [episode for episode in sample if len(episode) > 3]
    size = sample[0].observations.shape[1]
    rewards = np.concatenate([episode.rewards[1:-1] for episode in long] or [np.zeros(0)])
    if len(rewards) < 10 * (size + 1) or size > COLUMNS or np.ptp(rewards) == 0:
        return []
    fits = {
        offset: _explained(np.concatenate([_window(episode, offset) for episode in long]), rewards)
        for offset in (0, 1, 2)
    }
    for offset, code, text in ((0, "rewards-late", LATE), (2, "rewards-early", EARLY)):
        if fits[offset] > 0.5 and 1 - fits[offset] < LEFT * (1 - fits[1]):
            place = {0: "before", 2: "two steps after"}[offset]
            message = (
                f"the observation {place} the action explains {fits[offset]:.1%} of the rewards' variance, the one "
                f"after it {fits[1]:.1%}: perhaps {text}"
            )
            return [(code, "rewards", message)]
    return []


def _window(episode: Episode, offset: int) -> np.ndarray:
    """Observations t + offset for the steps t = 1 .. T - 2."""
    return episode.observations[1 + offset : len(episode) - 1 + offset]


def _explained(features: np.ndarray, targets: np.ndarray) -> float:
    """Share of variance explained by linear least squares with a small ridge, float64."""
    features = features.astype(np.float64)
    spread = features.std(axis=0)
    features = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    centered = targets.astype(np.float64) - targets.mean()
    gram = features.T @ features + 1e-6 * len(features) * np.eye(features.shape[1])
    weights = np.asarray(np.linalg.solve(gram, features.T @ centered), np.float64)
    left = centered - np.asarray(features @ weights, np.float64)
    return float(1 - (left @ left) / (centered @ centered))
