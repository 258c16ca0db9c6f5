# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""BCQ (Fujimoto et al. 2019): the best of some actions that the data could hold, each moved a little towards its best.

The `actor` is the network that moves them; a variational autoencoder of the data proposes them.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.behavior import Autoencoder, Perturbation, autoencoder_loss, best_candidate, mixed_minimum
from awac.critics import bellman_loss, critics_of
from awac.errors import ConfigError
from awac.figure8 import Row
from awac.hyperparameters import Count, Hyperparameters, NotNegative, Positive, Share
from awac.networks import CriticEnsemble, Networks, Sizes


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of BCQ; the defaults are those of the paper's code (continuous BCQ)."""

    actor_hidden: tuple[int, ...] = (400, 300)
    critic_hidden: tuple[int, ...] = (400, 300)
    behavior_hidden: tuple[int, ...] = (750, 750)
    """Widths of the autoencoder's hidden layers."""
    actor_weight_decay: NotNegative = 0.0
    actor_learning_rate: NotNegative = 1e-3
    critic_learning_rate: NotNegative = 1e-3
    behavior_learning_rate: NotNegative = 1e-3
    perturbation: Positive = 0.05
    """Phi: how far a proposed action may be moved, in each dimension."""
    minimum_share: Share = 0.75
    """lambda: the target's weight of the least Q-function; the rest is the greatest one's."""
    target_candidates: Count = 10
    """Actions among which the target takes the best."""
    acting_candidates: Count = 100
    """Actions among which the policy takes the best."""


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Perturbation and critics with their targets, and the model of the data.

    Raises:
        ConfigError: `clone_steps` is given: there is no policy whose likelihood could be raised.
    """
    if config.clone_steps:
        raise ConfigError(f"clone_steps={config.clone_steps}; allowed for bcq: 0, its data model is cloning already")
    actor_key, critic_key, behavior_key = jax.random.split(key, 3)
    actor = Perturbation(actor_key, sizes, config.actor_hidden, config.perturbation)
    critic = critics_of(critic_key, sizes, config)
    behavior = Autoencoder(behavior_key, sizes, config.behavior_hidden)
    return Networks(actor=actor, critic=critic, behavior=behavior, target_critic=critic, target_actor=actor)


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 13: r + gamma max_i [lambda min_j Q_j(s', a_i) + (1 - lambda) max_j Q_j(s', a_i)]."""
    proposed = networks.behavior.sample(batch.next_observations, key, (config.target_candidates,))
    actions = networks.target_actor(batch.next_observations, proposed)
    next_values = mixed_minimum(networks.target_critic(batch.next_observations, actions), config.minimum_share)
    return bellman_loss(critic, batch, next_values.max(axis=0), config)


def actor_loss(
    actor: Perturbation, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equation 12: the perturbation raises the first Q-function where the data could be."""
    del config
    proposed = networks.behavior.sample(batch.observations, key)
    actions = actor(batch.observations, proposed)
    change = jnp.mean(jnp.abs(actions - proposed))
    return -jnp.mean(networks.critic(batch.observations, actions)[0]), {"perturbation": change}


def act(
    networks: Networks, observations: Float[Array, "batch observation"], key: PRNGKeyArray, config: Config
) -> Float[Array, "batch action"]:
    """Equation 11: of many moved proposals the one that the first Q-function likes best."""
    proposed = networks.behavior.sample(observations, key, (config.acting_candidates,))
    actions = networks.acting(observations, proposed)
    return best_candidate(actions, networks.critic(observations, actions)[0])


BCQ = Algorithm(
    name="bcq",
    row=Row("BCQ", "Q^pi", "D(pi||Qbar)", "Yes", "Support (linf)"),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=critic_loss,
    behavior=autoencoder_loss,
    act=act,
)
