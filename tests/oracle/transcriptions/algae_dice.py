"""AlgaeDICE in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper
from tests.oracle.evaluation import lower_q, q_values, soft_sample

MODES = {
    "authors": {"exponent": 1.5, "regularization": 0.01},
    "square": {},
    "three_critics": {"critics": 3, "discount": 0.9, "fresh_share": 0.3},
    "no_penalty": {"orthogonality": 0.0, "exponent": 3.0},
}


def residuals(critic, actor, networks, batch, config, noise):
    """r + gamma^n (1 - terminated) (0.05 nu + 0.95 min nu' - temperature log pi)(s', a') - nu(s, a)."""
    actions, log_prob = soft_sample(actor, batch.next_observations, noise)
    slow = lower_q(networks.target_critic, batch.next_observations, actions)
    found = []
    for fresh, own in zip(
        q_values(critic, batch.next_observations, actions),
        q_values(critic, batch.observations, batch.actions),
        strict=True,
    ):
        mixed = config.fresh_share * fresh + (1 - config.fresh_share) * slow
        soft = paper.soft_value(mixed, log_prob, np.exp(networks.dual))
        found.append(paper.td_target(batch.rewards, batch.terminated, batch.steps, soft, config.discount) - own)
    return found


def first_values(critic, actor, batch, noise):
    actions, _ = soft_sample(actor, batch.initial_observations, noise)
    return q_values(critic, batch.initial_observations, actions)


def critic(learning, networks, batch, config, noise):
    """Nachum et al. 2019b, for each member; nothing is held fixed but policy and targets."""
    total = 0.0
    found = residuals(learning, networks.actor, networks, batch, config, noise)
    for residual, first in zip(found, first_values(learning, networks.actor, batch, noise), strict=True):
        total += np.mean(np.abs(residual) ** config.exponent) / config.exponent
        total += (1 - config.discount) * config.regularization * np.mean(first)
    return total


def actor(learning, networks, batch, config, noise):
    """The authors' form: f'(residual), held fixed and not below zero, times the residual; the mean of the members."""
    fixed = residuals(networks.critic, networks.actor, networks, batch, config, noise)
    moving = residuals(networks.critic, learning, networks, batch, config, noise)
    terms = [
        np.mean(np.maximum(held, 0) ** (config.exponent - 1) * residual)
        + (1 - config.discount) * config.regularization * np.mean(first)
        for held, residual, first in zip(
            fixed, moving, first_values(networks.critic, learning, batch, noise), strict=True
        )
    ]
    penalty = 0.0
    for layer in learning.network.layers:
        for row in range(layer.weight.shape[1]):
            for column in range(layer.weight.shape[1]):
                penalty += (row != column) * (layer.weight[:, row] @ layer.weight[:, column]) ** 2
    return config.orthogonality * penalty - np.mean(terms)


def dual(log_temperature, networks, batch, config, noise):
    """Haarnoja et al. 2018, equation 18, at the next observations."""
    _, log_prob = soft_sample(networks.actor, batch.next_observations, noise)
    target = config.target_entropy_per_action * batch.actions.shape[-1]
    return paper.entropy_dual_loss(log_temperature, log_prob, target)
