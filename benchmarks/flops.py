"""Floating-point operations of an update of AWAC or RLPD, counted by formula from the sizes of its layers.

Only matrix products count, two operations for each multiply-add: element-wise work, the optimisers and the sampling are
left out, so that the rate computed from it is a lower bound. A forward pass that two losses share counts once, as does
the compiler; the gradient with respect to a network's input is not needed and does not count.
"""

from collections.abc import Sequence
from itertools import pairwise

from benchmarks.workload import Workload


def forward(batch: int, widths: Sequence[int]) -> int:
    """Operations of the products of a multi-layer perceptron on `batch` rows; `widths` from input to output."""
    return 2 * batch * sum(inputs * outputs for inputs, outputs in pairwise(widths))


def backward(batch: int, widths: Sequence[int]) -> int:
    """Operations of its gradient: for each layer that of the weights and, but for the first, that of the input."""
    return forward(batch, widths) + forward(batch, widths[1:])


def awac_update(workload: Workload) -> dict[str, int]:
    """Operations of one update, by what they compute; one policy sample at each of the two observations."""
    actor = (workload.observation, *workload.hidden, workload.action)
    critic = (workload.observation + workload.action, *workload.hidden, 1)
    batch, critics = workload.batch, workload.critics
    return {
        "actor at the next observation": forward(batch, actor),
        "target critics at the next observation": critics * forward(batch, critic),
        "critics at the stored action": critics * forward(batch, critic),
        "actor at the observation": forward(batch, actor),
        "critics at the sampled action": critics * forward(batch, critic),
        "gradient of the critics": critics * backward(batch, critic),
        "gradient of the actor": backward(batch, actor),
    }


def rlpd_update(workload: Workload, critics: int, actor_period: int) -> dict[str, float]:
    """Operations of one update of RLPD; what concerns the policy comes once in `actor_period` updates."""
    actor = (workload.observation, *workload.hidden, 2 * workload.action)
    critic = (workload.observation + workload.action, *workload.hidden, 1)
    batch = workload.batch
    # through the critics to the action: the gradient of every layer's input, and of no weight
    policy = forward(batch, actor) + backward(batch, actor) + critics * 2 * forward(batch, critic)
    return {
        "actor at the next observation": forward(batch, actor),
        "target critics at the next observation": critics * forward(batch, critic),
        "critics at the stored action": critics * forward(batch, critic),
        "gradient of the critics": critics * backward(batch, critic),
        "policy": policy / actor_period,
    }
