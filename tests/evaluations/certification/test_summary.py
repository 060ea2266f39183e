from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_robustness.evaluations.certification.summary import (
    _doubts_of_base,
    certified_at,
    mean_radius,
    median_radius,
    radii_that_count,
)


def samples(radius, correct):
    return {"radius": np.array(radius), "correct": np.array(correct, dtype=bool)}


SIX = samples([-1, 0, 3, 3, 1, 5], [0, 1, 1, 0, 1, 1])


def test_images_that_abstain_or_are_wrong_count_in_the_denominator():
    shares = [certified_at(SIX, radius).mean() for radius in range(7)]
    assert shares == pytest.approx([4 / 6, 3 / 6, 2 / 6, 2 / 6, 1 / 6, 1 / 6, 0])
    assert radii_that_count(SIX).tolist() == [0, 0, 3, 0, 1, 5]


@given(st.lists(st.tuples(st.integers(-1, 9), st.booleans()), min_size=1, max_size=40))
def test_the_mean_radius_is_the_sum_of_the_shares(drawn):
    # Mean of whole numbers = sum over r >= 1 of the share that reaches r; so it is in the tables of Lee et al.
    found = samples(*zip(*[(radius, correct and radius >= 0) for radius, correct in drawn], strict=True))
    mean = mean_radius(radii_that_count(found), 9, 0.95)
    assert mean.value == pytest.approx(sum(certified_at(found, radius).mean() for radius in range(1, 10)))
    assert 0 <= mean.low <= mean.value + 1e-12
    assert mean.value - 1e-12 <= mean.high <= 9


def test_the_mean_is_0_where_no_radius_beyond_it_is_in_reach():
    assert mean_radius(np.zeros(5), 0, 0.95) == (0.0, 0.0, 0.0)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_half_of_the_images_reach_the_median(radii):
    median = median_radius(np.array(radii, float), 9, 0.95)
    reached = [np.mean(np.array(radii) >= radius) for radius in range(10)]
    assert median.value == max(radius for radius in range(10) if reached[radius] >= 0.5)
    assert 0 <= median.low <= median.value <= median.high <= 9


def test_the_interval_of_the_median_is_that_of_order_statistics():
    # n = 10: fewer than 2 heads of 10 coins have a chance of 11/1024 = 1.1 %, fewer than 3 of 5.5 % (any textbook).
    median = median_radius(np.arange(10.0), 9, 0.95)
    assert (median.value, median.low, median.high) == (5.0, 1.0, 8.0)
    few = median_radius(np.array([2.0, 3.0, 3.0]), 9, 0.95)
    assert (few.value, few.low, few.high) == (3.0, 0.0, 9.0)


@pytest.mark.parametrize("n", [7, 30, 101])
def test_how_often_the_interval_covers_the_median(n):
    # The median of the uniform distribution is below the k-th of n draws with the chance of fewer than k heads.
    places = median_radius(np.arange(1.0, n + 1), n, 0.95)
    k = int(places.low)
    outside = stats.binom.cdf(k - 1, n, 0.5) + stats.binom.sf(n - k, n, 0.5)
    assert outside <= 0.05
    assert 2 * stats.binom.cdf(k, n, 0.5) > 0.05  # one place further in would not do
    assert places.high == n + 1 - k


def base(grey, clean, guess):
    """Twenty images of class 1, of which a base model gets so many right: the first ones."""
    right = {"grey": grey, "clean": clean, "guess": guess}
    found = {name: np.where(np.arange(20) < count, 1, 0) for name, count in right.items()}
    return {**found, "label": np.ones(20, int)}


@pytest.mark.parametrize(
    ("grey", "clean", "guess", "told"),
    [
        (20, 20, 20, []),
        (20, 19, 19, []),  # one of twenty, five points, is no reason for a new model
        (20, 17, 17, []),  # nor are three, which chance may do (1/8)
        (20, 15, 15, ["black and white"]),
        (0, 0, 0, []),  # a model that is always wrong loses nothing to the noise
        (2, 2, 1, []),
        (20, 20, 10, ["under the noise"]),
        (20, 10, 2, ["black and white", "under the noise"]),
    ],
)
def test_what_a_base_model_loses_is_told_where_it_is_no_luck(grey, clean, guess, told):
    found = _doubts_of_base(base(grey, clean, guess), "pixels kept with probability 0.8")
    assert len(found) == len(told)
    assert all(words in doubt for words, doubt in zip(told, found, strict=True))
