"""Are rewards stored with the step that earned them? `rewards[t]` belongs to `observations[t + 1]`."""

from collections.abc import Callable, Sequence

import numpy as np

from awac.data.dataset import Episode
from awac.errors import ConfigError

SAMPLE = 10_000  # steps looked at, in whole episodes spread over the dataset
CLEAR = 0.1  # a shift explains rewards when it leaves less than this share of the mismatches
DIFFERENT = 0.01  # share of rewards that may differ from the task's before a warning
ENOUGH = 0.5  # of the variance: a step that leaves more explains nothing
LEFT = 0.2  # of the variance that the own step leaves unexplained: what one beside it leaves where it is suspected
CLEARLY = 0.5  # of what the steps beside it leave: what the own step leaves where it is not in question
COLUMNS = 256  # of a regression, products included: more take seconds

Finding = tuple[str, str | None, str]  # code, field, message
TaskRewards = Callable[[np.ndarray], np.ndarray]  # rewards (n,) of a task from next observations (n, observation)
UNCHECKED = "rewards-unchecked"
LATE = "rewards come one step late: each belongs to the step before (--shift-rewards -1)"
EARLY = "rewards come one step early: each belongs to the step after (--shift-rewards 1)"


def find(episodes: Sequence[Episode], task: TaskRewards | None) -> list[Finding]:
    """Looks for a shift by one step: against the task, else against recorded success, else by regression.

    Returns:
        What was found, with the code `UNCHECKED` where nothing can tell.
    """
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


def _against_task(sample: Sequence[Episode], task: TaskRewards) -> list[Finding]:
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
    message = f"{share:.1%} of the rewards are not what the task pays for these next observations"
    return [("not-the-task", "rewards", f"{message} (`awac data import --relabel ENV` recomputes them)")]


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
    """Which step explains the rewards best, by where it led: the step itself, or one beside it?

    Observations are asked first, then actions with them, which have their costs. Not at once: where an action and the
    observation after it give away the one before, they explain its rewards as well.
    """
    long = [episode for episode in sample if len(episode) > 3]
    rewards = np.concatenate([episode.rewards[1:-1] for episode in long] or [np.zeros(0)]).astype(np.float64)
    if not len(rewards) or np.ptp(rewards) == 0:
        return []
    rows = np.linspace(0, len(rewards) - 1, min(len(rewards), SAMPLE)).astype(int)
    targets = np.stack([rewards, rewards**2], axis=1)[rows]  # a distance is no polynomial, but its square is
    why = f"{len(rows)} steps with {long[0].observations.shape[1]} observations each are no sample for a regression"
    for names in (("observations",), ("observations", "actions")):
        steps = [np.concatenate([_window(episode, names, offset) for episode in long])[rows] for offset in (0, 1, 2)]
        pairs = _products(steps[0].shape[1], len(rows))
        if pairs is None:
            break
        left = np.stack([_unexplained(features, pairs, targets) for features in steps])
        best = left[:, left.min(axis=0).argmin()]
        found, why = _compared(best[0], best[1], best[2], " and ".join(names))
        if found is not None:
            return found
    message = (
        "whether they stand at the right step could not be checked: no task is known that says what is due (--env or "
        f"--relabel, where rewards can be recomputed), success does not say it, and {why}"
    )
    return [(UNCHECKED, "rewards", message)]


def _compared(before: float, here: float, after: float, names: str) -> tuple[list[Finding] | None, str]:
    """By the variance that is left: what is found, nothing where the step itself stands out, None where none does.

    A task may pay by the observation before the step, so the text says what was measured, not what is wrong.
    """
    for code, text, side, there in (("rewards-late", LATE, "before", before), ("rewards-early", EARLY, "after", after)):
        if there < ENOUGH and there < LEFT * here:
            message = (
                f"by regression on {names}, the step {side} leaves {there:.2%} of their variance unexplained, the step "
                f"itself {here:.2%}: perhaps {text}; not if the task pays so"
            )
            return [(code, "rewards", message)], ""
    if here < ENOUGH and here < CLEARLY * min(before, after):
        return [], ""
    shares = f"{before:.2%}, {here:.2%} and {after:.2%} of their variance unexplained"
    return None, f"by regression on {names}, the step before, the step itself and the step after leave {shares}"


def _window(episode: Episode, names: Sequence[str], offset: int) -> np.ndarray:
    """For t = 1 .. T - 2, the observation that step t + offset - 1 led to, and its action if that is named."""
    first, last = offset, len(episode) - 2 + offset
    columns = {"observations": episode.observations[1:], "actions": episode.actions}
    return np.concatenate([columns[name][first:last] for name in names], axis=1)


def _products(size: int, rows: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Pairs of columns whose products are regressed on too: all, or the squares, or none; None if even that is much."""
    for pairs in (np.triu_indices(size), np.diag_indices(size), (np.zeros(0, int), np.zeros(0, int))):
        count = size + len(pairs[0])
        if count <= COLUMNS and rows >= 10 * (count + 1):
            return pairs[0], pairs[1]
    return None


def _unexplained(features: np.ndarray, pairs: tuple[np.ndarray, np.ndarray], targets: np.ndarray) -> np.ndarray:
    """Share of variance that least squares with a small ridge leaves of each column of targets, float64."""
    features = _standard(features.astype(np.float64))
    features = _standard(np.concatenate([features, features[:, pairs[0]] * features[:, pairs[1]]], axis=1))
    targets = _standard(targets)
    gram = features.T @ features + 1e-6 * len(features) * np.eye(features.shape[1])
    weights = np.asarray(np.linalg.solve(gram, features.T @ targets), np.float64)
    left = np.square(targets - np.asarray(features @ weights, np.float64)).mean(axis=0)
    return np.where(np.ptp(targets, axis=0) > 0, left, 1.0)  # a constant says nothing


def _standard(columns: np.ndarray) -> np.ndarray:
    spread = columns.std(axis=0)
    return (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
