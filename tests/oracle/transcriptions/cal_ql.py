"""Cal-QL in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper, paper_soft
from tests.oracle.evaluation import bellman_loss, lower_q, soft_sample

MODES = {
    "paper": {},
    "entropy_backup": {"entropy_backup": True, "proposals": 3},
    "scaled": {"conservative_temperature": 0.1, "conservative_weight": 0.1},
    "upper_bound": {"q_upper_bound": 0.0},
}


def critic(learning, networks, batch, config, noise):
    """Nakamoto et al. 2023, equation 5.1."""
    actions, log_prob = soft_sample(networks.actor, batch.next_observations, noise)
    next_values = lower_q(networks.target_critic, batch.next_observations, actions)
    if config.entropy_backup:
        next_values = paper.soft_value(next_values, log_prob, np.exp(networks.dual))
    gaps = paper_soft.gaps(learning, networks, batch, config, noise, batch.returns)
    return bellman_loss(learning, batch, config, next_values) + config.conservative_weight * sum(gaps)


def actor(learning, networks, batch, config, noise):
    return paper_soft.actor(learning, networks, batch, noise, networks.dual, np.min)


def dual(log_temperature, networks, batch, config, noise):
    return paper_soft.dual(log_temperature, networks, batch, config, noise)
