"""CQL in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper, paper_pessimism, paper_soft
from tests.oracle.evaluation import bellman_loss, lower_q, soft_sample

MODES = {
    "paper": {},
    "few_proposals": {"proposals": 2, "conservative_weight": 1.0},
    "entropy_backup": {"entropy_backup": True},
    "scaled": {"conservative_temperature": 0.1, "conservative_weight": 0.1},
    "lagrange": {"conservative_threshold": 0.7},
    "upper_bound": {"q_upper_bound": 0.0},
}


def critic(learning, networks, batch, config, noise):
    """Kumar et al. 2020, equation 4; the multiplier, where there is one, is held."""
    actions, log_prob = soft_sample(networks.actor, batch.next_observations, noise)
    next_values = lower_q(networks.target_critic, batch.next_observations, actions)
    if config.entropy_backup:
        next_values = paper.soft_value(next_values, log_prob, np.exp(networks.dual.temperature))
    threshold = config.conservative_threshold
    weight = config.conservative_weight if threshold is None else np.exp(networks.dual.multiplier)
    gaps = paper_soft.gaps(learning, networks, batch, config, noise)
    return bellman_loss(learning, batch, config, next_values) + weight * sum(gaps)


def actor(learning, networks, batch, config, noise):
    return paper_soft.actor(learning, networks, batch, noise, networks.dual.temperature, np.min)


def dual(duals, networks, batch, config, noise):
    loss = paper_soft.dual(duals.temperature, networks, batch, config, noise)
    if config.conservative_threshold is None:
        return loss
    gaps = paper_soft.gaps(networks.critic, networks, batch, config, noise)
    return loss + paper_pessimism.gap_dual_loss(duals.multiplier, gaps, config.conservative_threshold)
