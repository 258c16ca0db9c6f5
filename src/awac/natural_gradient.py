# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false, reportMissingTypeStubs=false
"""Natural policy gradients (Kakade 2001; Rajeswaran et al. 2018): steps of a given length in the space of policies.

Parameters are one flat vector; the Fisher matrix is never formed, only its products with vectors.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, Scalar

from awac.distributions import Gaussian
from awac.networks import GaussianActor, deviation_logit
from awac.returns import ValueFunction

RESIDUAL_FLOOR = 1e-10  # mjrl's cg_solve: below it there is nothing left to solve
PRODUCT_FLOOR = 1e-20  # mjrl's: a gradient of zero makes a step of zero

Vector = Float[Array, " parameter"]


def gaussian_divergence(first: Gaussian, second: Gaussian) -> Float[Array, "*batch"]:
    """KL(first || second) of diagonal normal distributions, summed over the action axis."""
    ratio = jnp.exp(2.0 * (first.log_std - second.log_std))
    distance = jnp.square((first.mean - second.mean) * jnp.exp(-second.log_std))
    return jnp.sum(second.log_std - first.log_std + 0.5 * (ratio + distance - 1.0), axis=-1)


def augmented_objective(
    log_probs: Float[Array, " n"],
    advantages: Float[Array, " n"],
    demonstration_log_probs: Float[Array, " m"],
    weights: Float[Array, " m"],
) -> Scalar:
    """Its gradient is DAPG's (Rajeswaran et al. 2018, section V-C): sum over roll-outs and demonstrations, over n.

    g = 1/n [sum A grad log pi(a | s) + sum w grad log pi(a* | s*)], without gradient through A and w.
    """
    own = jnp.sum(jax.lax.stop_gradient(advantages) * log_probs)
    demonstrated = jnp.sum(jax.lax.stop_gradient(weights) * demonstration_log_probs)
    return (own + demonstrated) / log_probs.shape[0]


def fisher_product(divergence: Callable[[Vector], Scalar], parameters: Vector, vector: Vector) -> Vector:
    """F v, where F is the Fisher matrix of the policy: the Hessian of KL(pi_old || pi) at the old parameters."""
    return jax.jvp(jax.grad(divergence), (parameters,), (vector,))[1]


def conjugate_gradient(product: Callable[[Vector], Vector], target: Vector, iterations: int) -> Vector:
    """Solves A x = `target` for a positive definite A by its products with vectors (Hestenes and Stiefel 1952)."""

    def iterate(_: Scalar, state: tuple[Vector, Vector, Vector]) -> tuple[Vector, Vector, Vector]:
        solution, residual, direction = state
        before = residual @ residual
        image = product(direction)
        open_still = before > RESIDUAL_FLOOR
        length = jnp.where(open_still, before / jnp.where(open_still, direction @ image, 1.0), 0.0)
        solution, residual = solution + length * direction, residual - length * image
        turn = jnp.where(open_still, residual @ residual / jnp.where(open_still, before, 1.0), 0.0)
        return solution, residual, residual + turn * direction

    return jax.lax.fori_loop(0, iterations, iterate, (jnp.zeros_like(target), target, target))[0]


def normalized_step(gradient: Vector, direction: Vector, size: float) -> Vector:
    """sqrt(delta / (g' F^-1 g)) F^-1 g, `direction` being F^-1 g: a step of KL delta / 2 (Rajeswaran et al. 2018)."""
    return jnp.sqrt(size / (jnp.abs(gradient @ direction) + PRODUCT_FLOOR)) * direction


def natural_step(
    objective: Callable[[Vector], Scalar],
    divergence: Callable[[Vector], Scalar],
    parameters: Vector,
    size: float,
    iterations: int,
    damping: float,
) -> Vector:
    """The parameters after one normalised step up the objective along its natural gradient (F + damping I)^-1 g.

    `divergence` is KL(pi_old || pi), zero at `parameters`; its Hessian there is F.
    """
    gradient = jax.grad(objective)(parameters)

    def damped(vector: Vector) -> Vector:
        return fisher_product(divergence, parameters, vector) + damping * vector

    direction = conjugate_gradient(damped, gradient, iterations)
    return parameters + normalized_step(gradient, direction, size)


def floor_deviation(actor: GaussianActor, log_std: float) -> GaussianActor:
    """The actor with every log standard deviation at least `log_std`, as mjrl keeps it; not where it is a head.

    A policy that has almost no spread has a Fisher matrix without end, and no step is small for it.
    """
    if actor.log_std_logit is None:
        return actor
    least = jnp.maximum(actor.log_std_logit, deviation_logit(log_std))
    return eqx.tree_at(lambda tree: tree.log_std_logit, actor, least)


def fit_baseline(
    value: ValueFunction,
    observations: Float[Array, "n observation"],
    returns: Float[Array, " n"],
    key: PRNGKeyArray,
    learning_rate: float,
    epochs: int,
    size: int,
) -> tuple[ValueFunction, Scalar]:
    """V after `epochs` passes of Adam over the returns in batches of `size`, and its mean squared error before them.

    Adam begins anew each time: the returns of the next policy are another problem.
    """
    adam = optax.adam(learning_rate)

    def error(value: ValueFunction, places: Int[Array, " m"]) -> Scalar:
        return jnp.mean(jnp.square(value(observations[places]) - returns[places]))

    def step(state: Any, key: PRNGKeyArray) -> tuple[Any, None]:
        places = jax.random.randint(key, (size,), 0, observations.shape[0])
        change, memory = adam.update(eqx.filter_grad(error)(state[0], places), state[1])
        return (eqx.apply_updates(state[0], change), memory), None

    steps = max(1, epochs * observations.shape[0] // size)
    start = (value, adam.init(eqx.filter(value, eqx.is_inexact_array)))
    (fitted, _), _ = jax.lax.scan(step, start, jax.random.split(key, steps))
    return fitted, error(value, jnp.arange(observations.shape[0]))
