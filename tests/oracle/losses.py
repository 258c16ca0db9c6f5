"""Whole losses in float64 NumPy: networks evaluated by hand, equations from `paper`, noise from the caller.

A network is one of ours with NumPy leaves: read here as a container of parameters, never called. `noise(shape)` gives
the standard normal numbers of that shape, so that a loss and its transcription draw the same actions.
"""

import numpy as np

from tests.oracle import paper


def mlp(network, x):
    for index, layer in enumerate(network.layers):
        x = x @ layer.weight + layer.bias
        if index == len(network.layers) - 1:
            return x
        if network.norms:
            norm = network.norms[index]
            centred = x - x.mean(axis=-1, keepdims=True)
            x = norm.scale * centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) + norm.offset
        x = np.maximum(x, 0)
    raise AssertionError("a network has a last layer")


def gaussian(actor, observations):
    """Mean and standard deviation: tanh, and a sigmoid between e^-6 and e^0."""
    output = mlp(actor.network, observations)
    mean, logit = (output, actor.log_std_logit) if actor.log_std_logit is not None else np.split(output, 2, axis=-1)
    return np.tanh(mean), np.exp(-6 + 6 / (1 + np.exp(-logit))) * np.ones_like(mean)


def tanh_gaussian(actor, observations):
    """Mean and standard deviation before the tanh; the log of the second is clipped to [-20, 2]."""
    mean, log_std = np.split(mlp(actor.network, observations), 2, axis=-1)
    return mean, np.exp(np.clip(log_std, -20, 2))


def q_values(critic, observations, actions):
    """(members, batch), none above the bound."""
    values = [mlp(member, np.concatenate([observations, actions], axis=-1))[..., 0] for member in critic.members]
    return np.minimum(values, np.inf if critic.upper_bound is None else critic.upper_bound)


def lower_q(critic, observations, actions):
    return q_values(critic, observations, actions).min(axis=0)


def bellman_loss(critic, batch, config, next_values):
    bound = np.inf if config.q_upper_bound is None else config.q_upper_bound
    targets = paper.td_target(batch.rewards, batch.terminated, batch.steps, next_values, config.discount, bound)
    return paper.td_loss(q_values(critic, batch.observations, batch.actions), targets)


def awac_critic(critic, networks, batch, config, noise):
    """Equations 4 and 5, a' ~ pi(s')."""
    mean, std = gaussian(networks.actor, batch.next_observations)
    next_actions = mean + std * noise(mean.shape)
    return bellman_loss(critic, batch, config, lower_q(networks.target_critic, batch.next_observations, next_actions))


def awac_advantages(networks, batch, config, noise):
    """Q(s, a) - V(s), and the same for `partition_samples` actions of the policy."""
    mean, std = gaussian(networks.actor, batch.observations)

    def sampled_q(count):
        drawn = mean + std * noise((count, *mean.shape))
        return np.array([lower_q(networks.critic, batch.observations, actions) for actions in drawn])

    at_mean = config.value == "mean_action"
    value = lower_q(networks.critic, batch.observations, mean) if at_mean else sampled_q(config.value_samples).mean(0)
    advantages = lower_q(networks.critic, batch.observations, batch.actions) - value
    return advantages, sampled_q(config.partition_samples) - value if config.partition_samples else None


def awac_weights(networks, batch, config, noise):
    """Equation 13, or 26 where Z(s) is asked for; and the temperature that they have."""
    advantages, sampled = awac_advantages(networks, batch, config, noise)
    if config.advantage_clip is not None:
        advantages = np.minimum(advantages, config.advantage_clip)
    temperature = config.temperature
    if config.divergence_bound is not None:
        temperature = paper.bounded_temperature(advantages, config.divergence_bound, floor=config.temperature)
    scores = advantages / temperature
    if sampled is not None:
        scores = scores - paper.log_partition(sampled / temperature)
    exp = config.weighting == "exp"
    return paper.exp_weights(scores, config.weight_cap) if exp else paper.softmax_weights(scores), temperature


def awac_actor(actor, networks, batch, config, noise):
    """Equation 13 as a loss: `actor` is in the likelihood alone, `networks` make the weights."""
    weights, _ = awac_weights(networks, batch, config, noise)
    return paper.weighted_likelihood_loss(
        paper.normal_log_prob(batch.actions, *gaussian(actor, batch.observations)), weights
    )


def bc_actor(actor, networks, batch, config, noise):
    mean, std = gaussian(actor, batch.observations)
    if config.likelihood == "squared_error":
        return paper.squared_error_loss(mean, batch.actions)
    return paper.likelihood_loss(paper.normal_log_prob(batch.actions, mean, std))


def soft_sample(actor, observations, noise):
    """An action and its log-density."""
    mean, std = tanh_gaussian(actor, observations)
    before = mean + std * noise(mean.shape)
    return np.tanh(before), paper.tanh_normal_log_prob(before, mean, std)


def sac_critic(critic, networks, batch, config, noise):
    """Haarnoja et al. 2018, equations 5 and 6, with the lesser target."""
    actions, log_prob = soft_sample(networks.actor, batch.next_observations, noise)
    next_values = lower_q(networks.target_critic, batch.next_observations, actions)
    if config.entropy_backup:
        next_values = paper.soft_value(next_values, log_prob, np.exp(networks.dual))
    return bellman_loss(critic, batch, config, next_values)


def sac_actor(actor, networks, batch, config, noise):
    """Haarnoja et al. 2018, equation 7: the gradient goes through the action."""
    actions, log_prob = soft_sample(actor, batch.observations, noise)
    return np.mean(np.exp(networks.dual) * log_prob - lower_q(networks.critic, batch.observations, actions))


def sac_dual(log_temperature, networks, batch, config, noise):
    """Haarnoja et al. 2018, equation 18."""
    _, log_prob = soft_sample(networks.actor, batch.observations, noise)
    target = config.target_entropy_per_action * batch.actions.shape[-1]
    return paper.entropy_dual_loss(log_temperature, log_prob, target)


TRANSCRIPTIONS = {
    ("awac", "critic"): awac_critic,
    ("awac", "actor"): awac_actor,
    ("bc", "actor"): bc_actor,
    ("sac", "critic"): sac_critic,
    ("sac", "actor"): sac_actor,
    ("sac", "dual"): sac_dual,
}
