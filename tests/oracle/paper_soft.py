"""What the methods on the skeleton of soft actor-critic share, in float64 NumPy: whole losses and proposals."""

import numpy as np

from tests.oracle import paper, paper_pessimism
from tests.oracle.evaluation import q_values, soft_sample, tanh_gaussian
from tests.oracle.setting import even_noise


def actor(learning, networks, batch, noise, log_temperature, over_members):
    """Haarnoja et al. 2018, equation 7, with the members' values joined by `over_members`."""
    actions, log_prob = soft_sample(learning, batch.observations, noise)
    q = over_members(q_values(networks.critic, batch.observations, actions), axis=0)
    return np.mean(np.exp(log_temperature) * log_prob - q)


def dual(log_temperature, networks, batch, config, noise):
    """Haarnoja et al. 2018, equation 18."""
    _, log_prob = soft_sample(networks.actor, batch.observations, noise)
    target = config.target_entropy_per_action * batch.actions.shape[-1]
    return paper.entropy_dual_loss(log_temperature, log_prob, target)


def proposals(networks, batch, count, noise):
    """Even actions, those of the policy at s, those at s'; and log p of each: (3 count, batch)."""
    shape = (count, *batch.actions.shape)
    actions = [2 * even_noise(shape) - 1]
    log_densities = [np.full(shape[:2], np.log(0.5 ** shape[2]))]
    for observations in (batch.observations, batch.next_observations):
        mean, std = tanh_gaussian(networks.actor, observations)
        before = mean + std * noise(shape)
        actions.append(np.tanh(before))
        log_densities.append(paper.tanh_normal_log_prob(before, mean, std))
    return np.concatenate(actions), np.concatenate(log_densities)


def gaps(critic, networks, batch, config, noise, returns=None):
    """Kumar et al. 2020, equation 4, for each member; calibrated where there are returns (Nakamoto et al. 2023)."""
    actions, log_densities = proposals(networks, batch, config.proposals, noise)
    sampled = np.stack([q_values(critic, batch.observations, each) for each in actions], axis=1)
    stored = q_values(critic, batch.observations, batch.actions)
    found = []
    floor = np.full(len(batch.rewards), -np.inf) if returns is None else returns
    for member, values in zip(sampled, stored, strict=True):
        even, own = member[: config.proposals], member[config.proposals :]
        counted = np.concatenate([even, paper_pessimism.calibrate(own, floor)])
        highest = paper_pessimism.soft_maximum(counted, log_densities, config.conservative_temperature)
        found.append(paper_pessimism.conservative_gap(highest, values))
    return np.array(found)
