# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""SAC as the authors of AWAC ran it on the hand: no entropy, an unsquashed Gaussian, a clamp that stops gradients.

theta <- argmax E_{s ~ D}[min(Q(s, a), bound)], a ~ pi(s), through the sample. Where Q is above the bound neither policy
nor critic learns there.
"""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch
from awac.critics import critics_of
from awac.figure8 import Row
from awac.hyperparameters import Hyperparameters
from awac.networks import CriticEnsemble, GaussianActor, Networks, Sizes
from awac.objectives import td_loss, td_target


@dataclass(frozen=True)
class Config(Hyperparameters):
    """Settings of SAC as run: those of Table II; `q_upper_bound` is the clamp."""


def networks(key: PRNGKeyArray, sizes: Sizes, config: Config) -> Networks:
    """Actor, critics that know no bound, and targets that start as copies of the critics."""
    actor_key, critic_key = jax.random.split(key)
    critic = critics_of(critic_key, sizes, replace(config, q_upper_bound=None))
    actor = GaussianActor(actor_key, sizes, config.actor_hidden, config.std)
    return Networks(actor=actor, critic=critic, target_critic=critic)


def clamped(values: Float[Array, "ensemble batch"], config: Config) -> Float[Array, "ensemble batch"]:
    """min(Q, bound), with no gradient above the bound (reference: `output_activation=Clamp(max=0)`)."""
    return values if config.q_upper_bound is None else jnp.minimum(values, config.q_upper_bound)


def critic_loss(
    critic: CriticEnsemble, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """Equations 4 and 5, with one policy sample at the next observation and no entropy."""
    next_actions = networks.actor(batch.next_observations).sample(key)
    next_values = jnp.min(clamped(networks.target_critic(batch.next_observations, next_actions), config), axis=0)
    targets = td_target(batch.rewards, batch.terminated, batch.steps, next_values, config.discount)
    values = clamped(critic(batch.observations, batch.actions), config)
    return td_loss(values, targets), {"q_mean": jnp.mean(values), "target_mean": jnp.mean(targets)}


def actor_loss(
    actor: GaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """-E[min Q(s, a)], the gradient going through the action."""
    distribution = actor(batch.observations)
    values = clamped(networks.critic(batch.observations, distribution.sample(key)), config)
    return -jnp.mean(jnp.min(values, axis=0)), {"deviation": jnp.mean(jnp.exp(distribution.log_std))}


SAC_AS_RUN = Algorithm(
    name="sac_as_run",
    row=Row("SAC (as run)", "Q^pi", "D(pi||Qbar)", "No", "None", ours=True),
    config=Config,
    networks=networks,
    actor=actor_loss,
    critic=critic_loss,
)
