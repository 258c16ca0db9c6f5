"""Policies that need no learning, to collect random data: uniform actions, and Ornstein-Uhlenbeck noise."""

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from awac.errors import ConfigError, at_least

Array = NDArray[Any]


class Uniform:
    """Independent actions, uniform in the bounds."""

    def __init__(self, action_space: gymnasium.Space[Any], generator: np.random.Generator) -> None:
        space: Any = action_space
        self.low, self.high, self.generator = space.low, space.high, generator

    def __call__(self, observations: Array) -> Array:
        """Actions float32 (n, A) for observations (n, O), which it does not look at."""
        shape = (len(observations), len(self.low))
        return self.generator.uniform(self.low, self.high, shape).astype(np.float32)


class OrnsteinUhlenbeck:
    """Correlated noise: x' = x - theta * x + sigma * normal, clipped to [-1, 1] and scaled to the bounds.

    The process itself is not clipped, so its standard deviation settles at sigma / sqrt(2 theta - theta^2), .57 at the
    paper's values (section VI-B: theta .15, sigma .3). It starts at zero in each episode.

    Raises:
        ConfigError: `theta` or `sigma` is negative, or `theta` so large that the process never settles.
    """

    def __init__(
        self,
        action_space: gymnasium.Space[Any],
        generator: np.random.Generator,
        theta: float = 0.15,
        sigma: float = 0.3,
    ) -> None:
        space: Any = action_space
        self.low, self.high, self.generator = space.low, space.high, generator
        at_least(0, theta=theta, sigma=sigma)
        if theta >= 2:
            raise ConfigError(f"theta is {theta}; allowed: below 2, from where the process grows without end")
        self.theta, self.sigma = theta, sigma
        self.noise = np.zeros((0, len(self.low)))

    def reset(self, row: int) -> None:
        """Row `row` begins a new episode."""
        if row < len(self.noise):
            self.noise[row] = 0.0

    def __call__(self, observations: Array) -> Array:
        """Actions float32 (n, A) for observations (n, O), which it does not look at; each row has its own noise."""
        if len(self.noise) != len(observations):
            self.noise = np.zeros((len(observations), len(self.low)))
        self.noise += self.sigma * self.generator.standard_normal(self.noise.shape) - self.theta * self.noise
        unit = np.clip(self.noise, -1.0, 1.0)
        return (self.low + 0.5 * (unit + 1.0) * (self.high - self.low)).astype(np.float32)


PROCESSES = ("uniform", "ou", "ornstein_uhlenbeck")
