"""WSRL in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper, paper_pessimism, paper_soft
from tests.oracle.evaluation import bellman_loss, q_values, soft_sample

FEW = {"critics": 3, "proposals": 2}
MODES = {
    "offline": FEW,
    "online": FEW,
    "scaled": FEW | {"conservative_temperature": 0.1, "conservative_weight": 0.1, "critic_norm": False},
    "entropy_backup": FEW | {"entropy_backup": True, "target_critics": 1},
    "upper_bound": FEW | {"q_upper_bound": 0.0},
}


def critic(learning, networks, batch, config, noise):
    """Cal-QL until the policy acts, then soft actor-critic; the least of a random few of the slow members."""
    actions, log_prob = soft_sample(networks.actor, batch.next_observations, noise)
    values = q_values(networks.target_critic, batch.next_observations, actions)
    next_values = paper_pessimism.subset_minimum(values, config.target_critics, noise((config.critics,)))
    if config.entropy_backup:
        next_values = paper.soft_value(next_values, log_prob, np.exp(networks.dual))
    loss = bellman_loss(learning, batch, config, next_values)
    if networks.clock.online:
        return loss
    gaps = paper_soft.gaps(learning, networks, batch, config, noise, batch.returns)
    return loss + config.conservative_weight * sum(gaps)


def actor(learning, networks, batch, config, noise):
    return paper_soft.actor(learning, networks, batch, noise, networks.dual, np.min)


def dual(log_temperature, networks, batch, config, noise):
    return paper_soft.dual(log_temperature, networks, batch, config, noise)
