"""AWAC in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper
from tests.oracle.evaluation import bellman_loss, gaussian, lower_q

MODES = {
    "paper": {},
    "locomotion": {"temperature": 1.0},
    "capped": {"temperature": 0.05, "weight_cap": 1.5},
    "clipped": {"advantage_clip": 0.1},
    "softmax": {"weighting": "softmax"},
    "authors": {"weighting": "softmax", "temperature": 0.5, "advantage_clip": 0.5, "value": "mean_action"},
    "many_samples": {"value_samples": 5},
    "partition": {"partition_samples": 7},
    "partition_clipped": {"partition_samples": 7, "advantage_clip": 0.1},
    "partition_softmax": {"partition_samples": 7, "value_samples": 2, "weighting": "softmax"},
    "divergence": {"divergence_bound": 0.2, "temperature": 0.01},
    "divergence_floor": {"divergence_bound": 2.4, "temperature": 0.3, "weighting": "softmax"},
    "upper_bound": {"q_upper_bound": 0.0},
    "dependent_std": {"std": "dependent"},
    "norm": {"critic_norm": True},
    "three_critics": {"critics": 3, "discount": 0.9},
}


def critic(learning, networks, batch, config, noise):
    """Equations 4 and 5, a' ~ pi(s')."""
    mean, std = gaussian(networks.actor, batch.next_observations)
    next_actions = mean + std * noise(mean.shape)
    return bellman_loss(learning, batch, config, lower_q(networks.target_critic, batch.next_observations, next_actions))


def advantages_of(networks, batch, config, noise):
    """Q(s, a) - V(s), and the same for `partition_samples` actions of the policy."""
    mean, std = gaussian(networks.actor, batch.observations)

    def sampled_q(count):
        drawn = mean + std * noise((count, *mean.shape))
        return np.array([lower_q(networks.critic, batch.observations, actions) for actions in drawn])

    at_mean = config.value == "mean_action"
    value = lower_q(networks.critic, batch.observations, mean) if at_mean else sampled_q(config.value_samples).mean(0)
    advantages = lower_q(networks.critic, batch.observations, batch.actions) - value
    return advantages, sampled_q(config.partition_samples) - value if config.partition_samples else None


def weights_of(networks, batch, config, noise):
    """Equation 13, or 26 where Z(s) is asked for; and the temperature that they have."""
    advantages, sampled = advantages_of(networks, batch, config, noise)
    if config.advantage_clip is not None:
        advantages = np.minimum(advantages, config.advantage_clip)
        sampled = None if sampled is None else np.minimum(sampled, config.advantage_clip)
    temperature = config.temperature
    if config.divergence_bound is not None:
        temperature = paper.bounded_temperature(advantages, config.divergence_bound, floor=config.temperature)
    scores = advantages / temperature
    if sampled is not None:
        scores = scores - paper.log_partition(sampled / temperature)
    exp = config.weighting == "exp"
    return paper.exp_weights(scores, config.weight_cap) if exp else paper.softmax_weights(scores), temperature


def actor(learning, networks, batch, config, noise):
    """Equation 13 as a loss: `actor` is in the likelihood alone, `networks` make the weights."""
    weights, _ = weights_of(networks, batch, config, noise)
    return paper.weighted_likelihood_loss(
        paper.normal_log_prob(batch.actions, *gaussian(learning, batch.observations)), weights
    )
