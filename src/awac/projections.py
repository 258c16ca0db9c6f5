# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Projections of an improved policy on the policy class by weighted likelihood: what sets the weights, and their duals.

Samples have a leading axis: `(samples, batch)`. No weight carries a gradient.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar

STD_FLOOR = 1e-5  # of advantages that are all alike (reference: `ADV_EPS` of Peng et al.'s code)


def advantage_std(advantages: Float[Array, " batch"]) -> Scalar:
    """The standard deviation by which `normalize_advantage` divides."""
    return jnp.std(advantages) + STD_FLOOR


def normalize_advantage(advantages: Float[Array, " batch"]) -> Float[Array, " batch"]:
    """(A - mean) / std over the batch: the temperature is then in units of the spread (code of Peng et al. 2019)."""
    return (advantages - jnp.mean(advantages)) / advantage_std(advantages)


def running_norm_loss(log_square: Scalar, advantages: Float[Array, " batch"]) -> Scalar:
    """E[A^2] / c^2 + log c^2, least where c^2 = E[A^2]: the norm of MARWIL as a maximum-likelihood variance, learned.

    Its gradient 1 - E[A^2] / c^2 has no unit, so that one step size serves tasks of any reward. Wang et al. 2018 keep
    c^2 as a moving average of squared advantages; this one moves by the steps of an optimiser in log c^2.
    """
    return log_square + jnp.mean(jax.lax.stop_gradient(jnp.square(advantages))) * jnp.exp(-log_square)
