"""The one record that flows from data to loss."""

from collections.abc import Callable
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
    # for methods that ask for them, in the learner alone
    returns: Array = None  # float32 (n,), the return that followed, as the method defines it
    initial_observations: Array = None  # float32 (n, observation), where episodes began, drawn for themselves
    next_actions: Array = None  # float32 (n, action), what followed; where an episode ended, the same action again
    newest: Any = None  # a Batch (m, ...), all since the last update, in time order: on-policy methods, online

    def stored(self) -> dict[str, Array]:
        """The arrays of what happened, by name: what files keep."""
        return {name: array for name, array in self._asdict().items() if name in STORED}

    @property
    def size(self) -> int:
        """The number of transitions; `len` of a named tuple is the number of its fields."""
        return len(self.rewards)

    def map(self, function: Callable[[Array], Array]) -> "Batch":
        """The same transitions with every array that is there changed by `function`."""
        return Batch(*(None if array is None else function(array) for array in self))


STORED = set(Batch._fields) - {"returns", "initial_observations", "next_actions", "newest"}


def concatenate(batches: list[Batch]) -> Batch:
    """Joins NumPy batches along their first axis."""
    return Batch(*(None if arrays[0] is None else np.concatenate(arrays) for arrays in zip(*batches, strict=True)))
