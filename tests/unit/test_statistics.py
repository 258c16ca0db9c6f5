import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import mannwhitneyu, trim_mean

from awac.errors import ConfigError
from awac.statistics import Estimate, bootstrap, interquartile_mean, probability_of_improvement

# Seven runs of ours and five of theirs on three tasks, with what rliable 1.2.0 says of them (its bootstrap with 20 000
# resamples). Stored, not imported: rliable's pins exclude present versions of its own dependencies.
OURS = [
    [0.597, 0.407, 0.716],
    [0.598, 0.547, 0.783],
    [0.866, 0.809, 0.632],
    [0.468, 0.300, 0.491],
    [0.793, 0.881, 0.891],
    [0.363, 0.482, 0.743],
    [0.862, 0.662, 0.856],
]
THEIRS = [
    [0.698, 0.524, 0.513],
    [0.222, 0.356, 0.798],
    [0.418, 0.409, 0.507],
    [0.532, 0.341, 0.283],
    [0.318, 0.495, 0.841],
]
RLIABLE_IQM = 0.6700909090909092, 0.45499999999999996
RLIABLE_INTERVAL = 0.568, 0.772
RLIABLE_IMPROVEMENT = 0.7238095238095238

tables = arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=st.floats(-100, 100))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([3.0], 3.0),
        ([0.0, 1.0, 5.0], 2.0),
        ([9.0, 0.0, 1.0, 3.0], 2.0),
        ([[100.0, 2.0], [3.0, 4.0], [-100.0, 5.0], [6.0, 7.0]], 4.5),
    ],
)
def test_interquartile_mean_by_hand(scores: list, expected: float) -> None:
    assert interquartile_mean(scores) == expected


@given(tables)
@settings(deadline=None, max_examples=100)
def test_interquartile_mean_is_scipys(scores: np.ndarray) -> None:
    assert interquartile_mean(scores) == pytest.approx(trim_mean(scores, 0.25, axis=None), abs=1e-9)


def test_interquartile_mean_over_axes() -> None:
    stack = np.random.default_rng(0).standard_normal((4, 6, 3))
    np.testing.assert_allclose(interquartile_mean(stack, axis=(1, 2)), [interquartile_mean(table) for table in stack])


def test_rliable_agrees() -> None:
    assert (interquartile_mean(OURS), interquartile_mean(THEIRS)) == pytest.approx(RLIABLE_IQM, abs=1e-12)
    assert probability_of_improvement(OURS, THEIRS) == pytest.approx(RLIABLE_IMPROVEMENT, abs=1e-12)
    estimate = bootstrap(OURS, seed=0, resamples=5000)
    assert estimate.value == interquartile_mean(OURS)
    assert (estimate.low, estimate.high) == pytest.approx(RLIABLE_INTERVAL, abs=0.006)


def test_bootstrap_by_hand() -> None:
    # Two runs, 0 and 1: the mean of two draws is 0, 1/2, 1 with chances 1/4, 1/2, 1/4.
    assert bootstrap([0.0, 1.0], seed=3) == Estimate(0.5, 0.0, 1.0)
    assert bootstrap([0.0, 1.0], seed=3, confidence=0.4) == Estimate(0.5, 0.5, 0.5)


def test_bootstrap_stays_within_each_task() -> None:
    # Runs agree on each task, so there is nothing to be unsure of, however far apart the tasks are.
    assert bootstrap([[0.0, 100.0], [0.0, 100.0]], np.mean, seed=0) == Estimate(50.0, 50.0, 50.0)


def test_one_run_has_no_interval() -> None:
    assert bootstrap([0.7], seed=0) == Estimate(0.7, 0.7, 0.7)


def test_seeds_are_explicit() -> None:
    assert bootstrap(OURS, seed=1, resamples=50) == bootstrap(OURS, seed=1, resamples=50)
    assert bootstrap(OURS, seed=1, resamples=50) != bootstrap(OURS, seed=2, resamples=50)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    hits = 0
    for seed in range(200):
        low, high = bootstrap(generator.standard_normal(20), np.mean, seed=seed, resamples=300)[1:]
        hits += low <= 0 <= high
    assert 0.88 <= hits / 200 <= 0.98  # 95 % asked for; the percentile interval of 20 runs is a little short


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.lists(st.integers(0, 5), min_size=1, max_size=8))
@settings(deadline=None, max_examples=60)
def test_improvement_is_mann_whitney(ours: list, theirs: list) -> None:
    expected = mannwhitneyu(ours, theirs, method="asymptotic").statistic / (len(ours) * len(theirs))
    assert probability_of_improvement(ours, theirs) == pytest.approx(expected)
    assert probability_of_improvement(theirs, ours) == pytest.approx(1 - expected)


def test_improvement_by_hand() -> None:
    assert probability_of_improvement([2.0, 3.0], [1.0, 2.0]) == (0.5 + 1 + 1 + 1) / 4
    assert probability_of_improvement([[1.0, 0.0]], [[0.0, 1.0]]) == 0.5


@pytest.mark.parametrize("scores", [[], [[]], [np.nan], np.zeros((2, 2, 2))])
def test_refuses(scores: object) -> None:
    with pytest.raises(ConfigError):
        bootstrap(scores, seed=0)
    with pytest.raises(ConfigError):
        probability_of_improvement(scores, [0.0])


def test_refuses_empty_and_unequal() -> None:
    with pytest.raises(ConfigError, match="no score"):
        interquartile_mean([])
    with pytest.raises(ConfigError, match="3 tasks against 1"):
        probability_of_improvement(OURS, [0.0])
