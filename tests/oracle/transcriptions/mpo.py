"""MPO in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle import paper
from tests.oracle.evaluation import bellman_loss, gaussian, lower_q

MODES = {
    "paper": {},
    "bounds": {"divergence_bound": 0.5, "mean_bound": 0.1, "scale_bound": 0.01},
    "few_samples": {"samples": 3, "std": "dependent"},
    "upper_bound": {"q_upper_bound": 0.0},
}


def softplus(x):
    return np.log(1 + np.exp(x))


def sampled(networks, observations, config, noise):
    """Samples of the slow policy, and the slow Q of what of them can be played."""
    mean, std = gaussian(networks.target_actor, observations)
    actions = mean + std * noise((config.samples, *mean.shape))
    played = np.clip(actions, -1, 1)
    return mean, std, actions, np.array([lower_q(networks.target_critic, observations, drawn) for drawn in played])


def divergence(first_mean, first_std, mean, std):
    """KL of two normal distributions, one dimension at a time."""
    return np.log(std / first_std) + (first_std**2 + (first_mean - mean) ** 2) / (2 * std**2) - 1 / 2


def critic(learning, networks, batch, config, noise):
    _, _, _, q = sampled(networks, batch.next_observations, config, noise)
    return bellman_loss(learning, batch, config, q.mean(axis=0))


def actor(learning, networks, batch, config, noise):
    """Abdolmaleki et al. 2018, appendix: weighted likelihood, mean and deviation apart, and the penalties."""
    old_mean, old_std, actions, q = sampled(networks, batch.observations, config, noise)
    mean, std = gaussian(learning, batch.observations)
    temperature, likelihood = softplus(networks.dual.temperature), 0.0
    for state in range(len(batch.rewards)):
        shares = np.exp(q[:, state] / temperature - np.max(q[:, state]) / temperature)
        for share, action in zip(shares / shares.sum(), actions[:, state], strict=True):
            likelihood += share * paper.normal_log_prob(action, mean[state], old_std[state])
            likelihood += share * paper.normal_log_prob(action, old_mean[state], std[state])
    moved = divergence(old_mean, old_std, mean, old_std).mean(axis=0)
    grown = divergence(old_mean, old_std, old_mean, std).mean(axis=0)
    penalty = softplus(networks.dual.mean) @ moved + softplus(networks.dual.scale) @ grown
    return penalty - likelihood / len(batch.rewards)


def dual(learning, networks, batch, config, noise):
    """The dual of the E-step (equation 8), and one of each bound of the M-step."""
    old_mean, old_std, _, q = sampled(networks, batch.observations, config, noise)
    mean, std = gaussian(networks.actor, batch.observations)
    temperature = softplus(learning.temperature)
    moments = [np.log(np.mean(np.exp(values / temperature))) for values in q.T]
    loss = temperature * config.divergence_bound + temperature * np.mean(moments)
    moved = divergence(old_mean, old_std, mean, old_std).mean(axis=0)
    grown = divergence(old_mean, old_std, old_mean, std).mean(axis=0)
    loss += np.sum(softplus(learning.mean) * (config.mean_bound - moved))
    return loss + np.sum(softplus(learning.scale) * (config.scale_bound - grown))
