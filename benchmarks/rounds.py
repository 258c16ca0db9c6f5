"""Taking turns: what is compared runs one after the other, many times over, so that a busy moment hits all alike."""

from collections.abc import Callable, Mapping

import numpy as np


def alternate(subjects: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, np.ndarray]:
    """What each subject returned (seconds), by name, one number per round.

    Every other round goes backwards, so that no subject always follows the same one. One round goes unrecorded first.
    """
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for index in range(rounds + 1):
        names = list(subjects) if index % 2 else list(subjects)[::-1]
        for name in names:
            seconds = subjects[name]()
            if index:
                found[name].append(seconds)
    return {name: np.array(seconds) for name, seconds in found.items()}
