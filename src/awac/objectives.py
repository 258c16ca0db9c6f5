# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""The equations, one function each. Numbers are those of Nair et al. 2020 unless another paper is named.

Vectors over the batch are `(batch,)`; ensembles have a leading axis. Nothing here knows a network.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Scalar

TEMPERATURE_CEILING = 1e6  # at this temperature every weight is one, whatever the advantages of a task
BISECTIONS = 40  # halves the bracket of log-temperatures until float32 has no digits left


def td_target(
    rewards: Float[Array, " batch"],
    terminated: Bool[Array, " batch"],
    steps: Int[Array, " batch"],
    next_values: Float[Array, " batch"],
    discount: float,
    upper_bound: float | None = None,
) -> Float[Array, " batch"]:
    """Equation 5: y = r + gamma^n (1 - terminated) Q(s', a'), at most `upper_bound` (appendix B clamps Q at zero)."""
    bootstrap = jnp.where(terminated, 0.0, discount ** steps.astype(jnp.float32))
    target = rewards + bootstrap * next_values
    return target if upper_bound is None else jnp.minimum(target, upper_bound)


def td_loss(values: Float[Array, "ensemble batch"], targets: Float[Array, " batch"]) -> Scalar:
    """Equation 4: the mean squared error of each member, summed over the members. Targets get no gradient."""
    errors = values - jnp.broadcast_to(jax.lax.stop_gradient(targets), values.shape)
    return jnp.sum(jnp.mean(jnp.square(errors), axis=1))


def clip_advantage(advantages: Float[Array, "*batch"], clip: float | None) -> Float[Array, "*batch"]:
    """min(A, clip): the released code's `clip_score`, which the paper does not mention; one-sided."""
    return advantages if clip is None else jnp.minimum(advantages, clip)


def advantage_weight(
    scores: Float[Array, " batch"], weighting: Literal["exp", "softmax"], cap: float
) -> Float[Array, " batch"]:
    """The weight of Equation 13 for scores A / lambda, without gradient.

    `exp`: exp(score), at most `cap`, as the paper writes it. `softmax`: exp(score) over its mean in the batch, as the
    released code has it (softmax over the batch times the batch size): biased, but its mean is one by construction.
    """
    scores = jax.lax.stop_gradient(scores)
    if weighting == "softmax":
        return jax.nn.softmax(scores) * scores.shape[0]
    return jnp.exp(jnp.minimum(scores, jnp.log(cap)))


def log_partition(sample_scores: Float[Array, "samples batch"]) -> Float[Array, " batch"]:
    """Equation 26: log Z(s) = log E_{a ~ pi}[exp(A(s, a) / lambda)], estimated per state by K policy samples."""
    return jax.nn.logsumexp(sample_scores, axis=0) - jnp.log(sample_scores.shape[0])


def weighted_likelihood_loss(log_probs: Float[Array, " batch"], weights: Float[Array, " batch"]) -> Scalar:
    """Equation 13 as a loss: minus the mean of the weighted log-likelihoods."""
    return -jnp.mean(weights * log_probs)


def effective_sample_size(weights: Float[Array, " batch"]) -> Scalar:
    """(sum w)^2 / (B sum w^2): the share of the batch that the actor really learns from; 0 where all weights are 0."""
    # relative to the largest, for the squares of small weights, and all weights of a hopeless batch, round to zero
    shares = weights / jnp.maximum(jnp.max(weights), jnp.finfo(weights.dtype).tiny)
    return jnp.square(jnp.sum(shares)) / (weights.shape[0] * jnp.maximum(jnp.sum(jnp.square(shares)), 1.0))


def weight_divergence(scores: Float[Array, " batch"]) -> Scalar:
    """KL(w || uniform) of the weights w = softmax(scores), in nats: a batch's estimate of Equation 9's left side."""
    log_weights = jax.nn.log_softmax(scores)
    return jnp.sum(jnp.exp(log_weights) * (log_weights + jnp.log(scores.shape[0])))


def bounded_temperature(advantages: Float[Array, " batch"], bound: float, floor: float) -> Scalar:
    """The least temperature >= `floor` at which KL(w || uniform) <= `bound` (nats): Equation 9's constraint, sampled.

    It is where the dual g(lambda) = lambda * bound + lambda * log mean exp(A / lambda) of Equations 8 and 9 has its
    minimum; the divergence falls as the temperature rises, so that bisection finds it. Needs no behaviour model: the
    batch stands for it. Differs from Equation 10 in that one multiplier bounds the divergence over the whole batch, of
    states and actions together, not at each state.
    """
    advantages = jax.lax.stop_gradient(advantages)

    def halve(_: Scalar, bracket: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        low, high = bracket
        middle = 0.5 * (low + high)
        feasible = weight_divergence(advantages / jnp.exp(middle)) <= bound
        return jnp.where(feasible, low, middle), jnp.where(feasible, middle, high)

    start = (jnp.log(jnp.float32(floor)), jnp.log(jnp.float32(TEMPERATURE_CEILING)))
    _, high = jax.lax.fori_loop(0, BISECTIONS, halve, start)
    feasible_at_floor = weight_divergence(advantages / floor) <= bound
    return jnp.where(feasible_at_floor, floor, jnp.exp(high))


def soft_value(
    q: Float[Array, " batch"], log_probs: Float[Array, " batch"], temperature: Scalar
) -> Float[Array, " batch"]:
    """V(s) = Q(s, a) - alpha log pi(a | s) for one sample (Haarnoja et al. 2018, equation 3)."""
    return q - temperature * log_probs


def entropy_dual_loss(log_temperature: Scalar, log_probs: Float[Array, " batch"], target_entropy: float) -> Scalar:
    """-alpha E[log pi + H] (Haarnoja et al. 2018, equation 18): raises alpha while the entropy is below its target."""
    return -jnp.exp(log_temperature) * jnp.mean(jax.lax.stop_gradient(log_probs) + target_entropy)


def likelihood_loss(log_probs: Float[Array, " batch"]) -> Scalar:
    """Behaviour cloning by maximum likelihood: minus the mean log-likelihood of the data's actions."""
    return -jnp.mean(log_probs)


def squared_error_loss(actions: Float[Array, "batch action"], targets: Float[Array, "batch action"]) -> Scalar:
    """Behaviour cloning by mean squared error: summed over the action, averaged over the batch."""
    return jnp.mean(jnp.sum(jnp.square(actions - targets), axis=-1))
