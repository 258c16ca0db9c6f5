"""Scripted experts: controllers that solve a task from its observation, to make demonstrations of.

An expert is a policy like any other: `act(observations float32 (n, O)) -> actions float32 (n, A)`. One with memory has
`reset(row)`. Its parameters are the fields of its class, frozen: those of valve and hand at what a short random search
found (`experiments/expert_search.py`), those of push and drawer follow from the geometry and solve every start.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awac.errors import ConfigError, at_least

Array = NDArray[Any]
Act = Callable[[Array], Array]

EXPERTS: Mapping[str, str] = {
    "awac/ClawValve-v0": "awac.envs.experts.valve:ValveExpert",
    "awac/HandReposition-v0": "awac.envs.experts.hand:HandExpert",
    "awac/SawyerDrawer-v0": "awac.envs.experts.drawer:DrawerExpert",
    "awac/SawyerPush-v0": "awac.envs.experts.push:PushExpert",
}


def expert_of(env_id: str) -> Act:
    """A new expert of a task with the frozen parameters; one for each set of environments that run in lock-step.

    Raises:
        ConfigError: the task has none.
    """
    name = env_id.rpartition(":")[2]
    if name not in EXPERTS:
        raise ConfigError(f"{env_id} has no scripted expert; those that have one are {', '.join(EXPERTS)}")
    module, _, kind = EXPERTS[name].partition(":")
    return getattr(importlib.import_module(module), kind)()


class Noisy:
    """A policy whose every action is disturbed, as a hand's is, and clipped to [-1, 1]."""

    def __init__(self, act: Act, sigma: float, generator: np.random.Generator) -> None:
        """Wraps a policy.

        Args:
            act: the policy.
            sigma: standard deviation of the normal noise.
            generator: of the noise.

        Raises:
            ConfigError: a negative `sigma`, or none at all.
        """
        at_least(0, noise=sigma)
        self.act, self.sigma, self.generator = act, sigma, generator

    def reset(self, row: int) -> None:
        """Row `row` begins a new episode."""
        reset: Callable[[int], None] | None = getattr(self.act, "reset", None)
        if reset is not None:
            reset(row)

    def __call__(self, observations: Array) -> Array:
        """Actions float32 (n, A) for observations (n, O)."""
        actions = self.act(observations)
        noise = self.sigma * self.generator.standard_normal(actions.shape)
        return np.clip(actions + noise, -1.0, 1.0).astype(np.float32)
