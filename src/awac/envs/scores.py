"""D4RL's published scores of a random and an expert policy, to put returns on a scale from 0 to 100.

Source: Fu et al. (2020), D4RL, `d4rl/infos.py`. They were measured on version 2 of the locomotion tasks and on the
dense rewards of the hand tasks; later versions of those tasks pay nearly the same. The binary hand tasks pay another
reward, so no score is defined for them.
"""

from typing import NamedTuple


class ReferenceScores(NamedTuple):
    """Undiscounted returns of one episode, and where they are published."""

    random: float
    expert: float
    source: str


SOURCE = "D4RL, d4rl/infos.py"

HALF_CHEETAH = ReferenceScores(-280.178953, 12135.0, SOURCE)
WALKER = ReferenceScores(1.629008, 4592.3, SOURCE)
HOPPER = ReferenceScores(-20.272305, 3234.3, SOURCE)
ANT = ReferenceScores(-325.6, 3879.7, SOURCE)
PEN = ReferenceScores(96.262799, 3076.8331017826877, SOURCE)
DOOR = ReferenceScores(-56.512833, 2880.5693087298737, SOURCE)
RELOCATE = ReferenceScores(-6.425911, 4233.877797728884, SOURCE)

REFERENCES = {
    "HalfCheetah-v4": HALF_CHEETAH,
    "HalfCheetah-v5": HALF_CHEETAH,
    "Walker2d-v4": WALKER,
    "Walker2d-v5": WALKER,
    "Hopper-v4": HOPPER,
    "Hopper-v5": HOPPER,
    "Ant-v4": ANT,
    "Ant-v5": ANT,
    "awac/Ant-v0": ANT,
    "AdroitHandPen-v1": PEN,
    "AdroitHandDoor-v1": DOOR,
    "AdroitHandRelocate-v1": RELOCATE,
}


def reference_scores(env_id: str) -> ReferenceScores | None:
    """The published (random, expert, source) of an environment id, or None where there is none."""
    return REFERENCES.get(env_id)


def normalized_score(env_id: str, mean_return: float) -> float | None:
    """100 * (return - random) / (expert - random), or None where no reference is published."""
    reference = reference_scores(env_id)
    if reference is None:
        return None
    return 100.0 * (mean_return - reference.random) / (reference.expert - reference.random)
