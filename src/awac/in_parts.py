# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Losses over many rows, whose gradient is taken for a part of them at a time."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Scalar

from awac.networks import CriticEnsemble

LARGEST_PARTS = 16  # of a batch of 256: some five hundred rows each, with thirty actions per state


def mean_in_parts(
    loss: Callable[[CriticEnsemble, tuple[Array, ...]], Scalar], critic: CriticEnsemble, rows: tuple[Array, ...]
) -> Scalar:
    """loss(critic, rows) of a loss that is a mean over rows, with the gradient of one part of them after another.

    Thousands of rows at once would leave the processor's cache between the forward and the backward pass. Only
    the critic can be differentiated.
    """
    parts = math.gcd(len(rows[0]), LARGEST_PARTS)
    split = tuple(column.reshape(parts, -1, *column.shape[1:]) for column in rows)

    @eqx.filter_custom_vjp
    def mean(critic: CriticEnsemble, split: tuple[Array, ...]) -> Scalar:
        return jnp.mean(jax.lax.map(lambda part: loss(critic, part), split))

    def forward(_: Any, critic: CriticEnsemble, split: tuple[Array, ...]) -> tuple[Scalar, CriticEnsemble]:
        def add(total: Any, part: tuple[Array, ...]) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, total, eqx.filter_value_and_grad(loss)(critic, part)), None

        empty = jax.tree.map(jnp.zeros_like, eqx.filter(critic, eqx.is_inexact_array))
        nothing = jnp.zeros((), jnp.result_type(*jax.tree.leaves(empty), *split)), empty
        total, _ = jax.lax.scan(add, nothing, split)
        return jax.tree.map(lambda leaf: leaf / parts, total)

    def backward(gradient: CriticEnsemble, cotangent: Scalar, *_: Any) -> CriticEnsemble:
        return jax.tree.map(lambda leaf: cotangent * leaf, gradient)

    mean.def_fwd(forward)
    mean.def_bwd(backward)
    return mean(critic, split)
