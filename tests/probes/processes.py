"""Five decision processes small enough to solve by hand, and a sixth whose clock runs out.

Observations are two numbers, actions one, drawn evenly from [LOW, HIGH]: the data's policy is uniform, its mean is not
zero, and what every method should make of each process has a formula.
"""

from typing import NamedTuple

import numpy as np

from awac.batch import Batch, Provenance, concatenate

LOW, HIGH = -0.6, 1.0
DISCOUNT = 0.5
ACTIONS = 41  # transitions of each observation
BEFORE, AFTER = (1.0, 0.0), (0.0, 1.0)  # two observations
BOTH = (BEFORE, AFTER)


class Process(NamedTuple):
    """Data, what Q is there, and how much the reward grows with the action at each observation (its slope)."""

    data: Batch
    values: np.ndarray  # (n,), Q of every transition of the data, under any policy
    slopes: dict[tuple[float, float], float]


def transitions(observation, next_observation, reward, *, terminated=True, truncated=False):
    """All actions at one observation; `reward` is a function of them."""
    actions = np.linspace(LOW, HIGH, ACTIONS, dtype=np.float32)[:, None]
    return Batch(
        observations=np.tile(np.float32(observation), (ACTIONS, 1)),
        actions=actions,
        rewards=np.float32(reward(actions[:, 0])),
        next_observations=np.tile(np.float32(next_observation), (ACTIONS, 1)),
        terminated=np.full(ACTIONS, terminated),
        truncated=np.full(ACTIONS, truncated),
        provenance=np.full(ACTIONS, Provenance.DEMONSTRATION, np.int8),
        steps=np.ones(ACTIONS, np.int32),
    )


def process(first, second, values, slopes=(0.0, 0.0)):
    """One block of transitions for each of the two observations."""
    order = np.arange(2 * ACTIONS).reshape(2, ACTIONS).T.ravel()  # in turn: what follows in time follows in the data
    data = concatenate([first, second]).map(lambda array: array[order])
    return Process(data, np.concatenate(values)[order], dict(zip(BOTH, slopes, strict=True)))


def constant(value):
    return lambda actions: np.full(len(actions), value)


def played(process, act, copies):
    """The steps of the data, each `copies` times, with the actions of another policy and what those are paid."""
    data = concatenate([process.data] * copies)
    actions, rewards, values = act(data.observations), data.rewards.copy(), np.tile(process.values, copies)
    for observation, slope in process.slopes.items():
        if slope:
            own = (data.observations == np.float32(observation)).all(axis=1)
            rewards[own] = values[own] = slope * actions[own, 0]
    provenance = np.full(data.size, Provenance.ONLINE, np.int8)
    return process._replace(data=data._replace(actions=actions, rewards=rewards, provenance=provenance), values=values)


EACH = np.linspace(LOW, HIGH, ACTIONS)
ONE, ZERO = np.ones(ACTIONS), np.zeros(ACTIONS)

PROCESSES = {
    "constant_reward": process(
        transitions(BEFORE, BEFORE, constant(1)), transitions(AFTER, AFTER, constant(1)), [ONE, ONE]
    ),
    "reward_of_the_observation": process(
        transitions(BEFORE, BEFORE, constant(-1)), transitions(AFTER, AFTER, constant(1)), [-ONE, ONE]
    ),
    "two_steps": process(
        transitions(BEFORE, AFTER, constant(0), terminated=False),
        transitions(AFTER, AFTER, constant(1)),
        [DISCOUNT * ONE, ONE],
    ),
    "reward_of_the_action": process(
        transitions(BEFORE, BEFORE, lambda actions: actions),
        transitions(AFTER, AFTER, lambda actions: actions),
        [EACH, EACH],
        slopes=(1.0, 1.0),
    ),
    "reward_of_both": process(
        transitions(BEFORE, BEFORE, lambda actions: actions),
        transitions(AFTER, AFTER, lambda actions: -actions),
        [EACH, -EACH],
        slopes=(1.0, -1.0),
    ),
    # a clock cuts every transition at BEFORE; the future after it is worth as much as ever: 1 / (1 - discount)
    "time_out": process(
        transitions(BEFORE, BEFORE, constant(1), terminated=False, truncated=True),
        transitions(AFTER, AFTER, constant(1)),
        [ONE / (1 - DISCOUNT), ONE],
    ),
}
