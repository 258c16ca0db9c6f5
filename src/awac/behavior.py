# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""Models of the policy that made the data: a Gaussian (`awac.networks`), a mixture of them, a variational autoencoder.

A model with a density is called on observations and returns a distribution; the autoencoder has a lower bound of one.
"""

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.batch import Batch
from awac.distributions import Gaussian, normal_log_prob
from awac.hyperparameters import Hyperparameters
from awac.networks import LOG_STD_RANGE, MLP, GaussianActor, Networks, Sizes

LATENT_CLIP = 0.5  # half-width of the latents that actions are drawn from (BCQ's code)
LATENT_LOG_STD_RANGE = (-4.0, 15.0)  # BCQ's code
DIVERGENCE_WEIGHT = 0.5  # of the latents' divergence beside the squared error (Fujimoto et al. 2019, appendix D)


class GaussianMixture(eqx.Module):
    """A mixture of diagonal normal distributions, not squashed; components stand on the axis before the action's."""

    log_weights: Float[Array, "*batch component"]
    components: Gaussian  # (*batch, component, action)

    def log_prob(self, actions: Float[Array, "*batch action"]) -> Float[Array, "*batch"]:
        """Log-density of `actions`."""
        repeated = jnp.broadcast_to(actions[..., None, :], self.components.mean.shape)
        return jax.nn.logsumexp(self.log_weights + self.components.log_prob(repeated), axis=-1)


class MixtureActor(eqx.Module):
    """A mixture of the paper's Gaussians: each with a tanh mean and a standard deviation in [e^-6, 1]."""

    network: MLP
    components: int = eqx.field(static=True)

    def __init__(self, key: PRNGKeyArray, sizes: Sizes, hidden: Sequence[int], components: int) -> None:
        """Builds the network with a mean, a deviation and a weight for each component."""
        outputs = components * (2 * sizes.action + 1)
        self.network = MLP(key, sizes.observation, hidden, outputs, hidden[-1] ** -0.5, norm=False)
        self.components = components

    def __call__(self, observations: Float[Array, "*batch observation"]) -> GaussianMixture:
        """The action distribution at each observation."""
        output = self.network(observations)
        logits, output = jnp.split(output, [self.components], axis=-1)
        mean, logit = jnp.split(output.reshape((*output.shape[:-1], self.components, -1)), 2, axis=-1)
        low, high = LOG_STD_RANGE
        log_std = low + (high - low) * jax.nn.sigmoid(logit)
        return GaussianMixture(jax.nn.log_softmax(logits, axis=-1), Gaussian(jnp.tanh(mean), log_std))


class Autoencoder(eqx.Module):
    """The conditional variational autoencoder of BCQ: p(a | s) by latents of twice the action's size."""

    encoder: MLP
    decoder: MLP

    def __init__(self, key: PRNGKeyArray, sizes: Sizes, hidden: Sequence[int]) -> None:
        """Builds encoder and decoder, each of the widths `hidden`."""
        encoder_key, decoder_key = jax.random.split(key)
        latents, scale = 2 * sizes.action, hidden[-1] ** -0.5
        self.encoder = MLP(encoder_key, sizes.observation + sizes.action, hidden, 2 * latents, scale, norm=False)
        self.decoder = MLP(decoder_key, sizes.observation + latents, hidden, sizes.action, scale, norm=False)

    def encode(
        self, observations: Float[Array, "batch observation"], actions: Float[Array, "batch action"]
    ) -> Gaussian:
        """The latents' distribution, given the action."""
        mean, log_std = jnp.split(self.encoder(jnp.concatenate([observations, actions], axis=-1)), 2, axis=-1)
        return Gaussian(mean, jnp.clip(log_std, *LATENT_LOG_STD_RANGE))

    def decode(
        self, observations: Float[Array, "*batch observation"], latents: Float[Array, "*batch latent"]
    ) -> Float[Array, "*batch action"]:
        """Actions before their tanh."""
        return self.decoder(jnp.concatenate([observations, latents], axis=-1))

    def sample_before(
        self, observations: Float[Array, "batch observation"], key: PRNGKeyArray, count: tuple[int, ...] = ()
    ) -> Float[Array, "..."]:
        """Actions before their tanh `(*count, batch, action)`, of latents drawn and clipped to +-0.5."""
        repeated = jnp.broadcast_to(observations, (*count, *observations.shape))
        latents = self.encoder.layers[-1].bias.shape[0] // 2
        noise = jax.random.normal(key, (*repeated.shape[:-1], latents))
        return self.decode(repeated, jnp.clip(noise, -LATENT_CLIP, LATENT_CLIP))

    def sample(
        self, observations: Float[Array, "batch observation"], key: PRNGKeyArray, count: tuple[int, ...] = ()
    ) -> Float[Array, "..."]:
        """Actions `(*count, batch, action)`, like those of the data."""
        return jnp.tanh(self.sample_before(observations, key, count))


