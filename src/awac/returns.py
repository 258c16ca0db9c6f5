# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Returns of whole trajectories in time order, and the value function that learns from them.

The recursion R_t = b_t + c_t R_{t+1} is composed in pairs (an associative scan), so that a ring of a million
transitions takes twenty passes. A terminated transition has no future; what follows a truncated one is V of the
observation where it was cut, for the transition that stands next in the ring belongs to another episode.
"""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Scalar

from awac.batch import Batch
from awac.hyperparameters import Hyperparameters
from awac.networks import CRITIC_FINAL_SCALE, MLP, Networks, Sizes, read_at_most
from awac.objectives import td_loss

CHUNK = 4096  # observations at a time: the hidden layers of a whole ring would not fit
NEEDED = 256  # of those that are needed, at a time


class ValueFunction(eqx.Module):
    """V(s): one network, whose output is read in units of `scale`.

    Outputs above `upper_bound`, the highest return that the task can pay, are read as the bound while their gradient
    passes, as in `CriticEnsemble`.
    """

    network: MLP
    scale: float = eqx.field(static=True)
    upper_bound: float | None = eqx.field(static=True)

    def __init__(
        self, key: PRNGKeyArray, sizes: Sizes, hidden: Sequence[int], upper_bound: float | None, scale: float = 1.0
    ) -> None:
        """Builds the network; `scale` is the size of an ordinary return."""
        self.network = MLP(key, sizes.observation, hidden, 1, CRITIC_FINAL_SCALE, norm=False)
        self.scale, self.upper_bound = scale, upper_bound

    def __call__(self, observations: Float[Array, "*batch observation"]) -> Float[Array, "*batch"]:
        """The value of each observation."""
        values = self.scale * jnp.squeeze(self.network(observations), axis=-1)
        return read_at_most(values, self.upper_bound)


def return_scale(discount: float) -> float:
    """1 / (1 - gamma): the return of a reward of one at every step, by which the code of Peng et al. 2019 scales V."""
    return 1.0 / max(1.0 - discount, 1e-3)


def lambda_returns(
    rewards: Float[Array, " n"],
    terminated: Bool[Array, " n"],
    truncated: Bool[Array, " n"],
    next_values: Float[Array, " n"],
    discount: float,
    decay: float,
) -> Float[Array, " n"]:
    """R_t = r_t + gamma [(1 - lambda) V(s_{t+1}) + lambda R_{t+1}]: TD(lambda) backwards (Sutton and Barto, eq. 12.20).

    Transitions are in time order, `next_values` is V of each one's own next observation, `decay` is lambda. After a
    terminated transition the bracket is 0, after a truncated one V(s_{t+1}) alone.
    """
    share = jnp.where(truncated, 1.0, 1.0 - decay)  # of V in the bracket
    base = rewards + jnp.where(terminated, 0.0, discount * share * next_values)
    carried = jnp.where(terminated | truncated, 0.0, jnp.full_like(rewards, discount * decay))

    def compose(
        later: tuple[Float[Array, " m"], Float[Array, " m"]], earlier: tuple[Float[Array, " m"], Float[Array, " m"]]
    ) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
        return later[0] * earlier[0], earlier[1] + earlier[0] * later[1]

    return jax.lax.associative_scan(compose, (carried, base), reverse=True)[1]


def returns_to_go(
    rewards: Float[Array, " n"],
    terminated: Bool[Array, " n"],
    truncated: Bool[Array, " n"],
    next_values: Float[Array, " n"],
    discount: float,
) -> Float[Array, " n"]:
    """R_t = r_t + gamma R_{t+1}: what followed, discounted; V(s_{t+1}) stands for what lies behind a time-out."""
    return lambda_returns(rewards, terminated, truncated, next_values, discount, decay=1.0)


def in_chunks(
    value: Callable[[Float[Array, "m observation"]], Float[Array, " m"]], observations: Float[Array, "n observation"]
) -> Float[Array, " n"]:
    """`value` of every observation, some thousands at a time."""
    return jax.lax.map(lambda one: value(one[None])[0], observations, batch_size=min(CHUNK, observations.shape[0]))


def where_needed(
    value: Callable[[Float[Array, "m observation"]], Float[Array, " m"]],
    observations: Float[Array, "n observation"],
    needed: Bool[Array, " n"],
) -> Float[Array, " n"]:
    """`value` of the observations where it is needed, 0 elsewhere: in the time that these few take, not all."""
    counted = jnp.cumsum(needed, dtype=jnp.int32)

    def fill(carry: tuple[Int[Array, ""], Float[Array, " n"]]) -> tuple[Int[Array, ""], Float[Array, " n"]]:
        done, found = carry
        places = jnp.searchsorted(counted, done + 1 + jnp.arange(NEEDED))  # past the end where no more are needed
        return done + NEEDED, found.at[places].set(value(observations[places]), mode="drop")

    start = (jnp.int32(0), jnp.zeros_like(observations[:, 0]))
    return jax.lax.while_loop(lambda carry: carry[0] < counted[-1], fill, start)[1]


def value_loss(
    critic: ValueFunction, networks: Networks, batch: Batch, config: Hyperparameters, key: PRNGKeyArray
) -> tuple[Scalar, dict[str, Scalar]]:
    """Half the squared error of V in units of the return's scale (Peng et al. 2019, released code: `val_norm`)."""
    del networks, config, key
    values = critic(batch.observations)
    loss = 0.5 * td_loss(values[None] / critic.scale, batch.returns / critic.scale)
    return loss, {"value_mean": jnp.mean(values), "return_mean": jnp.mean(batch.returns)}
