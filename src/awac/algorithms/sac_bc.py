# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""SAC+BC: soft actor-critic whose policy also imitates the demonstrations (Nair et al. 2018, equation 5, with SAC).

The term reads transitions of provenance `demonstration` alone; whatever else is in the batch is not imitated.
"""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics
from awac.batch import Batch, Provenance
from awac.figure8 import Row
from awac.hyperparameters import NotNegative
from awac.networks import Networks, TanhGaussianActor, lower_q
from awac.objectives import soft_value
from awac.soft import SoftHyperparameters, soft_critic_loss, soft_networks, temperature_loss


@dataclass(frozen=True)
class Config(SoftHyperparameters):
    """Settings of SAC+BC; those of SAC are of Haarnoja et al. 2018."""

    cloning_weight: NotNegative = 1.0
    """Weight of the imitation beside the soft value; 1 as the AWAC authors ran it."""
    likelihood: Literal["log_likelihood", "squared_error"] = "log_likelihood"
    """Imitation by likelihood (hand tasks as run) or by the squared error of the mean action (an option of theirs)."""


def actor_loss(
    actor: TanhGaussianActor, networks: Networks, batch: Batch, config: Config, key: PRNGKeyArray
) -> tuple[Scalar, Metrics]:
    """E[alpha log pi(a | s) - Q(s, a)] + w E_demonstrations[-log pi(a | s)], or its squared error."""
    distribution = actor(batch.observations)
    actions, log_prob = distribution.sample_and_log_prob(key)
    q = lower_q(networks.critic, batch.observations, actions)
    value = soft_value(q, log_prob, jax.lax.stop_gradient(jnp.exp(networks.dual)))
    if config.likelihood == "log_likelihood":
        errors = -distribution.log_prob(batch.actions)
    else:
        errors = jnp.sum(jnp.square(distribution.mode() - batch.actions), axis=-1)
    demonstrations = batch.provenance == Provenance.DEMONSTRATION
    cloning = jnp.sum(jnp.where(demonstrations, errors, 0.0)) / jnp.maximum(jnp.sum(demonstrations), 1)
    return config.cloning_weight * cloning - jnp.mean(value), {
        "entropy": -jnp.mean(log_prob),
        "cloning_loss": cloning,
        "demonstration_share": jnp.mean(demonstrations, dtype=errors.dtype),
    }


SAC_BC = Algorithm(
    name="sac_bc",
    row=Row("SAC+BC", "Q^pi", "Mixed", "No", "None"),
    config=Config,
    networks=soft_networks,
    actor=actor_loss,
    critic=soft_critic_loss,
    dual=temperature_loss,
)
