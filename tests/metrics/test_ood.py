"""Separation of inliers and outliers against scikit-learn, with ties and infinities."""

from __future__ import annotations

import math
import time
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import binom, norm, t
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc_curve

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics import (
    auroc,
    auroc_interval,
    average_precision,
    average_precision_interval,
    binomial_interval,
    fpr_at_tpr,
    fpr_interval,
    mean_auroc_interval,
    rank,
    roc_curve,
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
    "fpr_interval": fpr_interval,
    "fpr_in": partial(fpr_at_tpr, positive="inlier"),
    "balanced": partial(average_precision, positive="inlier", prevalence=0.5),
    "mean_auroc_interval": lambda inliers, outliers: mean_auroc_interval(inliers, [outliers, outliers]),
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
    false_rates, true_rates, _ = sklearn_roc_curve(*stacked(inliers, outliers, positive), drop_intermediate=False)
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


@given(SCORES, SCORES, POSITIVE, st.floats(0.01, 0.99))
def test_prevalence_is_a_weight(inliers, outliers, positive, prevalence):
    truth, scores = stacked(inliers, outliers, positive)
    weights = np.where(truth == 1, prevalence / truth.sum(), (1 - prevalence) / (1 - truth).sum())
    expected = average_precision_score(truth, scores, sample_weight=weights)
    assert average_precision(inliers, outliers, positive=positive, prevalence=prevalence) == pytest.approx(expected)


@given(SCORES, SCORES, st.integers(1, 5))
def test_a_prevalence_is_what_that_many_samples_would_give(inliers, outliers, times):
    share = len(outliers) / (len(outliers) + times * len(inliers))
    value = average_precision(inliers * times, outliers)
    assert average_precision(inliers, outliers, prevalence=share) == pytest.approx(value)
    assert average_precision([1.0] * 3, [1.0] * 7, prevalence=0.25) == pytest.approx(0.25)


@given(SCORES, SCORES)
def test_exchanging_the_sides_mirrors_every_measure(inliers, outliers):
    turned = np.negative(outliers), np.negative(inliers)
    for measure in (fpr_at_tpr, fpr_interval, average_precision, average_precision_interval):
        expected = measure(*turned, positive="outlier")
        np.testing.assert_allclose(measure(inliers, outliers, positive="inlier"), expected, atol=1e-12)


def test_the_two_conventions_of_fpr_differ():
    # Inliers -1, 0, 1, outliers 0.5 x 19 and -2: 95 % of the outliers score 0.5 and more, as one of three inliers does;
    # all inliers score 1 and less, as do all outliers.
    inliers, outliers = [-1.0, 0.0, 1.0], [0.5] * 19 + [-2.0]
    assert fpr_at_tpr(inliers, outliers, positive="outlier") == pytest.approx(1 / 3)
    assert fpr_at_tpr(inliers, outliers, positive="inlier") == 1.0


def test_steps_and_straight_lines_hardly_differ():
    # OpenOOD and pytorch-ood join the points of the precision-recall curve by lines.
    generator = np.random.default_rng(0)
    inliers, outliers = generator.normal(size=10_000), generator.normal(1.36, 1, 10_000)
    precision, recall, _ = precision_recall_curve(*stacked(inliers, outliers))
    assert average_precision(inliers, outliers) == pytest.approx(auc(recall, precision), abs=3e-5)


@given(SCORES, SCORES)
def test_the_curve_is_sklearns(inliers, outliers):
    false_rates, true_rates, thresholds = sklearn_roc_curve(*stacked(inliers, outliers), drop_intermediate=False)
    curve = roc_curve(inliers, outliers, points=None)
    np.testing.assert_allclose(curve.fpr, false_rates)
    np.testing.assert_allclose(curve.tpr, true_rates)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    assert auc(curve.fpr, curve.tpr) == pytest.approx(auroc(inliers, outliers))


@pytest.mark.parametrize("distance", [0.0, 1.4, 9.0])
def test_some_points_of_the_curve(distance):
    generator = np.random.default_rng(0)
    inliers, outliers = generator.normal(size=5000), generator.normal(distance, 1, 5000)
    curve = roc_curve(inliers, outliers, points=100)
    assert len(curve.fpr) <= 100
    assert (curve.fpr[0], curve.tpr[0], curve.fpr[-1], curve.tpr[-1]) == (0, 0, 1, 1)
    assert auc(curve.fpr, curve.tpr) == pytest.approx(auroc(inliers, outliers), abs=1e-3)
    with pytest.raises(ParameterError, match="points must be an integer: got 1; allowed: 2"):
        roc_curve(inliers, outliers, points=1)


def test_all_measures_together_are_quick():
    generator = np.random.default_rng(0)
    inliers, outliers = generator.normal(size=10_000), generator.normal(1.4, 1, 10_000)

    def together():
        start = time.process_time()
        ranked = rank(inliers, outliers)
        ranked.auroc(), ranked.average_precision(), ranked.average_precision(positive="inlier"), ranked.fpr_at_tpr()
        return time.process_time() - start

    assert min(together() for _ in range(9)) < 0.010


def delong(kernels, quantile=0.975):
    """DeLong's interval for the mean area of kernels (M, N) that share N inliers, half observations added."""

    def variance(values):
        values, weights = np.append(values, [0, 1]), np.append(np.ones(len(values)), [0.5, 0.5])
        mean = np.average(values, weights=weights)
        return np.average((values - mean) ** 2, weights=weights) / (len(values) - 2)

    parts = [(variance(np.mean([k.mean(axis=0) for k in kernels], axis=0)), kernels[0].shape[1])]
    parts += [(variance(k.mean(axis=1)) / len(kernels) ** 2, len(k)) for k in kernels]
    total = sum(v for v, _ in parts)
    degrees = total**2 / sum(v**2 / (n - 1) for v, n in parts)
    area = np.mean([k.mean() for k in kernels])
    reach = t.ppf(quantile, degrees) * math.sqrt(total) / (area * (1 - area))
    return expit(logit(area) - reach), expit(logit(area) + reach)


def kernel(inliers, outliers):
    return np.greater.outer(outliers, inliers) + 0.5 * np.equal.outer(outliers, inliers)


LONGER = st.lists(st.integers(-3, 3).map(float), min_size=25, max_size=40)


@given(LONGER, LONGER, LONGER)
def test_interval_is_delongs_with_half_observations(inliers, outliers, others):
    inliers, outliers = [*inliers, 0.0, 1.0], [*outliers, 0.0, 1.0]
    one, two = kernel(inliers, outliers), kernel(inliers, others)
    if 0.3 < one.mean() < 0.7:
        np.testing.assert_allclose(auroc_interval(inliers, outliers), delong([one]), atol=1e-9)
        if 0.3 < two.mean() < 0.7:
            found = mean_auroc_interval(inliers, [outliers, others])
            np.testing.assert_allclose(found, delong([one, two]), atol=1e-9)


def test_the_mean_of_one_set_is_that_set():
    generator = np.random.default_rng(0)
    inliers, outliers = generator.normal(size=200), generator.normal(1, 1, 300)
    assert mean_auroc_interval(inliers, [outliers]) == pytest.approx(auroc_interval(inliers, outliers))
    with pytest.raises(ParameterError, match="needs a set of outliers"):
        mean_auroc_interval(inliers, [])


def test_half_observations_fade_away():
    # DeLong, DeLong & Clarke-Pearson (Biometrics 44, 1988) on the logit scale, without any correction.
    generator = np.random.default_rng(0)
    inliers, outliers = generator.normal(size=3000), generator.normal(1.2, 1, 2000)
    k = kernel(inliers, outliers)
    error = math.sqrt(k.mean(axis=1).var(ddof=1) / 2000 + k.mean(axis=0).var(ddof=1) / 3000)
    reach = norm.ppf(0.975) * error / (k.mean() * (1 - k.mean()))
    expected = expit(logit(k.mean()) - reach), expit(logit(k.mean()) + reach)
    np.testing.assert_allclose(auroc_interval(inliers, outliers), expected, atol=2e-4)


@pytest.mark.parametrize("outliers", [[5.0], [0.0, 0.0], [5.0, 6.0]])
def test_interval_without_a_variance_is_wide(outliers):
    low, high = auroc_interval([0.0] * 100, outliers)
    assert high - low > 0.8


def test_intervals_of_ties_only_are_those_of_as_many_trials():
    # The area is 1/2, and that is all that 100 equal scores of either kind say.
    assert auroc([2.0] * 100, [2.0] * 100) == 0.5
    assert auroc_interval([2.0] * 100, [2.0] * 100) == pytest.approx(binomial_interval(50, 100))


CASES = {
    "normal": lambda g, n, m, d: (g.normal(size=n), g.normal(d, 1, m)),
    "wide outliers": lambda g, n, m, d: (g.normal(size=n), g.normal(2.2 * d, 3, m)),
    "wide inliers": lambda g, n, m, d: (g.normal(0, 3, n), g.normal(2.2 * d, 1, m)),
    "rounded": lambda g, n, m, d: (g.normal(size=n).round(), g.normal(d, 1, m).round()),
}


@pytest.fixture(scope="module")
def simulated():
    """The share of 300 intervals that hold the true value, for a kind of scores, their numbers and their distance."""
    known = {}

    def share(interval, value, kind, sizes, distance):
        if (kind, distance) not in known:
            known[kind, distance] = CASES[kind](np.random.default_rng(7), 200_000, 200_000, distance)
        truth, generator, hits = value(*known[kind, distance]), np.random.default_rng(1), 0
        for _ in range(300):
            low, high = interval(*CASES[kind](generator, *sizes, distance))
            hits += low - 1e-9 <= truth <= high + 1e-9
        return hits / 300

    return share


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("sizes", [(50, 50), (50, 500), (500, 50), (200, 1000)])
@pytest.mark.parametrize("distance", [1.2, 3.3])
def test_auroc_interval_covers(simulated, kind, sizes, distance):
    # The plain logit interval covered 67 % to 90 % here where 50 of one kind meet an area of 0.99. Three standard
    # errors of 300 intervals at 0.95 are 0.038; over 600 of them, no case was below 0.93.
    assert simulated(auroc_interval, auroc, kind, sizes, distance) >= 0.92


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("positive", ["outlier", "inlier"])
def test_fpr_interval_covers(simulated, kind, positive):
    interval, value = partial(fpr_interval, positive=positive), partial(fpr_at_tpr, positive=positive)
    for distance in (1.2, 3.3):
        assert simulated(interval, value, kind, (400, 400), distance) >= 0.95


def test_average_precision_interval_covers(simulated):
    for positive in ("outlier", "inlier"):
        options = {"prevalence": 0.5, "positive": positive}
        interval, value = partial(average_precision_interval, **options), partial(average_precision, **options)
        for sizes in ((50, 50), (50, 500), (300, 300)):
            assert simulated(interval, value, "normal", sizes, 1.5) >= 0.92


def test_the_mean_over_sets_covers():
    # The inliers are shared: as if independent, the error would be underestimated.
    generator, truths, hits = np.random.default_rng(0), [norm.cdf(d / math.sqrt(2)) for d in (1, 1.5, 2)], 0
    for _ in range(300):
        inliers = generator.normal(size=80)
        low, high = mean_auroc_interval(inliers, [generator.normal(d, 1, 300) for d in (1, 1.5, 2)])
        hits += low <= np.mean(truths) <= high
    assert 0.92 <= hits / 300 <= 0.98


@given(SCORES, SCORES, POSITIVE, st.floats(0.3, 1.0))
def test_fpr_interval_holds_its_value(inliers, outliers, positive, tpr):
    low, high = fpr_interval(inliers, outliers, tpr=tpr, positive=positive)
    assert 0 <= low <= fpr_at_tpr(inliers, outliers, tpr=tpr, positive=positive) <= high <= 1


@pytest.mark.parametrize(("m", "bounded"), [(85, False), (86, True)])
def test_few_outliers_do_not_bound_the_threshold(m, bounded):
    # 0.95**85 = 0.0128 and 0.95**86 = 0.0121: the least of 86 outliers is below the threshold but for 1.25 %.
    low, high = fpr_interval(np.zeros(1000), np.ones(m))
    assert low == 0
    assert (high < 0.01) == bounded


def test_fpr_interval_is_that_of_two_order_statistics():
    generator = np.random.default_rng(3)
    inliers, outliers = generator.normal(size=800), np.sort(generator.normal(2, 1, 500))
    # Of 500 outliers, how many does the true threshold catch? Each tail has a quarter of 5 %.
    fewest = binom.ppf(0.0125, 500, 0.95)
    most = binom.isf(0.0125, 500, 0.95) + 1
    assert (fewest, most) == (464, 486)
    flagged = [(inliers >= outliers[500 - int(caught)]).sum() for caught in (fewest, most)]
    low, high = (binomial_interval(count, 800, confidence=0.975) for count in flagged)
    assert fpr_interval(inliers, outliers) == pytest.approx((low.low, high.high))


def test_average_precision_interval_of_a_perfect_separation():
    low, high = average_precision_interval([0.0] * 900, [1.0] * 500, prevalence=0.5)
    assert high == 1
    assert 0.98 < low < 1
    assert average_precision_interval([0.0] * 9, [1.0] * 5, prevalence=0.5).low < 0.7


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
        with pytest.raises(ParameterError, match="tpr is out of range"):
            fpr_interval([1.0], [1.0], tpr=tpr)
    for prevalence in (0, 1, 1.5, math.nan, "half"):
        with pytest.raises(ParameterError, match="prevalence is out of range"):
            average_precision([1.0], [1.0], prevalence=prevalence)
    for measure in (fpr_at_tpr, fpr_interval, average_precision, average_precision_interval):
        with pytest.raises(ParameterError, match="Did you mean 'inlier'"):
            partial(measure, positive="inliers")([1.0], [1.0])
