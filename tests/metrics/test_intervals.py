"""Intervals: published values, closed forms, and coverage in seeded simulations."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics import (
    Interval,
    binomial_interval,
    clustered_interval,
    logit_interval,
    mean_interval,
)

CONFIDENCE = st.floats(0.5, 0.999)


def coverage(draw, truth: float, repeats: int = 1000) -> float:
    intervals = [draw() for _ in range(repeats)]
    return sum(interval.low <= truth <= interval.high for interval in intervals) / repeats


@given(st.integers(1, 500), st.data(), CONFIDENCE)
def test_binomial_equals_scipy(n, data, confidence):
    successes = data.draw(st.integers(0, n))
    expected = stats.binomtest(successes, n).proportion_ci(confidence, method="exact")
    np.testing.assert_allclose(binomial_interval(successes, n, confidence=confidence), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("successes", "n", "lower"),
    # One-sided bounds at 0.999, that is two-sided at 0.998, as smoothing certificates tabulate them.
    [(100, 100, 0.9332543), (1000, 1000, 0.9931160), (99_000, 100_000, 0.98898934), (50_500, 100_000, 0.50010895)],
)
def test_binomial_golden_values(successes, n, lower):
    assert binomial_interval(successes, n, confidence=0.998).low == pytest.approx(lower, abs=6e-8)


def test_binomial_edges_in_closed_form():
    assert binomial_interval(0, 20) == (0.0, pytest.approx(1 - 0.025 ** (1 / 20)))
    assert binomial_interval(20, 20) == (pytest.approx(0.025 ** (1 / 20)), 1.0)


@given(st.floats(0.1, 1e6), st.floats(0, 1), CONFIDENCE)
def test_binomial_takes_fractions_and_mirrors(n, share, confidence):
    successes = min(share * n, n)
    interval = binomial_interval(successes, n, confidence=confidence)
    assert 0 <= interval.low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= interval.high <= 1
    mirrored = binomial_interval(n - successes, n, confidence=confidence)
    np.testing.assert_allclose(mirrored, (1 - interval.high, 1 - interval.low), atol=1e-7)


def test_intervals_are_named_builtin_floats():
    for interval in (
        binomial_interval(np.int64(3), np.int64(9)),
        clustered_interval(np.array([0.5, 1, 1], np.float32)),
        mean_interval(np.array([1.0, 2.0], np.float32)),
        logit_interval(np.float64(0.3), np.float64(0.1)),
    ):
        assert isinstance(interval, Interval)
        assert [type(bound) for bound in interval] == [float, float]


@given(st.lists(st.integers(0, 1), min_size=1, max_size=60), CONFIDENCE)
def test_clustered_is_binomial_for_single_trials(values, confidence):
    expected = binomial_interval(sum(values), len(values), confidence=confidence)
    np.testing.assert_allclose(clustered_interval(values, confidence=confidence), expected, atol=1e-9)


@given(st.lists(st.integers(0, 15), min_size=1, max_size=60))
def test_clustered_is_never_wider_than_one_trial_an_image(fifteenths):
    values = np.array(fifteenths) / 15
    clustered, single = clustered_interval(values), binomial_interval(values.sum(), len(values))
    assert single.low - 1e-9 <= clustered.low <= values.mean() + 1e-12
    assert values.mean() - 1e-12 <= clustered.high <= single.high + 1e-9


def test_clustered_does_not_take_alikeness_for_certainty():
    all_right = clustered_interval(np.ones(100))
    one_slip = clustered_interval([*np.ones(99), 14 / 15])
    assert all_right.low == pytest.approx(binomial_interval(100, 100).low)
    assert one_slip.low == pytest.approx(all_right.low, abs=0.005)
    assert clustered_interval(np.full(100, 0.9)).low < 0.899


@pytest.mark.parametrize(
    ("n", "mean", "correlation"), [(20, 0.9, 0.3), (100, 0.99, 0.5), (300, 0.7, 0.05), (1000, 0.97, 0.1)]
)
def test_clustered_covers(n, mean, correlation):
    generator = np.random.default_rng(0)
    a, b = (share * (1 / correlation - 1) for share in (mean, 1 - mean))

    def draw() -> Interval:
        return clustered_interval(generator.binomial(15, generator.beta(a, b, n)) / 15)

    # 1,000 intervals: the standard error at 0.95 is 0.007.
    assert coverage(draw, mean) >= 0.93


def test_clustered_by_hand():
    # With half-observations of 0 and 1 the mean is 2.9 / 4 = 0.725, the sum of squares 0.005625 + 0.030625 + 0.000625
    # (of 0.8, 0.9, 0.7) + 0.2628125 + 0.0378125 = 0.3375.
    n = 3 * 0.725 * 0.275 * 4 / 0.3375
    corrected = n * (stats.t.ppf(0.75, n - 1) / stats.t.ppf(0.75, 2)) ** 2
    assert 3 < corrected < n
    expected = binomial_interval(0.8 * corrected, corrected, confidence=0.5)
    np.testing.assert_allclose(clustered_interval([0.8, 0.9, 0.7], confidence=0.5), expected, atol=1e-9)


def test_clustered_gains_from_many_corruptions_of_an_image():
    generator = np.random.default_rng(0)
    values = generator.binomial(15, generator.beta(2.1, 0.9, 1000)) / 15
    clustered, single = clustered_interval(values), binomial_interval(values.sum(), 1000)
    assert clustered.high - clustered.low < 0.75 * (single.high - single.low)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), CONFIDENCE)
def test_mean_equals_scipy(values, confidence):
    expected = np.mean(values) + np.array([-1, 1]) * stats.t.ppf((1 + confidence) / 2, len(values) - 1) * (
        np.std(values, ddof=1) / math.sqrt(len(values))
    )
    np.testing.assert_allclose(mean_interval(values, confidence=confidence), expected, rtol=1e-9, atol=1e-9)


def test_mean_covers():
    generator = np.random.default_rng(0)
    assert 0.93 <= coverage(lambda: mean_interval(generator.normal(3, 2, 5)), 3.0) <= 0.97


@pytest.mark.parametrize("values", [[1.0], [1.0, math.inf], [-math.inf, 2.0]])
def test_mean_says_when_it_knows_nothing(values):
    assert mean_interval(values) == (-math.inf, math.inf)


def test_logit_in_closed_form():
    low, high = logit_interval(0.8, 0.05)
    reach = 1.959963984540054 * 0.05 / 0.16
    assert math.log(low / (1 - low)) == pytest.approx(math.log(4) - reach)
    assert math.log(high / (1 - high)) == pytest.approx(math.log(4) + reach)


@given(st.floats(0, 1), st.floats(0, 10), CONFIDENCE)
def test_logit_stays_within_0_and_1_and_holds_the_value(value, error, confidence):
    low, high = logit_interval(value, error, confidence=confidence, n=50)
    assert 0 <= low <= value + 1e-12
    assert value - 1e-12 <= high <= 1


@pytest.mark.parametrize(("value", "error"), [(0.0, 0.1), (1.0, 0.0), (0.4, 0.0)])
def test_logit_falls_back_to_the_binomial(value, error):
    assert logit_interval(value, error, n=30) == binomial_interval(value * 30, 30)
    assert logit_interval(value, error) == (0.0, 1.0)


@pytest.mark.parametrize("confidence", [0, 1, -0.1, 1.5, math.nan, "0.95"])
@pytest.mark.parametrize(
    "interval",
    [
        partial(binomial_interval, 1, 2),
        partial(clustered_interval, [0.5, 1]),
        partial(mean_interval, [1, 2]),
        partial(logit_interval, 0.5, 0.1),
    ],
)
def test_impossible_confidence(interval, confidence):
    with pytest.raises(ParameterError, match="confidence is out of range"):
        interval(confidence=confidence)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (partial(binomial_interval, 0, 0), "a share needs trials: got 0"),
        (partial(binomial_interval, 0, -1), "a share needs trials"),
        (partial(binomial_interval, 0, math.nan), "a share needs trials"),
        (partial(binomial_interval, 3, 2), "between 0 and n: got 3; allowed: 0 to 2"),
        (partial(binomial_interval, -1, 2), "between 0 and n"),
        (partial(binomial_interval, math.nan, 2), "between 0 and n"),
        (partial(clustered_interval, []), "not be empty"),
        (partial(clustered_interval, [0.5, 1.01]), "values\\[1\\] is no share: got 1.01"),
        (partial(clustered_interval, [math.nan]), "first at index 0"),
        (partial(mean_interval, []), "not be empty"),
        (partial(mean_interval, [1.0, math.nan]), "first at index 1"),
        (partial(mean_interval, ["a"]), "array of numbers"),
        (partial(logit_interval, 1.1, 0.1), "must be a share"),
        (partial(logit_interval, 0.5, -0.1), "must not be negative"),
        (partial(logit_interval, 0.5, math.nan), "must not be negative"),
    ],
)
def test_impossible_parameters(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
