"""Expectiles, conservative values and ensembles in float64 NumPy, written from their papers, state by state."""

import numpy as np


def expectile_loss(errors, expectile):
    """Kostrikov et al. 2022, equation 4: an error above zero weighs tau, one below 1 - tau."""
    return np.mean([abs(expectile - (error < 0)) * error**2 for error in errors])


def soft_maximum(values, log_densities, temperature):
    """Kumar et al. 2020, appendix F: T log of the importance-weighted mean of exp(Q / T), for (samples, batch)."""
    found = []
    for state in range(values.shape[1]):
        scores = values[:, state] / temperature - log_densities[:, state]
        largest = scores.max()
        found.append(temperature * (largest + np.log(np.mean(np.exp(scores - largest)))))
    return np.array(found)


def conservative_gap(soft_maxima, values):
    """Kumar et al. 2020, equation 4, for one member."""
    return np.mean([high - low for high, low in zip(soft_maxima, values, strict=True)])


def gap_dual_loss(log_multiplier, gaps, threshold):
    """Kumar et al. 2020, equation 30, as a loss: alpha grows while the gap exceeds tau."""
    return np.mean([-np.exp(log_multiplier) * (gap - threshold) for gap in gaps])


def subset_minimum(values, size, numbers):
    """Chen et al. 2021: the least of the members whose `numbers` are the smallest."""
    return values[np.argsort(numbers)[:size]].min(axis=0)


def calibrate(values, returns):
    """Nakamoto et al. 2023: Q of the policy's actions, (samples, batch), raised to the return where it is below."""
    return np.array([[max(value, floor) for value, floor in zip(row, returns, strict=True)] for row in values])
