# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Multi-layer perceptrons, actors, critic ensembles and the record that holds the networks of a learner.

Networks work on batches: the leading axes are free, the last one is the feature axis. Weights are `(inputs, outputs)`.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Scalar

from awac.distributions import Gaussian, TanhGaussian

LOG_STD_RANGE = (-6.0, 0.0)  # the authors' GaussianPolicy: a sigmoid between e^-6 and 1, so e^-3 at the start
TANH_LOG_STD_RANGE = (-20.0, 2.0)  # Haarnoja et al. 2018: a clip
ACTOR_FINAL_SCALE = 1e-3  # half-width of the uniform initial weights of the last layer, authors' code
CRITIC_FINAL_SCALE = 3e-3
NORM_EPSILON = 1e-5


class Sizes(NamedTuple):
    """The sizes of a task's vectors."""

    observation: int
    action: int


def match(vector: Float[Array, " feature"], like: Float[Array, "*batch feature"]) -> Float[Array, "*batch feature"]:
    """Repeats a parameter vector along the leading axes of `like`; implicit rank promotion is an error in tests."""
    return jnp.broadcast_to(vector, like.shape)


def deviation_logit(log_std: float | Scalar) -> Scalar:
    """What `GaussianActor` reads as this log standard deviation; its ends, whose logits are infinite, just inside."""
    low, high = LOG_STD_RANGE
    share = jnp.clip((log_std - low) / (high - low), NORM_EPSILON, 1.0 - NORM_EPSILON)
    return jax.scipy.special.logit(share)


