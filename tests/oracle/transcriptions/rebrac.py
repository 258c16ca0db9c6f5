"""ReBRAC in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

import numpy as np

from tests.oracle.evaluation import bellman_loss, gaussian, lower_q

MODES = {
    "paper": {},
    "locomotion": {"actor_penalty": 0.001, "critic_penalty": 0.01},
    "plain_q": {"q_normalization": False},
    "noisy": {"target_noise": 1.0, "target_noise_clip": 0.3},
    "no_norm": {"critic_norm": False, "critics": 1},
    "upper_bound": {"q_upper_bound": 0.0},
}


def critic(learning, networks, batch, config, noise):
    """Tarasov et al. 2023, equation 4: the target's action is penalised for its distance from the one that followed."""
    mean, _ = gaussian(networks.target_actor, batch.next_observations)
    jitter = np.clip(config.target_noise * noise(mean.shape), -config.target_noise_clip, config.target_noise_clip)
    actions = np.clip(mean + jitter, -1, 1)
    penalty = np.linalg.norm(actions - batch.next_actions, axis=1) ** 2
    next_values = lower_q(networks.target_critic, batch.next_observations, actions) - config.critic_penalty * penalty
    return bellman_loss(learning, batch, config, next_values)


def actor(learning, networks, batch, config, noise):
    """Tarasov et al. 2023, equation 4; the size of Q, by the policy before the step, is held."""
    before, _ = gaussian(networks.actor, batch.observations)
    actions, _ = gaussian(learning, batch.observations)
    size = np.mean(np.abs(lower_q(networks.critic, batch.observations, before))) if config.q_normalization else 1
    distance = np.linalg.norm(actions - batch.actions, axis=1) ** 2
    return np.mean(config.actor_penalty * distance - lower_q(networks.critic, batch.observations, actions) / size)
