"""RLPD in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper, paper_pessimism, paper_soft
from tests.oracle.evaluation import bellman_loss, q_values, soft_sample

MODES = {
    "locomotion": {},
    "hand": {"entropy_backup": False},
    "mazes": {"entropy_backup": False, "target_critics": 1},
    "no_norm": {"critic_norm": False, "critics": 3},
    "upper_bound": {"q_upper_bound": 0.0},
}


def critic(learning, networks, batch, config, noise):
    """Ball et al. 2023, Algorithm 1: the least of a random few of the slow members."""
    actions, log_prob = soft_sample(networks.actor, batch.next_observations, noise)
    values = q_values(networks.target_critic, batch.next_observations, actions)
    next_values = paper_pessimism.subset_minimum(values, config.target_critics, noise((config.critics,)))
    if config.entropy_backup:
        next_values = paper.soft_value(next_values, log_prob, np.exp(networks.dual))
    return bellman_loss(learning, batch, config, next_values)


def actor(learning, networks, batch, config, noise):
    return paper_soft.actor(learning, networks, batch, noise, networks.dual, np.mean)


def dual(log_temperature, networks, batch, config, noise):
    return paper_soft.dual(log_temperature, networks, batch, config, noise)
