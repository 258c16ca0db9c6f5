"""IQL in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper, paper_pessimism
from tests.oracle.evaluation import bellman_loss, gaussian, lower_q, mlp

MODES = {
    "paper": {},
    "mazes": {"expectile": 0.9, "temperature": 0.1},
    "capped": {"temperature": 0.2, "weight_cap": 1.5},
    "upper_bound": {"q_upper_bound": 0.0},
    "dependent_std": {"std": "dependent"},
}


def state_value(value, observations):
    found = value.scale * mlp(value.network, observations)[..., 0]
    return np.minimum(found, np.inf if value.upper_bound is None else value.upper_bound)


def critic(learning, networks, batch, config, noise):
    """Kostrikov et al. 2022, equations 5 and 6: V learns from the slow Q, Q from V before the step."""
    errors = lower_q(networks.target_critic.q, batch.observations, batch.actions)
    errors = errors - state_value(learning.value, batch.observations)
    next_values = state_value(networks.critic.value, batch.next_observations)
    return bellman_loss(learning.q, batch, config, next_values) + paper_pessimism.expectile_loss(
        errors, config.expectile
    )


def weights_of(networks, batch, config, noise):
    q = lower_q(networks.target_critic.q, batch.observations, batch.actions)
    scores = (q - state_value(networks.critic.value, batch.observations)) / config.temperature
    return paper.exp_weights(scores, config.weight_cap), config.temperature


def actor(learning, networks, batch, config, noise):
    """Kostrikov et al. 2022, equation 7."""
    weights, _ = weights_of(networks, batch, config, noise)
    return paper.weighted_likelihood_loss(
        paper.normal_log_prob(batch.actions, *gaussian(learning, batch.observations)), weights
    )
