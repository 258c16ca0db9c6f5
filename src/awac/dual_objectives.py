# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""The equations of AlgaeDICE (Nachum et al. 2019b): a policy's return less the divergence of its visits from the data.

By the Fenchel conjugate of that divergence, the penalty needs samples of the data and of first observations alone.
Residuals are B nu - nu, one row for each critic.
"""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar

RESIDUAL_CEILING = 1e6  # the authors' clip


def conjugate_power(residuals: Float[Array, "*batch"], exponent: float) -> Float[Array, "*batch"]:
    """f(x) = |x|^p / p: what a Bellman residual costs the critic (Nachum et al. 2019b)."""
    return jnp.power(jnp.abs(residuals), exponent) / exponent


def visitation_ratio(residuals: Float[Array, "*batch"], exponent: float) -> Float[Array, "*batch"]:
    """f'(x) = max(x, 0)^(p - 1), without gradient: how much more the policy visits a transition than the data do.

    At the critic's optimum the residual is alpha times that ratio for p = 2; a ratio is not negative, hence the clip.
    """
    return jnp.power(jax.lax.stop_gradient(jnp.clip(residuals, 0.0, RESIDUAL_CEILING)), exponent - 1.0)


def critic_objective(
    residuals: Float[Array, "ensemble batch"],
    first_values: Float[Array, "ensemble batch"],
    discount: float,
    regularization: float,
    exponent: float,
) -> Scalar:
    """E_D[f(B nu - nu)] + (1 - gamma) alpha E_{s0, a ~ pi}[nu], for each critic, then their sum (Nachum et al. 2019b).

    The gradient goes through both sides of the residual: this is no regression to a fixed target.
    """
    start = (1.0 - discount) * regularization * jnp.mean(first_values, axis=1)
    return jnp.sum(jnp.mean(conjugate_power(residuals, exponent), axis=1) + start)


def policy_objective(
    residuals: Float[Array, "ensemble batch"],
    first_values: Float[Array, "ensemble batch"],
    discount: float,
    regularization: float,
    exponent: float,
) -> Scalar:
    """The same, to be maximised by the policy, averaged over the critics: f'(x) x has the gradient of f(x).

    f' is held fixed and not below zero, as the authors have it.
    """
    start = (1.0 - discount) * regularization * jnp.mean(first_values)
    return jnp.mean(visitation_ratio(residuals, exponent) * residuals) + start


def orthogonality_penalty(weights: Iterable[Float[Array, "inputs outputs"]]) -> Scalar:
    """Sum over the layers of |W'W * (1 - I)|^2 (Brock et al. 2019, equation 3): keeps units apart, not small."""
    products = [weight.T @ weight for weight in weights]
    return sum((jnp.sum(jnp.square(p * (1.0 - jnp.eye(p.shape[0])))) for p in products), start=jnp.zeros(()))
