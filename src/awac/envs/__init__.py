"""Environments: the tasks of this project and the one way in for any other.

Importing this module registers the `awac/...` ids with Gymnasium. Gymnasium loads no plugins by itself (it stopped with
version 1.0), so outside of this package either import `awac.envs` first or name it in the id:
`gymnasium.make("awac.envs:awac/PenBinary-v0")`.
"""

from typing import Any, cast

import gymnasium

from awac.envs.factory import make, relabel
from awac.envs.goal import GoalLayout, goal_layout
from awac.envs.guard import BadTransition, Guard
from awac.envs.scores import normalized_score, reference_scores

__all__ = [
    "BadTransition",
    "GoalLayout",
    "Guard",
    "goal_layout",
    "make",
    "normalized_score",
    "reference_scores",
    "register",
    "relabel",
]

ADROIT = "awac.envs.adroit:BinaryAdroit"


def register() -> None:
    """Registers the ids of this project with Gymnasium; calling it again changes nothing."""
    if "awac/PointMass-v0" in gymnasium.registry:
        return
    add = cast("Any", gymnasium).register  # its annotations are incomplete
    for task in ("Pen", "Door", "Relocate"):
        # The authors registered pen with 100 steps, then stripped the limit and used 200 for all three.
        add(f"awac/{task}Binary-v0", ADROIT, max_episode_steps=200, kwargs={"task": task.lower()})
    # The paper's Ant carried 84 contact forces that its MuJoCo left at zero; without them 27 numbers remain.
    ant = {"include_cfrc_ext_in_observation": False}
    add("awac/Ant-v0", "gymnasium.envs.mujoco.ant_v5:AntEnv", max_episode_steps=1000, kwargs=ant)
    add("awac/PointMass-v0", "awac.envs.pointmass:PointMass", max_episode_steps=50)
    add("awac/SawyerPush-v0", "awac.envs.sawyer_push:SawyerPush", max_episode_steps=200)
    add("awac/SawyerDrawer-v0", "awac.envs.sawyer_drawer:SawyerDrawer", max_episode_steps=60)
    add("awac/ClawValve-v0", "awac.envs.claw_valve:ClawValve", max_episode_steps=60)
    add("awac/HandReposition-v0", "awac.envs.hand_reposition:HandReposition", max_episode_steps=80)


register()
