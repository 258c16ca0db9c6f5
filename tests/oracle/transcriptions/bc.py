"""Behaviour cloning in float64 NumPy: its loss, and the settings in which it is tested."""

from tests.oracle import paper
from tests.oracle.evaluation import gaussian

MODES = {
    "likelihood": {},
    "squared_error": {"likelihood": "squared_error"},
    "dependent_std": {"std": "dependent"},
}


def actor(learning, networks, batch, config, noise):
    mean, std = gaussian(learning, batch.observations)
    if config.likelihood == "squared_error":
        return paper.squared_error_loss(mean, batch.actions)
    return paper.likelihood_loss(paper.normal_log_prob(batch.actions, mean, std))
