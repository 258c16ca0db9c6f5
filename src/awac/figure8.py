"""The rows of the paper's Figure 8: how a method estimates Q, improves its policy, and stays near the data."""

from typing import NamedTuple


class Row(NamedTuple):
    """One row of Figure 8, in the paper's own words."""

    name: str
    q_function: str  # the policy whose values are estimated: Q^pi, Q^beta or -
    policy_objective: str  # the direction of the projection
    behavior_model: str  # whether a model of the data's policy is fitted
    constraint: str  # what keeps the policy near the data
