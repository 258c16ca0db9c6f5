"""The equations in float64 NumPy, written from the papers and not from the code: the second opinion.

Element by element where that is how the paper says it, so that a wrong axis or a wrong broadcast cannot repeat itself.
Numbers are those of Nair et al. 2020 unless another paper is named.
"""

import numpy as np
from scipy.optimize import minimize_scalar


def td_target(rewards, terminated, steps, next_values, discount, upper_bound=np.inf):
    """Equation 5 over `steps` steps: nothing follows a terminated transition. Appendix B bounds it from above."""
    targets = [
        reward if end else reward + discount ** int(n) * value
        for reward, end, n, value in zip(rewards, terminated, steps, next_values, strict=True)
    ]
    return np.array([min(target, upper_bound) for target in targets])


def td_loss(values, targets):
    """Equation 4 for each Q-function, then their sum."""
    return sum(np.mean([(q - y) ** 2 for q, y in zip(member, targets, strict=True)]) for member in values)


def exp_weights(scores, cap):
    """The weight of Equation 13, capped."""
    with np.errstate(over="ignore"):
        return np.minimum(np.exp(scores), cap)


def softmax_weights(scores):
    """exp(score) over its mean in the batch."""
    shifted = np.exp(scores - np.max(scores))
    return shifted / np.mean(shifted)


def log_partition(sample_scores):
    """Equation 26, one state at a time: log of the mean over the samples of exp(A / lambda)."""
    largest = np.max(sample_scores, axis=0)
    return np.array([m + np.log(np.mean(np.exp(s - m))) for s, m in zip(sample_scores.T, largest, strict=True)])


def weighted_likelihood_loss(log_probs, weights):
    """Equation 13, negated: a loss."""
    return -sum(weight * log_prob for weight, log_prob in zip(weights, log_probs, strict=True)) / len(weights)


def divergence_from_uniform(scores):
    """KL(w || 1/B) of w = softmax(scores): Equation 9 with the batch in place of the data's policy."""
    shares = softmax_weights(scores) / len(scores)
    return sum(share * np.log(share * len(scores)) for share in shares if share > 0)


def dual(temperature, advantages, bound):
    """The dual of Equations 8 and 9: g(lambda) = lambda epsilon + lambda log E[exp(A / lambda)]."""
    largest = np.max(advantages)
    with np.errstate(under="ignore"):
        moment = np.mean(np.exp((advantages - largest) / temperature))
    return temperature * bound + largest + temperature * np.log(moment)


def bounded_temperature(advantages, bound, floor, ceiling=1e6):
    """The minimiser of the dual, at least `floor`; the dual is convex in lambda, so quasi-convex in log lambda."""
    found = minimize_scalar(
        lambda logarithm: dual(np.exp(logarithm), advantages, bound),
        bounds=(np.log(floor), np.log(ceiling)),
        method="bounded",
        options={"xatol": 1e-12, "maxiter": 500},
    )
    return float(np.exp(found.x))


def effective_sample_size(weights):
    """Kish's effective sample size over the number of weights."""
    return sum(weights) ** 2 / sum(weight**2 for weight in weights) / len(weights)


def normal_log_prob(values, mean, std):
    """Log-density of independent normal variables, summed over the last axis."""
    return np.sum(-(((values - mean) / std) ** 2) / 2 - np.log(std) - np.log(2 * np.pi) / 2, axis=-1)


def log_tanh_slope(before):
    """log(1 - tanh(u)^2) = -2 log cosh(u), without cancellation."""
    size = np.abs(before)
    return -2 * (size + np.log1p(np.exp(-2 * size)) - np.log(2))


def tanh_normal_log_prob(before, mean, std):
    """Haarnoja et al. 2018, equation 21: log-density of tanh(u), by the u it came from."""
    return normal_log_prob(before, mean, std) - np.sum(log_tanh_slope(before), axis=-1)


def soft_value(q, log_probs, temperature):
    """Haarnoja et al. 2018, equation 3, for one sample."""
    return np.array([value - temperature * log_prob for value, log_prob in zip(q, log_probs, strict=True)])


def entropy_dual_loss(log_temperature, log_probs, target_entropy):
    """Haarnoja et al. 2018, equation 18: J(alpha) = E[-alpha log pi - alpha H]."""
    temperature = np.exp(log_temperature)
    return np.mean([-temperature * log_prob - temperature * target_entropy for log_prob in log_probs])


def likelihood_loss(log_probs):
    """Behaviour cloning: minus the mean log-likelihood."""
    return -sum(log_probs) / len(log_probs)


def squared_error_loss(actions, targets):
    """Behaviour cloning: squared Euclidean distance, averaged over the batch."""
    return np.mean([np.linalg.norm(action - target) ** 2 for action, target in zip(actions, targets, strict=True)])


def adam(gradients, parameter, rate, betas=(0.9, 0.999), epsilon=1e-8):
    """Kingma and Ba 2015, Algorithm 1: the parameter after a step on each gradient.

    `torch.optim.Adam(weight_decay=w)` is this on gradients to which w times the parameter was added: coupled decay.
    """
    first = second = np.zeros_like(parameter)
    for step, gradient in enumerate(gradients, start=1):
        first = betas[0] * first + (1 - betas[0]) * gradient
        second = betas[1] * second + (1 - betas[1]) * gradient**2
        unbiased = first / (1 - betas[0] ** step), second / (1 - betas[1] ** step)
        parameter = parameter - rate * unbiased[0] / (np.sqrt(unbiased[1]) + epsilon)
    return parameter
