# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Values that do not trust what the data has not shown: expectiles, conservative values, ensembles.

Vectors over the batch are `(batch,)`, ensembles have a leading axis, and samples stand between the two.
"""

from operator import itemgetter

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.batch import Batch
from awac.distributions import TanhGaussian
from awac.hyperparameters import Hyperparameters
from awac.in_parts import mean_in_parts
from awac.networks import CriticEnsemble, Networks, TanhGaussianActor, lower_q
from awac.returns import returns_to_go, where_needed

SMALLEST_SCALE = 1e-8  # where all values are zero


def expectile_loss(errors: Float[Array, " batch"], expectile: float) -> Scalar:
    """E[|tau - 1(u < 0)| u^2] of errors u = Q - V (Kostrikov et al. 2022, equations 4 and 5).

    Its minimiser V is the tau-expectile of Q over the data's actions: their mean at 0.5, towards their best at 1.
    """
    weights = jnp.where(errors < 0, 1.0 - expectile, expectile)
    return jnp.mean(weights * jnp.square(errors))


def uniform_proposals(
    key: PRNGKeyArray, count: int, batch: int, size: int
) -> tuple[Float[Array, "samples batch action"], Float[Array, "samples batch"]]:
    """Actions drawn evenly from [-1, 1]^d, and their log-density, -d log 2 (Kumar et al. 2020, appendix F)."""
    actions = jax.random.uniform(key, (count, batch, size), minval=-1.0, maxval=1.0)
    return actions, jnp.full((count, batch), -size * jnp.log(2.0))


def policy_proposals(
    distribution: TanhGaussian, key: PRNGKeyArray, count: int
) -> tuple[Float[Array, "samples batch action"], Float[Array, "samples batch"]]:
    """Actions of a policy, and their log-density."""
    repeated = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), distribution)
    return repeated.sample_and_log_prob(key)


def proposals(
    actor: TanhGaussianActor,
    observations: Float[Array, "batch observation"],
    next_observations: Float[Array, "batch observation"],
    key: PRNGKeyArray,
    count: int,
) -> tuple[Float[Array, "samples batch action"], Float[Array, "samples batch"]]:
    """Actions at which Q is pressed down, and their log-density: `count` each, in this order, of three sources.

    Even ones, those of the policy at the observation, and those of the policy at the next one (released code of CQL).
    """
    even_key, now_key, next_key = jax.random.split(key, 3)
    now = policy_proposals(actor(observations), now_key, count)
    after = policy_proposals(actor(next_observations), next_key, count)
    even = uniform_proposals(even_key, *now[0].shape)
    return jnp.concatenate([even[0], now[0], after[0]]), jnp.concatenate([even[1], now[1], after[1]])


def soft_maximum(
    values: Float[Array, "ensemble samples batch"], log_densities: Float[Array, "samples batch"], temperature: float
) -> Float[Array, "ensemble batch"]:
    """T log int exp(Q(s, a) / T) da, estimated by T log mean exp(Q / T - log p) over a_i ~ p (Kumar et al. 2020).

    Appendix F, with `log_densities` log p of the proposals. The released code leaves out the mean's 1 / N, a constant.
    """
    scores = values / temperature - jnp.broadcast_to(log_densities, values.shape)
    return temperature * (jax.nn.logsumexp(scores, axis=1) - jnp.log(scores.shape[1]))


def conservative_gap(
    soft_maxima: Float[Array, "ensemble batch"], values: Float[Array, "ensemble batch"]
) -> Float[Array, " ensemble"]:
    """E_s[log sum_a exp Q(s, a)] - E_{s, a ~ data}[Q(s, a)] of each member (Kumar et al. 2020, equation 4, CQL(H)).

    As a penalty it presses Q down where Q is high and lifts it at the data's actions.
    """
    return jnp.mean(soft_maxima - values, axis=1)


def calibrate(
    values: Float[Array, "ensemble samples batch"], returns: Float[Array, " batch"]
) -> Float[Array, "ensemble samples batch"]:
    """max(Q(s, a), V^mu(s)): Q of the policy's actions, not below the data's return (Nakamoto et al. 2023, eq. 5.1).

    Where the return is the larger, nothing presses Q down any more: conservative values stay above what the data's
    policy has earned, so that the policy need not unlearn once its own returns are seen.
    """
    return jnp.maximum(values, jnp.broadcast_to(jax.lax.stop_gradient(returns), values.shape))


def sampled_gap(
    critic: CriticEnsemble,
    actor: TanhGaussianActor,
    batch: Batch,
    key: PRNGKeyArray,
    count: int,
    temperature: float,
    returns: Float[Array, " batch"] | None = None,
) -> Scalar:
    """The conservative gaps of the members, added up, with `count` actions of each source; calibrated by `returns`."""
    actions, log_densities = proposals(actor, batch.observations, batch.next_observations, key, count)

    def gap(critic: CriticEnsemble, rows: tuple[Array, ...]) -> Scalar:
        observations, data_actions, actions, log_densities, *earned = rows
        values = critic(observations, jnp.moveaxis(actions, 1, 0))
        if earned:
            even, own = jnp.split(values, [count], axis=1)
            values = jnp.concatenate([even, calibrate(own, earned[0])], axis=1)
        soft_maxima = soft_maximum(values, log_densities.T, temperature)
        held = critic(observations, data_actions)
        if (
            critic.upper_bound is not None
        ):  # targets stop there, so that no TD error would hold what the gap goes on lifting
            held = jnp.where(held < critic.upper_bound, held, jax.lax.stop_gradient(held))
        return jnp.sum(conservative_gap(soft_maxima, held))

    rows = (batch.observations, batch.actions, jnp.moveaxis(actions, 0, 1), log_densities.T)
    return mean_in_parts(gap, critic, rows if returns is None else (*rows, returns))


def gap_dual_loss(log_multiplier: Float[Array, ""], gap: Scalar, threshold: float) -> Scalar:
    """-alpha E[gap - tau] (Kumar et al. 2020, equation 30, CQL(Lagrange)): raises alpha while the gap exceeds tau."""
    return -jnp.exp(log_multiplier) * (jax.lax.stop_gradient(gap) - threshold)


def random_members(critic: CriticEnsemble, key: PRNGKeyArray, size: int) -> CriticEnsemble:
    """`size` members drawn without replacement, for the whole batch the same (Chen et al. 2021, REDQ).

    Their weights are gathered, so that only they are evaluated.
    """
    ranks = jnp.argsort(jax.random.normal(key, (len(critic.members),)))[:size]
    gathered = jax.tree.map(lambda *leaves: jnp.stack(leaves)[ranks], *critic.members)
    drawn = tuple(jax.tree.map(itemgetter(place), gathered) for place in range(len(ranks)))
    return eqx.tree_at(lambda tree: tree.members, critic, drawn)


def squared_distance(
    actions: Float[Array, "batch action"], others: Float[Array, "batch action"]
) -> Float[Array, " batch"]:
    """|a - b|^2: the penalty of Tarasov et al. 2023, equation 4, on an action that is not the data's."""
    return jnp.sum(jnp.square(actions - others), axis=-1)


