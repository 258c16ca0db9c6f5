"""Networks evaluated by hand in float64 NumPy, for the transcriptions of whole losses beside this file.

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


def state_values(value, observations):
    """V(s) of one network, in units of its scale, none above the bound."""
    values = value.scale * mlp(value.network, observations)[..., 0]
    return np.minimum(values, np.inf if value.upper_bound is None else value.upper_bound)


def lower_q(critic, observations, actions):
    return q_values(critic, observations, actions).min(axis=0)


def bellman_loss(critic, batch, config, next_values):
    bound = np.inf if config.q_upper_bound is None else config.q_upper_bound
    targets = paper.td_target(batch.rewards, batch.terminated, batch.steps, next_values, config.discount, bound)
    return paper.td_loss(q_values(critic, batch.observations, batch.actions), targets)


def soft_sample(actor, observations, noise):
    """An action and its log-density."""
    mean, std = tanh_gaussian(actor, observations)
    before = mean + std * noise(mean.shape)
    return np.tanh(before), paper.tanh_normal_log_prob(before, mean, std)
