"""From the network's last numbers to a Gaussian over actions, in NumPy: the conventions of each head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import numpy as np

from awac.errors import ConfigError
from awac.policy_file import Fields
from awac.scaling import Floats

HeadKind: TypeAlias = Literal["gaussian", "tanh_gaussian"]
LogStdTransform: TypeAlias = Literal["sigmoid", "clip"]


@dataclass(frozen=True)
class Head:
    """How the last layer's numbers become a distribution over actions in [-1, 1].

    Attributes:
        kind: `gaussian`: the mean is tanh(output) and samples are not squashed but clipped to [-1, 1];
            `tanh_gaussian`: the Gaussian lives before the tanh, and samples and mean go through it.
        log_std_transform: `sigmoid`: low + (high - low) * sigmoid(raw); `clip`: raw clipped to [low, high].
        log_std_low: Lowest logarithm of the standard deviation.
        log_std_high: Highest logarithm of the standard deviation.
    """

    kind: HeadKind
    log_std_transform: LogStdTransform
    log_std_low: float
    log_std_high: float

    def __post_init__(self) -> None:
        if self.kind not in ("gaussian", "tanh_gaussian"):
            raise ConfigError(f"head kind {self.kind!r} is unknown; gaussian and tanh_gaussian are allowed")
        if self.log_std_transform not in ("sigmoid", "clip"):
            raise ConfigError(f"log_std_transform {self.log_std_transform!r} is unknown; sigmoid and clip are allowed")
        if not -np.inf < self.log_std_low <= self.log_std_high < np.inf:
            raise ConfigError(f"log_std_low {self.log_std_low} must not be above log_std_high {self.log_std_high}")

    def log_std(self, raw: Floats) -> Floats:
        """The logarithm of the standard deviation, within its bounds, from what the network says (any shape)."""
        if self.log_std_transform == "clip":
            return np.clip(raw, np.float32(self.log_std_low), np.float32(self.log_std_high))
        half_width = np.float32(0.5 * (self.log_std_high - self.log_std_low))
        # sigmoid(x) = (1 + tanh(x / 2)) / 2, which does not overflow
        return np.float32(self.log_std_low) + half_width * (1 + np.tanh(np.float32(0.5) * raw))


GAUSSIAN = Head("gaussian", "sigmoid", -6.0, 0.0)
"""AWAC's head: the tanh mean and the unsquashed Gaussian of the authors, std between e^-6 and 1."""

TANH_GAUSSIAN = Head("tanh_gaussian", "clip", -20.0, 2.0)
"""SAC's head."""


def read_head(head: Fields) -> Head:
    """The section `head` of `policy.json`; CheckpointError or ConfigError if it is none."""
    return Head(
        cast("HeadKind", head.get("kind", str)),
        cast("LogStdTransform", head.get("log_std_transform", str)),
        head.get("log_std_low", float),
        head.get("log_std_high", float),
    )
