"""The numbers that every method has. A method's own are beside its equations, in its file."""

import math
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, cast, get_args, get_origin, get_type_hints

from awac.errors import ConfigError


class Range(NamedTuple):
    """Which numbers a setting may be."""

    low: float
    high: float
    words: str

    def allows(self, value: float) -> bool:
        """Whether it may be `value`."""
        return self.low <= value <= self.high


Positive = Annotated[float, Range(math.ulp(0.0), math.inf, "more than 0")]  # the least number above it
NotNegative = Annotated[float, Range(0.0, math.inf, "0 or more")]
Share = Annotated[float, Range(0.0, 1.0, "0 to 1")]
Deviation = Annotated[float, Range(math.exp(-6.0), 1.0, "e^-6 to 1")]  # what the Gaussian policy can have
LogDeviation = Annotated[float, Range(-6.0, 0.0, "-6 to 0")]
Multiplier = Annotated[float, Range(math.exp(-5.0), math.exp(10.0), "e^-5 to e^10")]  # where the dual ends
Exponent = Annotated[float, Range(math.nextafter(1.0, 2.0), math.inf, "more than 1")]  # of a convex power
Count = Annotated[int, Range(1, math.inf, "1 or more")]
CountFromZero = Annotated[int, Range(0, math.inf, "0 or more")]


@dataclass(frozen=True)
class Hyperparameters:
    """Shared settings; the defaults are Table II of the paper.

    Raises:
        ConfigError: a choice that does not exist, a number that is not finite, or one outside its range.
    """

    actor_hidden: tuple[Count, ...] = (256, 256, 256, 256)
    """Widths of the policy's hidden layers, ReLU."""
    critic_hidden: tuple[Count, ...] = (256, 256, 256, 256)
    """Widths of each Q-function's hidden layers, ReLU."""
    critics: CountFromZero = 2
    """Q-functions in the ensemble; the least of them is used (twin SAC, appendix B)."""
    critic_norm: bool = False
    """Layer normalisation in the Q-functions (Ball et al. 2023); not in the paper."""
    std: Literal["independent", "dependent"] = "independent"
    """Whether the Gaussian policy's standard deviation is one vector or a head of its network."""
    q_upper_bound: float | None = None
    """The highest possible return, where known: 0 for rewards of -1 and 0 (appendix B)."""
    discount: Share = 0.99
    """gamma"""
    target_rate: Share = 5e-3
    """tau: the fraction by which target networks move at each update."""
    actor_average_rate: Share | None = None
    """Where given, a running average of the policy's parameters acts and is evaluated; the fraction by which it moves
    at each update. It learns nothing and no loss reads it; not in the paper."""
    actor_learning_rate: NotNegative = 3e-4
    """Adam step size of the policy."""
    critic_learning_rate: NotNegative = 3e-4
    """Adam step size of the Q-functions."""
    behavior_learning_rate: NotNegative = 3e-4
    """Adam step size of the behaviour model, where a method has one."""
    dual_learning_rate: NotNegative = 3e-4
    """Adam step size of multipliers and temperatures, where a method has them."""
    momentum: Share | None = None
    """Where given, actor and critic take plain gradient steps with this momentum in place of Adam (as AWR does)."""
    actor_period: Count = 1
    """Updates of the critic for each update of policy and multipliers."""
    clone_steps: CountFromZero = 0
    """First updates in which the policy maximises the likelihood of the data, whatever the method: a policy that is
    pre-trained by behaviour cloning. Counted are those of the critic, see `actor_period`."""
    fit_behavior: bool = False
    """Fit a model of the data's policy also where the method has none, for `train/behavior_log_likelihood`; beside DAPG
    it learns offline alone."""
    actor_weight_decay: NotNegative = 1e-4
    """Coupled L2 penalty on all parameters of the policy, log standard deviation included, unless that is to stay."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            value = getattr(self, name)
            if isinstance(value, list):  # as people write sizes in Python
                value = tuple(cast("list[Any]", value))
                object.__setattr__(self, name, value)
            check_kind(name, value, hint)
            if get_origin(hint) is Literal and value not in get_args(hint):
                raise ConfigError(f"{name} is {value!r}; allowed: {', '.join(map(str, get_args(hint)))}")
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigError(f"{name} is {value}; allowed: finite numbers")
            for bounds in ranges(hint):
                values = cast("tuple[Any, ...]", value if isinstance(value, tuple) else (value,))
                if value is not None and not all(map(bounds.allows, values)):
                    raise ConfigError(f"{name} is {value}; allowed: {bounds.words}")


def check_kind(name: str, value: object, hint: Any) -> None:
    """Refuses what is of another kind than a field's type says: a program may write 'false', or 64.0 for a count.

    Raises:
        ConfigError: naming the field, the value, and what is allowed.
    """
    kinds = _kinds(hint)
    allowed = (*kinds, int) if float in kinds else kinds  # 1 for 1.0
    if not isinstance(value, allowed) or (isinstance(value, bool) and not {bool, object} & set(kinds)):
        words = ", ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
        raise ConfigError(f"{name} is {value!r}; allowed: {words}")


def _kinds(hint: Any) -> tuple[type, ...]:
    if get_origin(hint) is Annotated:
        return _kinds(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return tuple(kind for part in get_args(hint) for kind in _kinds(part))
    if get_origin(hint) is tuple:
        return (tuple,)
    return (hint,) if hint in (bool, int, float, str, type(None)) else (object,)


def ranges(hint: Any) -> list[Range]:
    """The ranges that a field's type carries, also where None is allowed beside."""
    own = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Range)]
    return own + [bounds for part in get_args(hint) for bounds in ranges(part)]
