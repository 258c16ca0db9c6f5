"""AWR in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper
from tests.oracle.evaluation import gaussian, state_values

MODES = {
    "paper": {},
    "capped": {"temperature": 0.5, "weight_cap": 1.5},
    "fixed_deviation": {"action_std": 0.4, "temperature": 2.0},
    "upper_bound": {"q_upper_bound": 0.0},
    "dependent_std": {"std": "dependent"},
    "short_sighted": {"discount": 0.9},
}


def critic(learning, networks, batch, config, noise):
    """Half the mean squared error of values and returns, both times 1 - gamma."""
    errors = (state_values(learning, batch.observations) - batch.returns) * (1 - config.discount)
    return np.mean([error**2 / 2 for error in errors])


def weights_of(networks, batch, config, noise):
    """min(exp(A / beta), cap) of normalised advantages; the temperature of the advantages as they are."""
    advantages = batch.returns - state_values(networks.critic, batch.observations)
    spread = np.sqrt(np.mean((advantages - np.mean(advantages)) ** 2)) + 1e-5
    scores = (advantages - np.mean(advantages)) / spread / config.temperature
    return paper.exp_weights(scores, config.weight_cap), config.temperature * spread


def actor(learning, networks, batch, config, noise):
    weights, _ = weights_of(networks, batch, config, noise)
    mean, std = gaussian(learning, batch.observations)
    if config.action_std is not None:
        std = gaussian(networks.actor, batch.observations)[1]  # it does not learn
    return paper.weighted_likelihood_loss(paper.normal_log_prob(batch.actions, mean, std), weights)
