# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Goals in hindsight (Andrychowicz et al. 2017): transitions are drawn with another goal than they were made for.

    future      achieved by the same step or a later one of the episode, uniformly, as rlkit draws it
    final       achieved by the episode's last step, or by the newest while the episode goes on
    resampled   drawn anew as the environment draws its goals

Rewards, and terminations where goals terminate, are those of the new goal. Everything else is as it was: the same
transitions are drawn for the same key, and the ring keeps what happened.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from awac.batch import Batch
from awac.data.buffer import Buffer, Mix, check_shares, draw_places, spans, summed
from awac.envs.goal import GoalLayout
from awac.errors import ConfigError
from awac.scaling import Scaling

KINDS = ("future", "final", "resampled")
OWN = len(KINDS)  # the kind of transitions that keep their goal
GOALS = 0x60A1  # folded into the key that draws the places; small numbers give the keys of its parts, as `split` does


class Relabelling(NamedTuple):
    """Which goals replace the transitions' own; hashable, for it is compiled in."""

    shares: tuple[tuple[str, float], ...]  # kind, share of the batch; the rest keeps its goals
    layout: GoalLayout
    achieved_units: tuple[tuple[float, ...], tuple[float, ...]]  # mean and std of those columns in the network's units
    desired_units: tuple[tuple[float, ...], tuple[float, ...]]


def relabelling_of(shares: Mapping[str, float], layout: GoalLayout | None, scaling: Scaling) -> Relabelling:
    """Checks and freezes the shares of a batch by kind, such as `{"future": 0.3, "resampled": 0.5}`.

    Raises:
        ConfigError: a kind or share that cannot be, goals that are not known, or columns that the observation does not
            have.
    """
    if layout is None:
        raise ConfigError(
            "relabel: the goals of the environment are not known; its class needs a static method "
            "goal_layout(**options) that returns an awac.envs.GoalLayout"
        )
    check_shares("relabel", shares, KINDS, "kind of goal")
    if max(layout.achieved + layout.desired) >= scaling.observation_size:
        columns = f"{layout.achieved} and {layout.desired}"
        raise ConfigError(f"relabel: goal columns {columns}; the observation has {scaling.observation_size}")
    mean, std = scaling.observation_mean.tolist(), scaling.observation_std.tolist()
    achieved, desired = (
        (tuple(mean[column] for column in columns), tuple(std[column] for column in columns))
        for columns in (layout.achieved, layout.desired)
    )
    return Relabelling(tuple((name, float(share)) for name, share in shares.items()), layout, achieved, desired)


def sample_relabelled(
    buffer: Buffer,
    left: Int[Array, " capacity"],
    relabelling: Relabelling,
    key: PRNGKeyArray,
    size: int,
    mix: Mix = (),
    return_steps: int = 1,
    discount: float = 1.0,
) -> Batch:
    """A batch as `awac.data.buffer.sample` draws it, part of it with other goals; `left` comes from `steps_left`.

    With `return_steps` > 1 all rewards of a span are those of its new goal.
    """
    drawn = draw_places(buffer, key, size, mix)
    kinds = jnp.asarray(kinds_of(relabelling.shares, size))
    goals = draw_goals(buffer, left, relabelling, jax.random.fold_in(key, GOALS), drawn, kinds)
    places = spans(buffer, drawn, return_steps)
    changed = kinds != OWN
    rewards, terminated = _judged(buffer, relabelling, places, goals, changed)
    batch = summed(buffer, places, rewards, terminated, discount)
    scaled = (goals - _row(relabelling.desired_units[0])) / _row(relabelling.desired_units[1])
    columns = jnp.asarray(relabelling.layout.desired)

    def with_goals(observations: Float[Array, "size observation"]) -> Float[Array, "size observation"]:
        kept = observations[:, columns]
        return observations.at[:, columns].set(jnp.where(changed[:, None], scaled, kept))

    return batch._replace(
        observations=with_goals(batch.observations), next_observations=with_goals(batch.next_observations)
    )


def kinds_of(shares: tuple[tuple[str, float], ...], size: int) -> np.ndarray:
    """The kind of goal of each row of a batch, int (size,): an index of `KINDS`, or `OWN`.

    Each share to within one row. Rows are independent draws, so a fixed order does; but rows that stand together may
    be of one provenance, so the kinds are spread evenly, by multiples of the golden ratio.
    """
    bounds = np.rint(size * np.cumsum([share for _, share in shares])).astype(int)
    codes = np.array([*(KINDS.index(name) for name, _ in shares), OWN])
    ranks = np.argsort(np.argsort(np.arange(size) * (np.sqrt(5.0) - 1.0) / 2.0 % 1.0))
    return codes[np.searchsorted(bounds, ranks, side="right")]


def draw_goals(
    buffer: Buffer,
    left: Int[Array, " capacity"],
    relabelling: Relabelling,
    key: PRNGKeyArray,
    places: Int[Array, " size"],
    kinds: Int[Array, " size"],
) -> Float[Array, "size goal"]:
    """A goal for each place by its kind, in the environment's units; rows of the kind `OWN` hold no meaning."""
    layout, size = relabelling.layout, places.shape[0]
    future_key, box_key = jax.random.split(key)
    rest = left[places]
    ahead = jnp.where(kinds == KINDS.index("final"), rest, jax.random.randint(future_key, (size,), 0, rest + 1))
    later = _achieved(buffer, relabelling, ((places + ahead) % left.shape[0])[:, None])[:, 0]
    box = jax.random.uniform(box_key, (size, len(layout.low)))
    drawn = _row(layout.low) + (_row(layout.high) - _row(layout.low)) * box
    return jnp.where((kinds == KINDS.index("resampled"))[:, None], drawn, later)


def _judged(
    buffer: Buffer,
    relabelling: Relabelling,
    places: Int[Array, "size steps"],
    goals: Float[Array, "size goal"],
    changed: Bool[Array, " size"],
) -> tuple[Float[Array, "size steps"], Bool[Array, "size steps"]]:
    # rewards and terminations of the steps at these places: by the new goal where it changed
    layout, data = relabelling.layout, buffer.data
    rewards, terminated = data.rewards[places], data.terminated[places]
    distance = jnp.linalg.norm(_achieved(buffer, relabelling, places) - goals[:, None], axis=-1)
    paid = -distance
    if layout.reward == "binary":
        paid = jnp.where(distance <= layout.radius, 0.0, -1.0)
    rewards = jnp.where(changed[:, None], paid, rewards)
    if layout.ends_at_goal:
        terminated = jnp.where(changed[:, None], distance <= layout.radius, terminated)
    return rewards, terminated


def _achieved(
    buffer: Buffer, relabelling: Relabelling, places: Int[Array, "size steps"]
) -> Float[Array, "size steps goal"]:
    # what the steps at these places achieved, in the environment's units
    columns = jnp.asarray(relabelling.layout.achieved)
    found = buffer.data.next_observations[places[..., None], columns[None, None]]
    mean, std = (_row(values)[None] for values in relabelling.achieved_units)
    return found * std + mean


def _row(values: tuple[float, ...]) -> Float[Array, "1 goal"]:
    return jnp.asarray(values, jnp.float32)[None]
