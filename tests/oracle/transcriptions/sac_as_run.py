"""SAC as run, in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper
from tests.oracle.evaluation import gaussian, q_values

MODES = {
    "no_bound": {},
    "authors": {"q_upper_bound": 0.0},
    "dependent_std": {"std": "dependent", "discount": 0.9},
}


def clamped(critic, observations, actions, config):
    bound = np.inf if config.q_upper_bound is None else config.q_upper_bound
    return np.minimum(q_values(critic, observations, actions), bound)


def critic(learning, networks, batch, config, noise):
    """Equations 4 and 5, every Q clamped, a' ~ pi(s')."""
    mean, std = gaussian(networks.actor, batch.next_observations)
    next_values = clamped(networks.target_critic, batch.next_observations, mean + std * noise(mean.shape), config).min(
        0
    )
    targets = paper.td_target(batch.rewards, batch.terminated, batch.steps, next_values, config.discount)
    return paper.td_loss(clamped(learning, batch.observations, batch.actions, config), targets)


def actor(learning, networks, batch, config, noise):
    """-E[min(Q1, Q2)], a = mean + std * noise."""
    mean, std = gaussian(learning, batch.observations)
    return -np.mean(clamped(networks.critic, batch.observations, mean + std * noise(mean.shape), config).min(axis=0))
