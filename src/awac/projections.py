# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Projections of an improved policy on the policy class by weighted likelihood: what sets the weights, and their duals.

Samples have a leading axis: `(samples, batch)`. No weight carries a gradient.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar

from awac.distributions import Gaussian
from awac.networks import GaussianActor, deviation_logit
from awac.objectives import log_partition

STD_FLOOR = 1e-5  # of advantages that are all alike (reference: `ADV_EPS` of Peng et al.'s code)


def start_deviation(actor: GaussianActor, std: float) -> GaussianActor:
    """The actor with `std` as its standard deviation before the first update, in place of e^-3."""
    logit = deviation_logit(jnp.log(std))
    if actor.log_std_logit is not None:
        return eqx.tree_at(lambda tree: tree.log_std_logit, actor, jnp.full_like(actor.log_std_logit, logit))
    bias = actor.network.layers[-1].bias
    raised = bias.at[bias.shape[0] // 2 :].set(logit)
    return eqx.tree_at(lambda tree: tree.network.layers[-1].bias, actor, raised)


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


def sample_weights(q: Float[Array, "samples batch"], temperature: Scalar) -> Float[Array, "samples batch"]:
    """softmax(Q / eta) over the samples of each state: MPO's E-step (Abdolmaleki et al. 2018, section 4.1)."""
    return jax.lax.stop_gradient(jax.nn.softmax(q / temperature, axis=0))


def temperature_dual_loss(temperature: Scalar, q: Float[Array, "samples batch"], bound: float) -> Scalar:
    """g(eta) = eta (epsilon + E_s[log E_a[exp(Q / eta)]]), least where the E-step moves epsilon (MPO, equation 8)."""
    return temperature * (bound + jnp.mean(log_partition(jax.lax.stop_gradient(q) / temperature)))


def decoupled_likelihood_loss(
    old: Gaussian, new: Gaussian, actions: Float[Array, "samples batch action"], weights: Float[Array, "samples batch"]
) -> Scalar:
    """-E_s[sum_a w (log N(a; new mean, old std) + log N(a; old mean, new std))]: MPO's M-step, mean and std apart."""
    parts = Gaussian(new.mean, old.log_std), Gaussian(old.mean, new.log_std)
    log_prob = jax.vmap(parts[0].log_prob)(actions) + jax.vmap(parts[1].log_prob)(actions)
    return -jnp.mean(jnp.sum(weights * log_prob, axis=0))


def mean_divergence(old: Gaussian, new: Gaussian) -> Float[Array, "*batch action"]:
    """KL(N(old mean, old std) || N(new mean, old std)) of each action dimension: MPO's bound on the mean."""
    return 0.5 * jnp.square((new.mean - old.mean) * jnp.exp(-old.log_std))


def scale_divergence(old: Gaussian, new: Gaussian) -> Float[Array, "*batch action"]:
    """KL(N(old mean, old std) || N(old mean, new std)) of each action dimension: MPO's bound on the deviation."""
    growth = new.log_std - old.log_std
    return growth + 0.5 * jnp.exp(-2.0 * growth) - 0.5


def multiplier_loss(
    multipliers: Float[Array, " action"], divergences: Float[Array, "batch action"], bound: float
) -> Scalar:
    """sum_d alpha_d (epsilon - E_s[KL_d]): raises the multiplier of a dimension that has moved too far."""
    slack = bound - jnp.mean(jax.lax.stop_gradient(divergences), axis=0)
    return jnp.sum(multipliers * slack)


def divergence_penalty(multipliers: Float[Array, " action"], divergences: Float[Array, "batch action"]) -> Scalar:
    """sum_d alpha_d E_s[KL_d], without gradient in the multipliers: the other player's side of `multiplier_loss`."""
    return jnp.sum(jax.lax.stop_gradient(multipliers) * jnp.mean(divergences, axis=0))
