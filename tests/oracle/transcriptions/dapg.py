"""DAPG's offline loss in float64 NumPy; its online step is in `tests/oracle/test_natural_gradient.py`."""

from tests.oracle import paper
from tests.oracle.evaluation import gaussian

MODES = {"likelihood": {}, "dependent_std": {"std": "dependent"}}


def actor(learning, networks, batch, config, noise):
    """The clone that natural gradient starts from."""
    return paper.likelihood_loss(paper.normal_log_prob(batch.actions, *gaussian(learning, batch.observations)))
