"""BCQ in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle.evaluation import bellman_loss, q_values
from tests.oracle.paper_behavior import autoencoder_loss, mixed_minimum, perturb, propose

SMALL = {"behavior_hidden": (8, 8)}
MODES = {
    "paper": SMALL,
    "few_candidates": SMALL | {"target_candidates": 3},
    "plain_minimum": SMALL | {"minimum_share": 1.0},
    "far": SMALL | {"perturbation": 0.5},
    "upper_bound": SMALL | {"q_upper_bound": 0.0},
}


def behavior(learning, networks, batch, config, noise):
    return autoencoder_loss(learning, batch.observations, batch.actions, noise)


def critic(learning, networks, batch, config, noise):
    """Equation 13."""
    observations = batch.next_observations
    proposed = np.tanh(propose(networks.behavior, observations, noise, config.target_candidates))
    values = [
        mixed_minimum(q_values(networks.target_critic, observations, moved), config.minimum_share)
        for moved in perturb(networks.target_actor, observations, proposed)
    ]
    return bellman_loss(learning, batch, config, np.max(values, axis=0))


def actor(learning, networks, batch, config, noise):
    """Equation 12, with the first Q-function."""
    moved = perturb(learning, batch.observations, np.tanh(propose(networks.behavior, batch.observations, noise)))
    return -np.mean(q_values(networks.critic, batch.observations, moved)[0])
