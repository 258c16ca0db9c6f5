"""MPO as run, in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper
from tests.oracle.evaluation import bellman_loss, gaussian, lower_q

MODES = {
    "authors": {},
    "clipped": {"advantage_clip": -0.5},
    "equation": {"baseline": False, "through_samples": False, "advantage_clip": None},
    "upper_bound": {"q_upper_bound": 0.0, "temperature": 1.0},
    "dependent_std": {"std": "dependent"},
}


def critic(learning, networks, batch, config, noise):
    """Equations 4 and 5, a' ~ pi(s')."""
    mean, std = gaussian(networks.actor, batch.next_observations)
    next_actions = mean + std * noise(mean.shape)
    return bellman_loss(learning, batch, config, lower_q(networks.target_critic, batch.next_observations, next_actions))


def weights_of(networks, batch, config, noise):
    """softmax over the batch of min(Q(s, a) - Q(s, mean), clip) / beta, a ~ pi(s)."""
    mean, std = gaussian(networks.actor, batch.observations)
    scores = lower_q(networks.critic, batch.observations, mean + std * noise(mean.shape))
    if config.baseline:
        scores = scores - lower_q(networks.critic, batch.observations, mean)
    if config.advantage_clip is not None:
        scores = np.minimum(scores, config.advantage_clip)
    return paper.softmax_weights(scores / config.temperature), config.temperature


def actor(learning, networks, batch, config, noise):
    """Through the samples or not, the weights are those of the networks before the step."""
    weights, _ = weights_of(networks, batch, config, noise)
    mean, std = gaussian(learning, batch.observations)
    own_mean, own_std = (mean, std) if config.through_samples else gaussian(networks.actor, batch.observations)
    actions = own_mean + own_std * noise(mean.shape)
    return paper.weighted_likelihood_loss(paper.normal_log_prob(actions, mean, std), weights)
