"""BRAC as the AWAC authors ran it, in float64 NumPy: losses by the part that learns, and settings to test them in."""

import numpy as np

from tests.oracle import paper
from tests.oracle.evaluation import bellman_loss, gaussian, lower_q

MODES = {
    "as_run": {},
    "half": {"reward_weight": 0.5, "temperature": 1.0, "advantage_clip": None},
    "upper_bound": {"q_upper_bound": 0.0},
    "dependent_std": {"std": "dependent"},
}


def behavior(learning, networks, batch, config, noise):
    return paper.likelihood_loss(paper.normal_log_prob(batch.actions, *gaussian(learning, batch.observations)))


def critic(learning, networks, batch, config, noise):
    """The reward is augmented before anything else sees it."""
    mean, std = gaussian(networks.actor, batch.next_observations)
    next_values = lower_q(networks.target_critic, batch.next_observations, mean + std * noise(mean.shape))
    likelihood = paper.normal_log_prob(batch.actions, *gaussian(networks.behavior, batch.observations))
    augmented = batch._replace(rewards=batch.rewards + config.reward_weight * likelihood)
    return bellman_loss(learning, augmented, config, next_values)


def weights_of(networks, batch, config, noise):
    mean, _ = gaussian(networks.actor, batch.observations)
    advantages = lower_q(networks.critic, batch.observations, batch.actions)
    advantages = advantages - lower_q(networks.critic, batch.observations, mean)
    clip = np.inf if config.advantage_clip is None else config.advantage_clip
    return paper.softmax_weights(np.minimum(advantages, clip) / config.temperature), config.temperature


def actor(learning, networks, batch, config, noise):
    weights, _ = weights_of(networks, batch, config, noise)
    log_probs = paper.normal_log_prob(batch.actions, *gaussian(learning, batch.observations))
    return paper.weighted_likelihood_loss(log_probs, weights)
