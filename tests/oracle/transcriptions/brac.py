"""BRAC in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper
from tests.oracle.evaluation import bellman_loss, gaussian, lower_q, tanh_gaussian
from tests.oracle.paper_behavior import mixture_log_prob, multiplier

MODES = {
    "paper": {"warm_start": 0},
    "warm_start": {"warm_start": 6},  # the clock of the tests stands at 5
    "policy_penalty_alone": {"warm_start": 0, "value_penalty": False},
    "bound": {"warm_start": 0, "divergence_bound": 2.0},
    "mixture": {"warm_start": 0, "behavior_components": 3, "divergence_bound": 0.5},
    "upper_bound": {"warm_start": 0, "q_upper_bound": 0.0},
}


def behavior_log_prob(model, observations, actions, config):
    if config.behavior_components > 1:
        return mixture_log_prob(model, observations, actions)
    return paper.normal_log_prob(actions, *gaussian(model, observations))


def behavior(learning, networks, batch, config, noise):
    return paper.likelihood_loss(behavior_log_prob(learning, batch.observations, batch.actions, config))


def divergence(actor, networks, observations, config, noise):
    """Mean over the samples of log pi - log pi_b at each observation, and the first samples."""
    mean, std = tanh_gaussian(actor, observations)
    before = mean + std * noise((config.divergence_samples, *mean.shape))
    ratios = [
        paper.tanh_normal_log_prob(drawn, mean, std)
        - behavior_log_prob(networks.behavior, observations, np.tanh(drawn), config)
        for drawn in before
    ]
    return np.mean(ratios, axis=0), np.tanh(before[0])


def critic(learning, networks, batch, config, noise):
    """Wu et al. 2019, equation 5."""
    found, actions = divergence(networks.actor, networks, batch.next_observations, config, noise)
    next_values = lower_q(networks.target_critic, batch.next_observations, actions)
    penalty = multiplier(networks.dual) * found if config.value_penalty else 0
    return bellman_loss(learning, batch, config, next_values - penalty)


def actor(learning, networks, batch, config, noise):
    """Wu et al. 2019, equation 6."""
    found, actions = divergence(learning, networks, batch.observations, config, noise)
    value = 0 if networks.clock.step < config.warm_start else lower_q(networks.critic, batch.observations, actions)
    return np.mean(multiplier(networks.dual) * found - value)


def dual(log_multiplier, networks, batch, config, noise):
    """Inside its range; at the ends: tests/oracle/test_divergences.py."""
    if config.divergence_bound is None:
        return 0.0
    found, _ = divergence(networks.actor, networks, batch.observations, config, noise)
    return -np.exp(log_multiplier) * (np.mean(found) - config.divergence_bound)
