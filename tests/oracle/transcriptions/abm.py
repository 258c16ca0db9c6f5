"""ABM in float64 NumPy: whole losses, by the part that learns, and the settings in which they are tested."""

from tests.oracle import paper
from tests.oracle.evaluation import bellman_loss, gaussian, lower_q

MODES = {
    "paper": {},
    "locomotion": {"temperature": 1.0},
    "capped": {"temperature": 0.1, "weight_cap": 1.5},
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


def advantages(networks, batch, actions, noise):
    """Q(s, a) - Q(s, a'), a' ~ pi(s)."""
    value = lower_q(networks.critic, batch.observations, drawn(networks.actor, batch.observations, noise))
    return lower_q(networks.critic, batch.observations, actions) - value


def behavior(learning, networks, batch, config, noise):
    """Equation 28 with f the indicator of positive numbers."""
    found = paper.normal_log_prob(batch.actions, *gaussian(learning, batch.observations))
    better = advantages(networks, batch, batch.actions, noise) > 0
    return -sum(log_prob for log_prob, keep in zip(found, better, strict=True) if keep) / len(found)


def weights_of(networks, batch, config, noise):
    actions = drawn(networks.behavior, batch.observations, noise)
    scores = advantages(networks, batch, actions, noise) / config.temperature
    return paper.exp_weights(scores, config.weight_cap), config.temperature


def actor(learning, networks, batch, config, noise):
    """Equation 29."""
    weights, _ = weights_of(networks, batch, config, noise)
    actions = drawn(networks.behavior, batch.observations, noise)
    return paper.weighted_likelihood_loss(
        paper.normal_log_prob(actions, *gaussian(learning, batch.observations)), weights
    )
