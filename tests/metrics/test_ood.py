"""Separation of inliers and outliers against scikit-learn, with ties and infinities."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics import (
    auroc,
    auroc_interval,
    average_precision,
    average_precision_interval,
    binomial_interval,
    fpr_at_tpr,
)

# Few distinct values, so that most scores are tied.
SCORES = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=30)
POSITIVE = st.sampled_from(["outlier", "inlier"])
MEASURES = {
    "auroc": auroc,
    "auroc_interval": auroc_interval,
    "average_precision": average_precision,
    "average_precision_interval": average_precision_interval,
    "fpr_at_tpr": fpr_at_tpr,
}
every_measure = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)


def stacked(inliers, outliers, positive="outlier"):
    """Scores and truth as scikit-learn takes them."""
    truth = np.r_[np.zeros(len(inliers)), np.ones(len(outliers))]
    scores = np.r_[inliers, outliers]
    return (truth, scores) if positive == "outlier" else (1 - truth, -scores)


@given(SCORES, SCORES)
def test_auroc_equals_sklearn(inliers, outliers):
    assert auroc(inliers, outliers) == pytest.approx(roc_auc_score(*stacked(inliers, outliers)), abs=1e-9)


@given(SCORES, SCORES, POSITIVE)
def test_average_precision_equals_sklearn(inliers, outliers, positive):
    expected = average_precision_score(*stacked(inliers, outliers, positive))
    assert average_precision(inliers, outliers, positive=positive) == pytest.approx(expected, abs=1e-9)


@given(SCORES, SCORES, POSITIVE, st.floats(0.01, 1))
def test_fpr_is_the_first_point_of_the_curve_that_reaches_the_rate(inliers, outliers, positive, tpr):
    false_rates, true_rates, _ = roc_curve(*stacked(inliers, outliers, positive), drop_intermediate=False)
    expected = false_rates[np.argmax(true_rates >= tpr)]
    assert fpr_at_tpr(inliers, outliers, tpr=tpr, positive=positive) == pytest.approx(expected, abs=1e-12)


@given(st.integers(1, 200), st.data())
def test_fpr_takes_whole_shares_exactly(m, data):
    assert_exact(m, data.draw(st.integers(1, m)))


@pytest.mark.parametrize(("m", "caught"), [(100, 7), (25, 7), (100, 55)])
def test_fpr_is_exact_where_the_product_of_rate_and_number_is_rounded_up(m, caught):
    assert caught / m * m > caught
    assert_exact(m, caught)


def assert_exact(m, caught):
    # Inliers lie between the outliers, so that the rate shows how many outliers were caught.
    value = fpr_at_tpr(np.arange(m) - 0.5, np.arange(m), tpr=caught / m)
    assert value == pytest.approx((caught - 1) / m)


@given(SCORES, SCORES)
def test_auroc_is_symmetric_and_depends_on_order_only(inliers, outliers):
    value = auroc(inliers, outliers)
    assert auroc(outliers, inliers) == pytest.approx(1 - value)
    assert auroc(np.negative(outliers), np.negative(inliers)) == pytest.approx(value)
    for measure in MEASURES.values():
        np.testing.assert_allclose(
            measure(np.arctan(inliers), np.arctan(outliers)), measure(inliers, outliers), atol=1e-12
        )


@given(SCORES, SCORES, st.randoms(use_true_random=False))
def test_order_of_samples_does_not_matter(inliers, outliers, random):
    for measure in MEASURES.values():
        value = measure(inliers, outliers)
        mixed = random.sample(inliers, len(inliers)), random.sample(outliers, len(outliers))
        np.testing.assert_allclose(measure(*mixed), value, atol=1e-12)


def test_hand_computed():
    inliers, outliers = [1.0, 2.0, 2.0, 3.0], [2.0, 4.0]
    assert auroc(inliers, outliers) == (1 + 2 / 2 + 4) / 8
    # Precision at score 4 is 1, at score 2 it is 2 / 5 (of the inliers, one lies below 2).
    assert average_precision(inliers, outliers) == pytest.approx((1 + 2 / 5) / 2)
    assert fpr_at_tpr(inliers, outliers) == 0.75
    assert fpr_at_tpr(inliers, outliers, tpr=0.5) == 0.0
    assert fpr_at_tpr(inliers, outliers, positive="inlier") == 0.5


def test_perfect_useless_and_reversed_scores():
    assert (auroc([0, 1], [2, 3]), average_precision([0, 1], [2, 3]), fpr_at_tpr([0, 1], [2, 3])) == (1, 1, 0)
    assert (auroc([1, 1], [1, 1]), average_precision([1, 1], [1, 1]), fpr_at_tpr([1, 1], [1, 1])) == (0.5, 0.5, 1)
    assert (auroc([2, 3], [0, 1]), fpr_at_tpr([2, 3], [0, 1])) == (0, 1)


def test_infinite_scores_are_ordinary():
    inliers, outliers = [-math.inf, -math.inf, 1.0], [math.inf, -math.inf, 2.0]
    finite = [[-9, -9, 1], [9, -9, 2]]
    for measure in MEASURES.values():
        assert measure(inliers, outliers) == measure(*finite)


def test_average_precision_depends_on_the_ratio():
    generator = np.random.default_rng(0)
    inliers, outliers = generator.normal(size=5000), generator.normal(2, 1, 5000)
    assert average_precision(inliers, outliers[:1000]) < average_precision(inliers, outliers) - 0.1


def test_normal_scores_have_the_area_of_the_closed_form():
    # Two normals of unit variance at distance d: norm.cdf(d / sqrt(2)). Standard error 0.0028 for 10,000 each.
    generator = np.random.default_rng(0)
    distance = math.sqrt(2) * norm.ppf(0.83219528)
    inliers, outliers = generator.normal(size=10_000), generator.normal(distance, 1, 10_000)
    assert auroc(inliers, outliers) == pytest.approx(0.83219528, abs=0.0085)
    low, high = auroc_interval(inliers, outliers, confidence=norm.cdf(1) - norm.cdf(-1))
    assert (high - low) / 2 == pytest.approx(0.00282, abs=0.0001)


@given(SCORES.filter(lambda s: len(s) > 1), SCORES.filter(lambda s: len(s) > 1))
def test_interval_is_delongs(inliers, outliers):
    kernel = np.greater.outer(outliers, inliers) + 0.5 * np.equal.outer(outliers, inliers)
    area = kernel.mean()
    variance = kernel.mean(axis=1).var(ddof=1) / len(outliers) + kernel.mean(axis=0).var(ddof=1) / len(inliers)
    if area in (0, 1) or variance < 1e-12:
        n = min(len(inliers), len(outliers))
        expected = binomial_interval(area * n, n)
    else:
        reach = norm.ppf(0.975) * math.sqrt(variance) / (area * (1 - area))
        expected = expit(logit(area) - reach), expit(logit(area) + reach)
    np.testing.assert_allclose(auroc_interval(inliers, outliers), expected, atol=1e-9)


@pytest.mark.parametrize("outliers", [[5.0], [0.0, 0.0], [5.0, 6.0]])
def test_interval_without_a_variance_is_wide(outliers):
    low, high = auroc_interval([0.0] * 100, outliers)
    assert high - low > 0.8


@pytest.mark.parametrize(("sizes", "area"), [((100, 100), 0.8), ((400, 200), 0.95), ((1000, 1000), 0.99)])
def test_auroc_interval_covers(sizes, area):
    generator = np.random.default_rng(0)
    distance = math.sqrt(2) * norm.ppf(area)
    hits = 0
    for _ in range(500):
        interval = auroc_interval(generator.normal(size=sizes[0]), generator.normal(distance, 1, sizes[1]))
        hits += interval.low <= area <= interval.high
    # 500 intervals: three standard errors at 0.95 are 0.029.
    assert 0.92 <= hits / 500 <= 0.98


def test_average_precision_interval_covers():
    generator = np.random.default_rng(0)
    truth = average_precision(generator.normal(size=400_000), generator.normal(1.5, 1, 400_000))
    hits = 0
    for _ in range(500):
        interval = average_precision_interval(generator.normal(size=300), generator.normal(1.5, 1, 300))
        hits += interval.low <= truth <= interval.high
    assert hits / 500 >= 0.92


def test_average_precision_interval_in_closed_form():
    inliers, outliers = [1.0, 2.0, 2.0, 3.0], [2.0, 4.0]
    low, high = average_precision_interval(inliers, outliers)
    reach = norm.ppf(0.975) / math.sqrt(2 * 0.7 * 0.3)
    np.testing.assert_allclose([logit(low), logit(high)], [logit(0.7) - reach, logit(0.7) + reach])
    assert average_precision_interval([0.0] * 9, [1.0] * 5) == binomial_interval(5, 5)
    assert average_precision_interval([0.0] * 9, [1.0] * 5, positive="inlier") == binomial_interval(9, 9)


@every_measure
def test_values_are_builtin_floats(measure):
    value = measure(np.arange(5, dtype=np.float32), np.arange(3, 9))
    assert {type(part) for part in (value if isinstance(value, tuple) else (value,))} == {float}


@pytest.mark.parametrize(
    ("inliers", "outliers", "message"),
    [
        ([], [1.0], "inlier scores must have the shape \\(N,\\) and not be empty"),
        ([1.0], [], "outlier scores"),
        ([1.0, math.nan], [1.0], "inlier scores cannot be used, first at index 1"),
        ([1.0], [math.nan], "outlier scores cannot be used, first at index 0"),
        ([[1.0]], [1.0], "shape"),
        (["a"], [1.0], "array of numbers"),
    ],
)
@every_measure
def test_impossible_scores(measure, inliers, outliers, message):
    with pytest.raises(ParameterError, match=message):
        measure(inliers, outliers)


def test_impossible_options():
    for tpr in (0, 1.01, -1, math.nan, "0.95"):
        with pytest.raises(ParameterError, match="tpr is out of range"):
            fpr_at_tpr([1.0], [1.0], tpr=tpr)
    for measure in (fpr_at_tpr, average_precision, average_precision_interval):
        with pytest.raises(ParameterError, match="Did you mean 'inlier'"):
            partial(measure, positive="inliers")([1.0], [1.0])
