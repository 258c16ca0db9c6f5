# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""BEAR (Kumar et al. 2019): the best policy whose samples are like those of a model of the data, by their MMD.

With `online_threshold` the constraint changes when the policy begins to act: the loose BEAR of Figure 3 of the AWAC
paper.
"""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.behavior import Autoencoder, autoencoder_loss, best_candidate, mixed_minimum
from awac.critics import bellman_loss, critics_of
from awac.divergences import dual_ascent_loss, maximum_mean_discrepancy, multiplier
from awac.figure8 import Row
from awac.hyperparameters import Count, CountFromZero, Hyperparameters, NotNegative, Positive, Share
from awac.networks import CriticEnsemble, Networks, Sizes, TanhGaussianActor, lower_q


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of BEAR; the defaults are as the AWAC authors ran it, each field says where BEAR has another."""

    actor_hidden: tuple[int, ...] = (256, 256)
    critic_hidden: tuple[int, ...] = (256, 256)
    behavior_hidden: tuple[int, ...] = (750, 750)
    """Widths of the autoencoder's hidden layers."""
    actor_weight_decay: NotNegative = 0.0
    dual_learning_rate: NotNegative = 1e-3
    kernel: Literal["laplacian", "gaussian"] = "laplacian"
    """k(x, y): exp(-|x - y| / (2 width)) or exp(-|x - y|^2 / (2 width))."""
    kernel_width: Positive = 50.0
    """sigma of the kernel, for actions before their tanh: 50 as the AWAC authors ran it, 10 or 20 in BEAR."""
    discrepancy_samples: Count = 10
    """N: actions of the policy and of the model whose MMD is taken (10 as run, 4 in BEAR's paper)."""
    threshold: NotNegative = 0.05
    """epsilon: the MMD that is allowed."""
    online_threshold: NotNegative | None = None
    """The MMD that is allowed once the policy acts; the AWAC authors tried 0.02 to 0.15 after 0.02."""
    warm_start: CountFromZero = 20_000
    """First updates, in which the policy comes near the data and does not look at Q."""
    minimum_share: Share = 0.75
    """lambda: the target's weight of the least Q-function; the rest is the greatest one's."""
    candidates: Count = 10
    """Actions among which the target, and the policy when it acts, take the best."""


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Policy and critics with their targets, the model of the data, and the log-multiplier."""
    actor_key, critic_key, behavior_key = jax.random.split(key, 3)
    actor = TanhGaussianActor(actor_key, sizes, config.actor_hidden)
    critic = critics_of(critic_key, sizes, config)
    behavior = Autoencoder(behavior_key, sizes, config.behavior_hidden)
    return Networks(actor, critic, behavior, dual=jnp.zeros(()), target_critic=critic, target_actor=actor)


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Target r + gamma max_i [lambda min_j Q_j(s', a_i) + (1 - lambda) max_j Q_j(s', a_i)], a_i ~ the slow policy."""
    actions = networks.target_actor(batch.next_observations).sample(key, (config.candidates,))
    next_values = mixed_minimum(networks.target_critic(batch.next_observations, actions), config.minimum_share)
    return bellman_loss(critic, batch, next_values.max(axis=0), config)


def discrepancy(
    actor: TanhGaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Float[Array, " batch"], Float[Array, "batch action"]]:
    """MMD of policy and model by actions before their tanh, and one of the policy's actions."""
    policy_key, behavior_key = jax.random.split(key)
    before = actor(batch.observations).before().sample(policy_key, (config.discrepancy_samples,))
    data = networks.behavior.sample_before(batch.observations, behavior_key, (config.discrepancy_samples,))
    return maximum_mean_discrepancy(before, data, config.kernel, config.kernel_width), jnp.tanh(before[0])


def actor_loss(
    actor: TanhGaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """E[-min_j Q_j(s, a)] + multiplier * MMD (equation 5 of Kumar et al. 2019 as a Lagrangian)."""
    assert networks.clock is not None
    found, actions = discrepancy(actor, networks, batch, config, key)
    value = jnp.mean(lower_q(networks.critic, batch.observations, actions))
    price = multiplier(networks.dual) * jnp.mean(found)
    return price - jnp.where(networks.clock.step < config.warm_start, 0.0, value), {"discrepancy": jnp.mean(found)}


def dual_loss(
    log_multiplier: Float[Array, ""], networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Dual ascent on E[MMD] <= epsilon, where epsilon may change when the policy begins to act."""
    assert networks.clock is not None
    found, _ = discrepancy(networks.actor, networks, batch, config, key)
    threshold = jnp.asarray(config.threshold, found.dtype)
    if config.online_threshold is not None:
        threshold = jnp.where(networks.clock.online, config.online_threshold, threshold)
    loss = dual_ascent_loss(log_multiplier, jnp.mean(found) - threshold)
    return loss, {"multiplier": multiplier(log_multiplier), "threshold": threshold}


def act(
    networks: Networks, observations: Float[Array, "batch observation"], key: PRNGKeyArray, config: Config
) -> Float[Array, "batch action"]:
    """Of some samples of the policy the one that the first Q-function likes best."""
    actions = networks.acting(observations).sample(key, (config.candidates,))
    return best_candidate(actions, networks.critic(observations, actions)[0])


BEAR = Algorithm(
    name="bear",
    row=Row("BEAR", "Q^pi", "D(pi||Qbar)", "Yes", "Support (MMD)"),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=critic_loss,
    behavior=autoencoder_loss,
    dual=dual_loss,
    act=act,
)
