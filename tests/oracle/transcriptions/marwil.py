"""MARWIL in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper
from tests.oracle.evaluation import gaussian, state_values

MODES = {
    "paper": {},
    "short_sighted": {"discount": 0.5},
    "capped": {"advantage_scale": 3.0, "weight_cap": 1.5, "discount": 0.5},
    "upper_bound": {"q_upper_bound": 0.0},
    "dependent_std": {"std": "dependent", "discount": 0.5},
}


def advantages_of(networks, batch):
    return batch.returns - state_values(networks.critic, batch.observations)


def critic(learning, networks, batch, config, noise):
    """Half the mean squared error of values and returns, both times 1 - gamma."""
    errors = (state_values(learning, batch.observations) - batch.returns) * (1 - config.discount)
    return np.mean([error**2 / 2 for error in errors])


def weights_of(networks, batch, config, noise):
    """exp(beta A / c), and c / beta."""
    norm = np.sqrt(np.exp(networks.dual))
    scores = config.advantage_scale * advantages_of(networks, batch) / norm
    return paper.exp_weights(scores, config.weight_cap), norm / config.advantage_scale


def actor(learning, networks, batch, config, noise):
    weights, _ = weights_of(networks, batch, config, noise)
    return paper.weighted_likelihood_loss(
        paper.normal_log_prob(batch.actions, *gaussian(learning, batch.observations)), weights
    )


def dual(log_square, networks, batch, config, noise):
    """Minus twice the mean log-likelihood of the advantages under N(0, c^2), but for its constant."""
    std = np.exp(log_square / 2)
    return -2 * np.mean([-np.log(std) - (a / std) ** 2 / 2 for a in advantages_of(networks, batch)])
