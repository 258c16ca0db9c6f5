# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""How far a policy is from the data's: by samples of both, or by densities at samples; and the price of being too far.

Samples are `(samples, batch, action)`. Nothing here knows a network.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar

MMD_OFFSET = 1e-6  # the square root has no slope at zero (BEAR's code)
LOG_MULTIPLIER_RANGE = (-5.0, 10.0)  # BEAR's code


def mean_kernel(
    first: Float[Array, "n batch action"],
    second: Float[Array, "m batch action"],
    kernel: Literal["laplacian", "gaussian"],
    width: float,
) -> Float[Array, " batch"]:
    """Mean over all pairs of k(x, y): exp(-|x - y|_1 / (2 width)), or exp(-|x - y|^2 / (2 width)) (BEAR, section 5)."""
    difference = first[:, None] - second[None]
    distance = jnp.abs(difference) if kernel == "laplacian" else jnp.square(difference)
    return jnp.mean(jnp.exp(-jnp.sum(distance, axis=-1) / (2.0 * width)), axis=(0, 1))


def maximum_mean_discrepancy(
    first: Float[Array, "n batch action"],
    second: Float[Array, "m batch action"],
    kernel: Literal["laplacian", "gaussian"],
    width: float,
) -> Float[Array, " batch"]:
    """MMD of two sets of samples at each observation (Kumar et al. 2019, equation 4): a root, as in their code.

    MMD^2 = E k(x, x') - 2 E k(x, y) + E k(y, y'), over all pairs, a sample with itself included, so that it is at
    least zero; rounding may still take it below.
    """
    within = mean_kernel(first, first, kernel, width) + mean_kernel(second, second, kernel, width)
    squared = within - 2.0 * mean_kernel(first, second, kernel, width)
    return jnp.sqrt(jnp.maximum(squared, 0.0) + MMD_OFFSET)


def sampled_divergence(
    log_probs: Float[Array, "samples batch"], behavior_log_probs: Float[Array, "samples batch"]
) -> Float[Array, " batch"]:
    """KL(pi || pi_b) at each observation by samples of pi (Wu et al. 2019, section 4): mean of log pi - log pi_b."""
    return jnp.mean(log_probs - behavior_log_probs, axis=0)


def multiplier(log_multiplier: Float[Array, ""]) -> Scalar:
    """The multiplier of a constraint, kept between e^-5 and e^10; no loss but its own moves it."""
    return jax.lax.stop_gradient(jnp.exp(jnp.clip(log_multiplier, *LOG_MULTIPLIER_RANGE)))


def dual_ascent_loss(log_multiplier: Float[Array, ""], violation: Scalar) -> Scalar:
    """-multiplier * (divergence - threshold): raises the multiplier while the constraint is violated, else lowers it.

    Dual gradient ascent of Kumar et al. 2019, section 4.3. At an end of the range the gradient that leads out of it is
    zero and the one that leads back is not, so that a multiplier that rested there does not come back late.
    """
    low, high = LOG_MULTIPLIER_RANGE
    violation = jax.lax.stop_gradient(violation)
    outward = ((log_multiplier <= low) & (violation < 0.0)) | ((log_multiplier >= high) & (violation > 0.0))
    return -jnp.exp(log_multiplier) * jnp.where(outward, 0.0, violation)
