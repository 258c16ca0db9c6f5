"""The one record that flows from data to loss."""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

Array = Any  # numpy.ndarray before the buffer, jax.Array after it; this file imports no framework


class Provenance(IntEnum):
    """Where a transition comes from; stored with each one, so that batches can be mixed by it."""

    DEMONSTRATION = 0
    ROLLOUT = 1
    RANDOM = 2
    ONLINE = 3


class Batch(NamedTuple):
    """Transitions, stacked along leading axes (`n` of them, or `k, n` for k batches).

    `terminated` and `truncated` are two facts, not one: a terminated transition has no future and its target does not
    bootstrap; a truncated one is cut by a clock and does. Only the TD target reads `terminated`.
    """

    observations: Array  # float32 (n, observation)
    actions: Array  # float32 (n, action), in [-1, 1]
    rewards: Array  # float32 (n,), the discounted sum over `steps` steps
    next_observations: Array  # float32 (n, observation), `steps` steps later
    terminated: Array  # bool (n,)
    truncated: Array  # bool (n,)
    provenance: Array  # int8 (n,), a Provenance
    steps: Array  # int32 (n,), environment steps between the two observations; 1 unless n-step returns are asked for

    @property
    def size(self) -> int:
        """The number of transitions; `len` of a named tuple is the number of its fields."""
        return len(self.rewards)


def concatenate(batches: list[Batch]) -> Batch:
    """Joins NumPy batches along their first axis."""
    return Batch(*(np.concatenate(arrays) for arrays in zip(*batches, strict=True)))