def smoothed(
    actions: Float[Array, "batch action"], key: PRNGKeyArray, deviation: float, clip: float
) -> Float[Array, "batch action"]:
    """clip(a + clip(noise, -c, c), -1, 1): smoothing of the target policy (Fujimoto et al. 2018, equation 14)."""
    noise = jnp.clip(deviation * jax.random.normal(key, actions.shape), -clip, clip)
    return jnp.clip(actions + noise, -1.0, 1.0)


def normalize_scale(values: Float[Array, " batch"]) -> Float[Array, " batch"]:
    """Q over its mean absolute value in the batch, which gets no gradient (Fujimoto and Gu 2021, equation 5)."""
    return values / jax.lax.stop_gradient(jnp.maximum(jnp.mean(jnp.abs(values)), SMALLEST_SCALE))


def earned_returns(networks: Networks, ordered: Batch, config: Hyperparameters) -> Float[Array, " n"]:
    """What the data's policy has earned from each step on; behind a time-out, and behind the newest step, Q of ours."""

    def value(observations: Float[Array, "m observation"]) -> Float[Array, " m"]:
        return lower_q(networks.target_critic, observations, networks.actor(observations).mode())

    next_values = where_needed(value, ordered.next_observations, ordered.truncated)
    return returns_to_go(ordered.rewards, ordered.terminated, ordered.truncated, next_values, config.discount)
