"""BEAR in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle.evaluation import bellman_loss, lower_q, q_values, tanh_gaussian
from tests.oracle.paper_behavior import autoencoder_loss, discrepancies, mixed_minimum, multiplier, propose

SMALL = {"behavior_hidden": (8, 8), "discrepancy_samples": 4, "warm_start": 0}
MODES = {
    "paper": SMALL,
    "warm_start": SMALL | {"warm_start": 6},  # the clock of the tests stands at 5
    "gaussian": SMALL | {"kernel": "gaussian", "kernel_width": 0.7},
    "narrow": SMALL | {"kernel_width": 1.0, "threshold": 0.6, "online_threshold": 0.1},
    "few_candidates": SMALL | {"candidates": 3, "minimum_share": 1.0},
    "upper_bound": SMALL | {"q_upper_bound": 0.0},
}


def behavior(learning, networks, batch, config, noise):
    return autoencoder_loss(learning, batch.observations, batch.actions, noise)


def critic(learning, networks, batch, config, noise):
    """BCQ's target, with actions of the slow copy of the policy."""
    mean, std = tanh_gaussian(networks.target_actor, batch.next_observations)
    values = [
        mixed_minimum(q_values(networks.target_critic, batch.next_observations, actions), config.minimum_share)
        for actions in np.tanh(mean + std * noise((config.candidates, *mean.shape)))
    ]
    return bellman_loss(learning, batch, config, np.max(values, axis=0))


def discrepancy(actor, networks, batch, config, noise):
    mean, std = tanh_gaussian(actor, batch.observations)
    before = mean + std * noise((config.discrepancy_samples, *mean.shape))
    data = propose(networks.behavior, batch.observations, noise, config.discrepancy_samples)
    return np.mean(discrepancies(before, data, config.kernel, config.kernel_width)), np.tanh(before[0])


def actor(learning, networks, batch, config, noise):
    found, actions = discrepancy(learning, networks, batch, config, noise)
    value = np.mean(lower_q(networks.critic, batch.observations, actions))
    return multiplier(networks.dual) * found - (0 if networks.clock.step < config.warm_start else value)


def dual(log_multiplier, networks, batch, config, noise):
    """Inside its range; at the ends: tests/oracle/test_divergences.py."""
    found, _ = discrepancy(networks.actor, networks, batch, config, noise)
    loose = networks.clock.online and config.online_threshold is not None
    return -np.exp(log_multiplier) * (found - (config.online_threshold if loose else config.threshold))
