"""SAC+BC in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper
from tests.oracle.evaluation import bellman_loss, lower_q, soft_sample, tanh_gaussian

MODES = {
    "paper": {},
    "weight": {"cloning_weight": 0.3},
    "squared_error": {"likelihood": "squared_error"},
    "no_entropy_backup": {"entropy_backup": False},
    "upper_bound": {"q_upper_bound": 0.0},
}


def critic(learning, networks, batch, config, noise):
    """Haarnoja et al. 2018, equations 5 and 6, with the lesser target."""
    actions, log_prob = soft_sample(networks.actor, batch.next_observations, noise)
    next_values = lower_q(networks.target_critic, batch.next_observations, actions)
    if config.entropy_backup:
        next_values = paper.soft_value(next_values, log_prob, np.exp(networks.dual))
    return bellman_loss(learning, batch, config, next_values)


def actor(learning, networks, batch, config, noise):
    """Haarnoja et al. 2018, equation 7, and the demonstrations (provenance 0), one by one."""
    actions, log_prob = soft_sample(learning, batch.observations, noise)
    soft = np.mean(np.exp(networks.dual) * log_prob - lower_q(networks.critic, batch.observations, actions))
    errors = []
    for observation, action, provenance in zip(batch.observations, batch.actions, batch.provenance, strict=True):
        if provenance == 0:
            mean, std = tanh_gaussian(learning, observation[None])
            density = paper.tanh_normal_log_prob(np.arctanh(action[None]), mean, std)[0]
            likelihood = config.likelihood == "log_likelihood"
            errors.append(-density if likelihood else np.linalg.norm(np.tanh(mean[0]) - action) ** 2)
    return soft + config.cloning_weight * np.mean(errors)


def dual(log_temperature, networks, batch, config, noise):
    """Haarnoja et al. 2018, equation 18."""
    _, log_prob = soft_sample(networks.actor, batch.observations, noise)
    target = config.target_entropy_per_action * batch.actions.shape[-1]
    return paper.entropy_dual_loss(log_temperature, log_prob, target)
