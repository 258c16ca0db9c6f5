"""Returns of a random and an expert policy, to put others on a scale from 0 to 100: D4RL's, and those measured here.

D4RL's: Fu et al. (2020), D4RL, `d4rl/infos.py`. They were measured on version 2 of the locomotion tasks and on the
dense rewards of the hand tasks; later versions of those tasks pay nearly the same. The binary hand tasks pay another
reward, so no score is defined for them.

Measured here, for the locomotion tasks: 100 episodes each of uniform actions, and of the mean actions of the expert
that comes with awac, in the same version of the task that is scored.
"""

from functools import lru_cache
from typing import NamedTuple

from awac.envs.locomotion import CARD, EXPERTS, TASKS, Measured, read_card


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


NAMES = {"normalized_score": "D4RL score", "measured_score": "score by references measured here"}

RANDOM = {  # `awac.data.measure.measure(env_id, "uniform", 100, workers)` with MuJoCo 3.17.0
    "HalfCheetah-v5": Measured(mean=-277.43, std=83.82, length=1000.0, episodes=100),
    "Walker2d-v5": Measured(mean=2.01, std=7.35, length=22.64, episodes=100),
    "awac/Ant-v0": Measured(mean=-51.23, std=87.61, length=150.98, episodes=100),
    "Hopper-v5": Measured(mean=20.68, std=26.86, length=24.23, episodes=100),
}


def reference_scores(env_id: str) -> ReferenceScores | None:
    """The published (random, expert, source) of an environment id, or None where there is none."""
    return REFERENCES.get(env_id)


@lru_cache
def measured_scores(env_id: str) -> ReferenceScores | None:
    """The (random, expert, source) measured here, or None where no expert of the task is here.

    Raises:
        CheckpointError: the expert's card is damaged.
    """
    task = next((name for name, known in TASKS.items() if known == env_id), None)
    folder = EXPERTS / str(task) / "expert"
    if task is None or env_id not in RANDOM or not (folder / CARD).is_file():
        return None
    return ReferenceScores(RANDOM[env_id].mean, read_card(folder).mean_action.mean, f"measured, {folder / CARD}")


def normalized_score(env_id: str, mean_return: float) -> float | None:
    """100 * (return - random) / (expert - random) by D4RL's references, or None where none is published."""
    return scores(env_id, mean_return).get("normalized_score")


def scores(env_id: str, mean_return: float) -> dict[str, float]:
    """Every score there is of a mean return, by the keys of `NAMES`."""
    references = {"normalized_score": reference_scores(env_id), "measured_score": measured_scores(env_id)}
    return {
        name: 100.0 * (mean_return - reference.random) / (reference.expert - reference.random)
        for name, reference in references.items()
        if reference is not None
    }