class Perturbation(eqx.Module):
    """The network of BCQ that moves an action of the data's kind by at most `limit` (Fujimoto et al. 2019)."""

    network: MLP
    limit: float = eqx.field(static=True)

    def __init__(self, key: PRNGKeyArray, sizes: Sizes, hidden: Sequence[int], limit: float) -> None:
        """Builds the network."""
        inputs = sizes.observation + sizes.action
        self.network, self.limit = MLP(key, inputs, hidden, sizes.action, hidden[-1] ** -0.5, norm=False), limit

    def __call__(
        self, observations: Float[Array, "batch observation"], actions: Float[Array, "*samples action"]
    ) -> Float[Array, "*samples action"]:
        """The actions moved, inside [-1, 1]; there may be several per observation."""
        repeated = jnp.broadcast_to(observations, (*actions.shape[:-1], observations.shape[-1]))
        change = self.limit * jnp.tanh(self.network(jnp.concatenate([repeated, actions], axis=-1)))
        return jnp.clip(actions + change, -1.0, 1.0)


def latent_divergence(
    mean: Float[Array, "batch latent"], log_std: Float[Array, "batch latent"]
) -> Float[Array, " batch"]:
    """KL(N(mean, std) || N(0, 1)), summed over the latents (Kingma and Welling 2014, appendix B)."""
    return -0.5 * jnp.sum(1.0 + 2.0 * log_std - jnp.square(mean) - jnp.exp(2.0 * log_std), axis=-1)


def reconstruct(
    model: Autoencoder,
    observations: Float[Array, "batch observation"],
    actions: Float[Array, "batch action"],
    key: PRNGKeyArray,
) -> tuple[Float[Array, "batch action"], Float[Array, " batch"]]:
    """The actions by way of one sample of their latents, and those latents' divergence."""
    encoded = model.encode(observations, actions)
    decoded = jnp.tanh(model.decode(observations, encoded.sample(key)))
    return decoded, latent_divergence(encoded.mean, encoded.log_std)


def autoencoder_loss(
    behavior: Autoencoder, networks: Networks, batch: Batch, config: Hyperparameters, key: PRNGKeyArray
) -> tuple[Scalar, dict[str, Scalar]]:
    """Mean over actions of (a - a')^2, plus half the mean over latents of their divergence (BCQ, appendix D)."""
    del networks, config
    decoded, divergence = reconstruct(behavior, batch.observations, batch.actions, key)
    error, divergence = jnp.mean(jnp.square(decoded - batch.actions)), jnp.mean(divergence)
    latents = 2 * batch.actions.shape[-1]
    metrics = {"reconstruction_error": error, "latent_divergence": divergence}
    return error + DIVERGENCE_WEIGHT * divergence / latents, metrics


def evidence_lower_bound(
    model: Autoencoder,
    observations: Float[Array, "batch observation"],
    actions: Float[Array, "batch action"],
    key: PRNGKeyArray,
) -> Float[Array, " batch"]:
    """E[log N(a; a', 1/8)] - KL, at most log p(a | s) (Kingma and Welling 2014, equation 3).

    1/8 is the variance that `autoencoder_loss` stands for: with it the loss is -bound / (4 |A|), up to a constant.
    """
    decoded, divergence = reconstruct(model, observations, actions, key)
    log_std = jnp.full_like(decoded, 0.5 * math.log(DIVERGENCE_WEIGHT / 4.0))
    return normal_log_prob(actions, decoded, log_std) - divergence


def density_model(key: PRNGKeyArray, sizes: Sizes, hidden: Sequence[int], components: int) -> Any:
    """A model with a density: one Gaussian whose deviation depends on the observation, or a mixture of several."""
    if components == 1:
        return GaussianActor(key, sizes, hidden, "dependent")
    return MixtureActor(key, sizes, hidden, components)


def log_likelihood(
    model: Any,
    observations: Float[Array, "batch observation"],
    actions: Float[Array, "batch action"],
    key: PRNGKeyArray,
) -> Float[Array, " batch"]:
    """Log p(a | s) under a model of the data; of an autoencoder its lower bound, with one sample of the latents."""
    if isinstance(model, Autoencoder):
        return evidence_lower_bound(model, observations, actions, key)
    return model(observations).log_prob(actions)


def mixed_minimum(values: Float[Array, "ensemble *samples"], share: float) -> Float[Array, "*samples"]:
    """Share * min + (1 - share) * max over the members (Fujimoto et al. 2019, equation 13)."""
    return share * jnp.min(values, axis=0) + (1.0 - share) * jnp.max(values, axis=0)


def best_candidate(
    actions: Float[Array, "samples batch action"], values: Float[Array, "samples batch"]
) -> Float[Array, "batch action"]:
    """Of several actions at each observation the one of highest value (Fujimoto et al. 2019, equation 11)."""
    place = jnp.argmax(values, axis=0)[None, :, None]
    return jnp.take_along_axis(actions, place, axis=0)[0]
