"""The numbers that every method has. A method's own are beside its equations, in its file."""

import math
from dataclasses import dataclass
from typing import Literal, get_args, get_origin, get_type_hints

from awac.errors import ConfigError


@dataclass(frozen=True)
class Hyperparameters:
    """Shared settings; the defaults are Table II of the paper.

    Raises:
        ConfigError: a choice that does not exist, a number that is not finite, or a rate outside 0 to 1.
    """

    actor_hidden: tuple[int, ...] = (256, 256, 256, 256)
    """Widths of the policy's hidden layers, ReLU."""
    critic_hidden: tuple[int, ...] = (256, 256, 256, 256)
    """Widths of each Q-function's hidden layers, ReLU."""
    critics: int = 2
    """Q-functions in the ensemble; the least of them is used (twin SAC, appendix B)."""
    critic_norm: bool = False
    """Layer normalisation in the Q-functions (Ball et al. 2023); not in the paper."""
    std: Literal["independent", "dependent"] = "independent"
    """Whether the Gaussian policy's standard deviation is one vector or a head of its network."""
    q_upper_bound: float | None = None
    """The highest possible return, where known: 0 for rewards of -1 and 0 (appendix B)."""
    discount: float = 0.99
    """gamma"""
    target_rate: float = 5e-3
    """tau: the fraction by which target networks move at each update."""
    actor_average_rate: float | None = None
    """Where given, a running average of the policy's parameters acts and is evaluated; the fraction by which it moves
    at each update. It learns nothing and no loss reads it; not in the paper."""
    actor_learning_rate: float = 3e-4
    """Adam step size of the policy."""
    critic_learning_rate: float = 3e-4
    """Adam step size of the Q-functions."""
    behavior_learning_rate: float = 3e-4
    """Adam step size of the behaviour model, where a method has one."""
    dual_learning_rate: float = 3e-4
    """Adam step size of multipliers and temperatures, where a method has them."""
    momentum: float | None = None
    """Where given, actor and critic take plain gradient steps with this momentum in place of Adam (as AWR does)."""
    actor_period: int = 1
    """Updates of the critic for each update of policy and multipliers."""
    clone_steps: int = 0
    """First updates in which the policy maximises the likelihood of the data, whatever the method: a policy that is
    pre-trained by behaviour cloning."""
    fit_behavior: bool = False
    """Fit a model of the data's policy also where the method has none, for `train/behavior_log_likelihood`."""
    actor_weight_decay: float = 1e-4
    """Coupled L2 penalty on all parameters of the policy, log standard deviation included."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            value = getattr(self, name)
            if get_origin(hint) is Literal and value not in get_args(hint):
                raise ConfigError(f"{name} is {value!r}; allowed: {', '.join(map(str, get_args(hint)))}")
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigError(f"{name} is {value}; allowed: finite numbers")
        if self.actor_period < 1 or self.clone_steps < 0:
            raise ConfigError(
                f"actor_period={self.actor_period}, clone_steps={self.clone_steps}; allowed: from 1, and from 0"
            )
        for name in ("discount", "target_rate"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"{name} is {getattr(self, name)}; allowed: 0 to 1")