class Linear(eqx.Module):
    """x W + b, with W of shape `(inputs, outputs)`."""

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, key: PRNGKeyArray, inputs: int, outputs: int, scale: float | None = None) -> None:
        """Uniform weights in +-`scale` (default 1 / sqrt(inputs)), zero bias."""
        half_width = inputs**-0.5 if scale is None else scale
        self.weight = jax.random.uniform(key, (inputs, outputs), minval=-half_width, maxval=half_width)
        self.bias = jnp.zeros(outputs)

    def __call__(self, x: Float[Array, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
        """Applies the layer."""
        product = x @ self.weight
        return product + match(self.bias, product)


class LayerNorm(eqx.Module):
    """Layer normalisation over the feature axis, with scale and offset (Ba et al. 2016)."""

    scale: Float[Array, " feature"]
    offset: Float[Array, " feature"]

    def __init__(self, size: int) -> None:
        """Scale one, offset zero."""
        self.scale, self.offset = jnp.ones(size), jnp.zeros(size)

    def __call__(self, x: Float[Array, "*batch feature"]) -> Float[Array, "*batch feature"]:
        """Normalises each vector to zero mean and unit variance, then scales and shifts it."""
        mean = jnp.mean(x, axis=-1, keepdims=True)
        variance = jnp.var(x, axis=-1, keepdims=True)
        normalized = (x - mean) * jax.lax.rsqrt(variance + NORM_EPSILON)
        return normalized * match(self.scale, x) + match(self.offset, x)


class MLP(eqx.Module):
    """Linear layers with ReLU between them, and layer normalisation before each ReLU where asked for."""

    layers: tuple[Linear, ...]
    norms: tuple[LayerNorm, ...]  # one for each hidden layer, or none

    def __init__(
        self, key: PRNGKeyArray, inputs: int, hidden: Sequence[int], outputs: int, final_scale: float, norm: bool
    ) -> None:
        """Builds the layers; `final_scale` is the half-width of the last layer's uniform initial weights."""
        widths = (inputs, *hidden)
        *keys, last_key = jax.random.split(key, len(widths))
        hidden_layers = [Linear(k, a, b) for k, a, b in zip(keys, widths[:-1], widths[1:], strict=True)]
        self.layers = (*hidden_layers, Linear(last_key, widths[-1], outputs, final_scale))
        self.norms = tuple(LayerNorm(width) for width in hidden) if norm else ()

    def __call__(self, x: Float[Array, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
        """Applies the network."""
        rows = x.reshape(-1, x.shape[-1])  # the compiler's gradient of a matrix product of three axes is half as fast
        for index, layer in enumerate(self.layers[:-1]):
            rows = layer(rows)
            rows = jax.nn.relu(self.norms[index](rows) if self.norms else rows)
        return self.layers[-1](rows).reshape(*x.shape[:-1], -1)


class GaussianActor(eqx.Module):
    """The paper's policy: tanh mean, unsquashed, standard deviation in [e^-6, 1] by a sigmoid, e^-3 at the start.

    `log_std_logit` is a free vector (independent of the observation), or None where the network has a head for it.
    No loss moves the standard deviation where it is `fixed`.
    """

    network: MLP
    log_std_logit: Float[Array, " action"] | None
    fixed: bool = eqx.field(static=True)

    def __init__(
        self,
        key: PRNGKeyArray,
        sizes: Sizes,
        hidden: Sequence[int],
        std: Literal["independent", "dependent"],
        fixed: bool = False,
    ) -> None:
        """Builds the network; `std` says whether the standard deviation depends on the observation."""
        self.fixed = fixed
        outputs = sizes.action if std == "independent" else 2 * sizes.action
        self.network = MLP(key, sizes.observation, hidden, outputs, ACTOR_FINAL_SCALE, norm=False)
        self.log_std_logit = jnp.zeros(sizes.action) if std == "independent" else None

    def __call__(self, observations: Float[Array, "*batch observation"]) -> Gaussian:
        """The action distribution at each observation."""
        output = self.network(observations)
        if self.log_std_logit is None:
            output, logit = jnp.split(output, 2, axis=-1)
        else:
            logit = match(self.log_std_logit, output)
        low, high = LOG_STD_RANGE
        logit = jax.lax.stop_gradient(logit) if self.fixed else logit
        return Gaussian(jnp.tanh(output), low + (high - low) * jax.nn.sigmoid(logit))


class TanhGaussianActor(eqx.Module):
    """The policy of soft actor-critic: a tanh-squashed Gaussian with state-dependent standard deviation."""

    network: MLP

    def __init__(self, key: PRNGKeyArray, sizes: Sizes, hidden: Sequence[int]) -> None:
        """Builds the network with its two heads."""
        self.network = MLP(key, sizes.observation, hidden, 2 * sizes.action, ACTOR_FINAL_SCALE, norm=False)

    def __call__(self, observations: Float[Array, "*batch observation"]) -> TanhGaussian:
        """The action distribution at each observation."""
        mean, log_std = jnp.split(self.network(observations), 2, axis=-1)
        return TanhGaussian(mean, jnp.clip(log_std, *TANH_LOG_STD_RANGE))


class CriticEnsemble(eqx.Module):
    """Independent Q-functions of observation and action.

    `upper_bound` is the highest return that the task can pay (0 for rewards of -1 and 0): outputs above it are read as
    the bound, while their gradient passes, so that a critic that starts above the bound still learns (a plain clamp,
    the authors' choice, has no gradient there).
    """

    members: tuple[MLP, ...]
    upper_bound: float | None = eqx.field(static=True)

    def __init__(
        self, key: PRNGKeyArray, sizes: Sizes, hidden: Sequence[int], count: int, norm: bool, upper_bound: float | None
    ) -> None:
        """Builds `count` networks from independent keys."""
        inputs = sizes.observation + sizes.action
        keys = jax.random.split(key, count)
        self.members = tuple(MLP(k, inputs, hidden, 1, CRITIC_FINAL_SCALE, norm) for k in keys)
        self.upper_bound = upper_bound

    def __call__(
        self, observations: Float[Array, "*batch observation"], actions: Float[Array, "*samples action"]
    ) -> Float[Array, "ensemble *samples"]:
        """Q-values; `actions` may have more leading axes than `observations` (several actions per observation)."""
        repeated = jnp.broadcast_to(observations, (*actions.shape[:-1], observations.shape[-1]))
        pairs = jnp.concatenate([repeated, actions], axis=-1)
        values = jnp.stack([jnp.squeeze(member(pairs), axis=-1) for member in self.members])
        return read_at_most(values, self.upper_bound)


def read_at_most(values: Float[Array, "*any"], bound: float | None) -> Float[Array, "*any"]:
    """Values above `bound` read as the bound, while their gradient passes."""
    return values if bound is None else values - jax.lax.stop_gradient(jax.nn.relu(values - bound))


def lower_q(
    critic: CriticEnsemble, observations: Float[Array, "*batch observation"], actions: Float[Array, "*samples action"]
) -> Float[Array, "*samples"]:
    """The least of the ensemble's values: clipped double Q-learning (Fujimoto et al. 2018)."""
    return jnp.min(critic(observations, actions), axis=0)


def polyak(target: Any, source: Any, rate: float | Float[Array, ""]) -> Any:
    """Moves each parameter of `target` by the fraction `rate` towards `source`."""  # tau
    return jax.tree.map(lambda old, new: old + rate * (new - old), target, source)


class Clock(NamedTuple):
    """When a loss is computed."""

    step: Int[Array, ""]  # updates applied so far
    online: Bool[Array, ""]  # whether the policy has begun to act


class Networks(eqx.Module):
    """Everything that a learner's losses read. A part that an algorithm does not have is None.

    `behavior`, `critic`, `actor` and `dual` learn, each by the loss of its name; `target_critic` and `target_actor`
    follow their sources slowly; `averaged_actor` does likewise and acts in the actor's place. A part may be any tree: a
    value function beside a critic, several multipliers.
    """

    actor: Any = None
    critic: Any = None
    behavior: Any = None
    dual: Any = None
    target_critic: Any = None
    target_actor: Any = None
    averaged_actor: Any = None
    clock: Clock | None = None  # there while losses and returns are computed

    @property
    def acting(self) -> Any:
        """The policy that acts: the average of the actor where one is kept, else the actor."""
        return self.actor if self.averaged_actor is None else self.averaged_actor
