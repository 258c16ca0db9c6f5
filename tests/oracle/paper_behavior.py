"""Models of the data and divergences from them in float64 NumPy, written from the papers, sample by sample."""

import numpy as np

from tests.oracle import paper
from tests.oracle.evaluation import mlp


def encode(model, observations, actions):
    """Mean and standard deviation of the latents."""
    mean, log_std = np.split(mlp(model.encoder, np.concatenate([observations, actions], axis=-1)), 2, axis=-1)
    return mean, np.exp(np.clip(log_std, -4, 15))


def propose(model, observations, noise, count=None):
    """Actions of the data model before their tanh; latents are clipped to +-0.5."""
    size = len(model.encoder.layers[-1].bias) // 2
    shape = (len(observations), size) if count is None else (count, len(observations), size)
    latents = np.clip(noise(shape), -0.5, 0.5)
    repeated = np.broadcast_to(observations, (*shape[:-1], observations.shape[-1]))
    return mlp(model.decoder, np.concatenate([repeated, latents], axis=-1))


def latent_divergence(mean, std):
    """KL of independent normal latents from standard ones, one latent at a time: log(1/s) + (s^2 + m^2 - 1) / 2."""
    return np.array(
        [
            sum(-np.log(s) + (s**2 + m**2 - 1) / 2 for m, s in zip(*row, strict=True))
            for row in zip(mean, std, strict=True)
        ]
    )


def autoencoder_loss(model, observations, actions, noise):
    """Fujimoto et al. 2019, appendix D and code: both terms are means over the batch and the dimensions."""
    mean, std = encode(model, observations, actions)
    latents = mean + std * noise(mean.shape)
    decoded = np.tanh(mlp(model.decoder, np.concatenate([observations, latents], axis=-1)))
    return np.mean((decoded - actions) ** 2) + 0.5 * np.mean(latent_divergence(mean, std)) / mean.shape[-1]


def mixture_log_prob(model, observations, actions):
    """Log of the weighted sum of the components' densities."""
    count, size = model.components, actions.shape[-1]
    output = mlp(model.network, observations)
    shares = np.exp(output[:, :count]) / np.exp(output[:, :count]).sum(axis=-1, keepdims=True)
    log_density = -np.inf
    for component in range(count):
        start = count + 2 * size * component
        mean, logit = output[:, start : start + size], output[:, start + size : start + 2 * size]
        std = np.exp(-6 + 6 / (1 + np.exp(-logit)))
        own = np.log(shares[:, component]) + paper.normal_log_prob(actions, np.tanh(mean), std)
        log_density = np.logaddexp(log_density, own)
    return log_density


def perturb(actor, observations, actions):
    """xi(s, a) added, inside the action space."""
    repeated = np.broadcast_to(observations, (*actions.shape[:-1], observations.shape[-1]))
    change = actor.limit * np.tanh(mlp(actor.network, np.concatenate([repeated, actions], axis=-1)))
    return np.clip(actions + change, -1, 1)


def kernel(first, second, kind, width):
    difference = first - second
    distance = np.sum(np.abs(difference)) if kind == "laplacian" else np.sum(difference**2)
    return np.exp(-distance / (2 * width))


def discrepancy(first, second, kind, width):
    """Kumar et al. 2019, equation 4, by all pairs at one observation."""
    within = np.mean([kernel(x, y, kind, width) for x in first for y in first])
    within += np.mean([kernel(x, y, kind, width) for x in second for y in second])
    across = np.mean([kernel(x, y, kind, width) for x in first for y in second])
    return np.sqrt(within - 2 * across + 1e-6)


def discrepancies(first, second, kind, width):
    """The same at each observation of a batch `(samples, batch, action)`."""
    pairs = zip(np.swapaxes(first, 0, 1), np.swapaxes(second, 0, 1), strict=True)
    return np.array([discrepancy(*pair, kind, width) for pair in pairs])


def mixed_minimum(values, share):
    """Fujimoto et al. 2019, equation 13: over the members, the first axis."""
    return share * np.min(values, axis=0) + (1 - share) * np.max(values, axis=0)


def multiplier(log_multiplier):
    """BEAR's code keeps the logarithm between -5 and 10."""
    return np.exp(min(max(log_multiplier, -5), 10))
