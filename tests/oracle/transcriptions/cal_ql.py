"""Cal-QL in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper, paper_soft
from tests.oracle.evaluation import bellman_loss, lower_q, soft_sample

MODES = {
    "paper": {},
    "entropy_backup": {"entropy_backup": True, "proposals": 3, "next_candidates": 4},
    "one_candidate": {"next_candidates": 1},
    "scaled": {"conservative_temperature": 0.1, "conservative_weight": 0.1},
    "upper_bound": {"q_upper_bound": 0.0},
}


def critic(learning, networks, batch, config, noise):
    """Nakamoto et al. 2023, equation 5.1."""
    repeated = np.repeat(batch.next_observations[None], config.next_candidates, axis=0)
    actions, log_probs = soft_sample(networks.actor, repeated, noise)
    values = lower_q(networks.target_critic, repeated, actions)
    best = values.argmax(axis=0)
    next_values = np.array([values[i, n] for n, i in enumerate(best)])
    log_prob = np.array([log_probs[i, n] for n, i in enumerate(best)])
    if config.entropy_backup:
        next_values = paper.soft_value(next_values, log_prob, np.exp(networks.dual))
    gaps = paper_soft.gaps(learning, networks, batch, config, noise, batch.returns)
    return bellman_loss(learning, batch, config, next_values) + config.conservative_weight * sum(gaps)


def actor(learning, networks, batch, config, noise):
    return paper_soft.actor(learning, networks, batch, noise, networks.dual, np.min)


def dual(log_temperature, networks, batch, config, noise):
    return paper_soft.dual(log_temperature, networks, batch, config, noise)
