"""ABM as run, in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper
from tests.oracle.evaluation import bellman_loss, gaussian, lower_q

MODES = {
    "authors": {},
    "cold": {"temperature": 0.1},
    "clipped": {"advantage_clip": 0.1},
    "unclipped": {"advantage_clip": None, "temperature": 1.0},
    "upper_bound": {"q_upper_bound": 0.0},
    "dependent_std": {"std": "dependent"},
}


def drawn(model, observations, noise):
    mean, std = gaussian(model, observations)
    return mean + std * noise(mean.shape)


def critic(learning, networks, batch, config, noise):
    """Equations 4 and 5, a' ~ pi(s')."""
    next_actions = drawn(networks.actor, batch.next_observations, noise)
    return bellman_loss(learning, batch, config, lower_q(networks.target_critic, batch.next_observations, next_actions))


def behavior(learning, networks, batch, config, noise):
    """The data's likelihood, weighted by the softmax of Q(s, a) - Q(s, a'), a' from the prior before the step."""
    value = lower_q(networks.critic, batch.observations, drawn(networks.behavior, batch.observations, noise))
    scores = lower_q(networks.critic, batch.observations, batch.actions) - value
    log_probs = paper.normal_log_prob(batch.actions, *gaussian(learning, batch.observations))
    return paper.weighted_likelihood_loss(log_probs, paper.softmax_weights(scores / config.temperature))


def weights_of(networks, batch, config, noise):
    actions = drawn(networks.behavior, batch.observations, noise)
    value = lower_q(networks.critic, batch.observations, gaussian(networks.actor, batch.observations)[0])
    scores = lower_q(networks.critic, batch.observations, actions) - value
    clip = np.inf if config.advantage_clip is None else config.advantage_clip
    return paper.softmax_weights(np.minimum(scores, clip) / config.temperature), config.temperature


def actor(learning, networks, batch, config, noise):
    weights, _ = weights_of(networks, batch, config, noise)
    actions = drawn(networks.behavior, batch.observations, noise)
    return paper.weighted_likelihood_loss(
        paper.normal_log_prob(actions, *gaussian(learning, batch.observations)), weights
    )
