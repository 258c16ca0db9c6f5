# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""The two action distributions: an unsquashed Gaussian with a tanh mean, and a tanh-squashed Gaussian.

Shapes: `mean` and `log_std` are `(*batch, action)`; log-probabilities are `(*batch,)`, summed over the action axis.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

LOG_TWO_PI = 1.8378770664093453  # log(2 pi)
BOUNDARY = 1e-6  # a tanh-squashed action is read as at most 1 - BOUNDARY: the density at exactly 1 is not defined


def normal_log_prob(
    values: Float[Array, "*batch action"], mean: Float[Array, "*batch action"], log_std: Float[Array, "*batch action"]
) -> Float[Array, "*batch"]:
    """Log-density of a diagonal normal distribution, summed over the action axis."""
    standardized = (values - mean) * jnp.exp(-log_std)
    return -0.5 * jnp.sum(jnp.square(standardized) + 2.0 * log_std + LOG_TWO_PI, axis=-1)


class Gaussian(eqx.Module):
    """Diagonal normal distribution, not squashed: its samples may leave [-1, 1] and the environment clips them.

    The policy of the paper and of its authors' code (reference: rlkit's `GaussianPolicy`); the mean comes from a tanh.
    """

    mean: Float[Array, "*batch action"]
    log_std: Float[Array, "*batch action"]

    def mode(self) -> Float[Array, "*batch action"]:
        """The mean action."""
        return self.mean

    def sample(self, key: PRNGKeyArray, count: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Samples of shape `(*count, *batch, action)`."""
        shape = (*count, *self.mean.shape)
        noise = jax.random.normal(key, shape)
        return jnp.broadcast_to(self.mean, shape) + jnp.broadcast_to(jnp.exp(self.log_std), shape) * noise

    def log_prob(self, actions: Float[Array, "*batch action"]) -> Float[Array, "*batch"]:
        """Log-density of `actions`."""
        return normal_log_prob(actions, self.mean, self.log_std)


class TanhGaussian(eqx.Module):
    """tanh of a diagonal normal distribution (Haarnoja et al. 2018, appendix C). `mean` is the one before the tanh."""

    mean: Float[Array, "*batch action"]
    log_std: Float[Array, "*batch action"]

    def mode(self) -> Float[Array, "*batch action"]:
        """The tanh of the mean: the action that evaluation takes."""
        return jnp.tanh(self.mean)

    def sample(self, key: PRNGKeyArray, count: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Samples of shape `(*count, *batch, action)`, inside (-1, 1)."""
        return jnp.tanh(Gaussian(self.mean, self.log_std).sample(key, count))

    def before(self) -> Gaussian:
        """The normal distribution whose tanh this is."""
        return Gaussian(self.mean, self.log_std)

    def sample_and_log_prob(self, key: PRNGKeyArray) -> tuple[Float[Array, "*batch action"], Float[Array, "*batch"]]:
        """One sample per element and its log-density, without the loss of digits of an arctanh."""
        before = Gaussian(self.mean, self.log_std).sample(key)
        return jnp.tanh(before), self._log_prob_before(before)

    def log_prob(self, actions: Float[Array, "*batch action"]) -> Float[Array, "*batch"]:
        """Log-density of `actions`; finite on the boundary, where actions are read as +-(1 - 1e-6)."""
        inside = jnp.clip(actions, -1.0 + BOUNDARY, 1.0 - BOUNDARY)
        return self._log_prob_before(jnp.arctanh(inside))

    def _log_prob_before(self, before: Float[Array, "*batch action"]) -> Float[Array, "*batch"]:
        # log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2u)), exact where 1 - tanh(u)^2 rounds to 0
        log_slope = 2.0 * (jnp.log(2.0) - before - jax.nn.softplus(-2.0 * before))
        return normal_log_prob(before, self.mean, self.log_std) - jnp.sum(log_slope, axis=-1)
