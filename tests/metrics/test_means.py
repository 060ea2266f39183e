from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_robustness.metrics import binomial_interval, bounded_mean_interval

WHOLE = np.arange(10) / 9

RARE = np.array([1, 9]) / 9
"""Radii of which the greater is rare: where the variance is estimated, the upper end is too low (0.869 for n = 100)."""


def covered(draw, mean, n, runs, confidence=0.95):
    """Count the runs in which the interval covers the mean, and return its mean width."""
    ends = [bounded_mean_interval(draw(n), confidence=confidence) for _ in range(runs)]
    return sum(low <= mean <= high for low, high in ends), float(np.mean([high - low for low, high in ends]))


@pytest.mark.parametrize("n", [20, 100])
@pytest.mark.parametrize(
    ("values", "chances"),
    [(RARE, (0.98, 0.02)), (RARE, (0.02, 0.98)), (RARE, (0.5, 0.5)), (WHOLE, (0.1,) * 10), ((0, 1), (0.99, 0.01))],
)
def test_it_covers_the_mean_of_whole_radii(values, chances, n):
    random = np.random.default_rng(0)
    count, _ = covered(lambda n: random.choice(values, n, p=chances), float(np.dot(values, chances)), n, 300)
    assert stats.binom.cdf(count, 300, 0.95) > 1e-3


@pytest.mark.parametrize(("a", "b"), [(0.2, 2.0), (5.0, 2.0), (0.05, 0.1)])
def test_it_covers_the_mean_of_continuous_radii(a, b):
    random = np.random.default_rng(0)
    count, _ = covered(lambda n: random.beta(a, b, n), a / (a + b), 60, 300)
    assert stats.binom.cdf(count, 300, 0.95) > 1e-3


@pytest.mark.parametrize("n", [100, 1000])
def test_it_is_at_most_twice_as_wide_as_the_normal_one(n):
    random = np.random.default_rng(0)
    _, width = covered(lambda n: random.choice(WHOLE, n), 0.5, n, 20)
    assert 2 * 1.96 * WHOLE.std() / np.sqrt(n) < width < 4 * 1.96 * WHOLE.std() / np.sqrt(n)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.sampled_from([0.5, 0.9, 0.99]))
def test_it_holds_the_mean_whatever_the_order(shares, confidence):
    found = np.array(shares)
    low, high = bounded_mean_interval(found, confidence=confidence)
    assert 0 <= low <= found.mean() + 1e-9
    assert found.mean() - 1e-9 <= high <= 1
    assert bounded_mean_interval(found[::-1], confidence=confidence) == (low, high)


def test_the_ends():
    low, high = bounded_mean_interval(np.zeros(100), confidence=0.95)
    assert low == 0
    # No interval is shorter than that of Clopper and Pearson where all are alike.
    assert binomial_interval(0, 100).high < high < 2 * binomial_interval(0, 100).high
    assert bounded_mean_interval(np.ones(100), confidence=0.95) == pytest.approx((1 - high, 1.0))
    alone = bounded_mean_interval(np.array([0.4]), confidence=0.95)
    assert alone[0] < 0.1
    assert alone[1] > 0.9
