"""Classwise, debiased and smooth calibration errors, RMS by the published code, and the parts of the Brier score."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from pytest_robustness.metrics import (
    brier_decomposition,
    brier_score,
    classwise_calibration_error,
    debiased_calibration_error,
    expected_calibration_error,
    reliability_bins,
    rms_calibration_error,
    smooth_calibration_error,
)


def outputs_of(seed: int, n: int = 200, classes: int = 4, sharpness: float = 3.0, power: float = 1.0):
    """Probabilities and labels drawn from them; with a `power` above 1 the model is too sure of itself."""
    generator = np.random.default_rng(seed)
    logits = sharpness * generator.normal(size=(n, classes))
    fair = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.minimum((generator.random((n, 1)) > fair.cumsum(axis=1)).sum(axis=1), classes - 1)
    return fair**power / (fair**power).sum(axis=1, keepdims=True), labels


def two_classes(confidences, correct):
    top = np.array(confidences)
    return np.stack([top, 1 - top], axis=1), 1 - np.array(correct)


def published_rms(confidence: np.ndarray, correct: np.ndarray, beta: int = 100) -> float:
    """Hendrycks, Mazeika and Dietterich 2019, as their code computes it: the loop leaves the last bin out."""
    order = np.argsort(confidence)
    confidence, correct, n = confidence[order], correct[order], len(confidence)
    bins = [[i * beta, (i + 1) * beta] for i in range(n // beta)]
    bins[-1][1] = n
    total = 0.0
    for low, high in bins[:-1]:
        total += (high - low) / n * (confidence[low:high].mean() - correct[low:high].mean()) ** 2
    return math.sqrt(total)


@pytest.mark.parametrize("n", [200, 250, 1000, 1234])
def test_rms_by_the_convention_of_the_published_code(n):
    outputs = outputs_of(n, n=n, power=1.5)
    confidence, correct = outputs[0].max(axis=1), outputs[0].argmax(axis=1) == outputs[1]
    found = rms_calibration_error(*outputs, convention="hendrycks")
    assert found == pytest.approx(published_rms(confidence, correct), abs=1e-12)
    assert found <= rms_calibration_error(*outputs)


def test_the_published_code_does_not_see_the_most_confident_bin():
    outputs = two_classes([0.6] * 100 + [0.99] * 100, [1] * 60 + [0] * 40 + [0] * 100)
    assert rms_calibration_error(*outputs, convention="hendrycks") == pytest.approx(0, abs=1e-9)
    assert rms_calibration_error(*outputs) == pytest.approx(math.sqrt(0.5) * 0.99)
    # Where the published code stops with an error, or sums over no bin, there is nothing to say.
    assert np.isnan(rms_calibration_error(*two_classes([0.6, 0.8], [1, 1]), convention="hendrycks"))


def test_classwise_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.45, 0.55]])
    # Two bins. Class 0: (0, .5] holds .3 and .45, one of them 0; (.5, 1] holds .9 and .8, one of them 0.
    # The gaps are |.375 - .5| and |.85 - .5|; class 1 mirrors it.
    assert classwise_calibration_error(probabilities, [0, 1, 0, 1], bins=2) == pytest.approx((0.125 + 0.35) / 2)


@given(st.integers(0, 2**32), st.integers(2, 5), st.integers(1, 20))
def test_classwise_is_the_mean_over_classes_of_a_plain_loop(seed, classes, bins):
    probabilities, labels = outputs_of(seed, n=80, classes=classes)
    total = 0.0
    for k in range(classes):
        p, y = probabilities[:, k], labels == k
        for b in range(bins):
            inside = (p > b / bins) & (p <= (b + 1) / bins)
            if inside.any():
                total += inside.mean() * abs(p[inside].mean() - y[inside].mean())
    assert classwise_calibration_error(probabilities, labels, bins=bins) == pytest.approx(total / classes, abs=1e-12)


@given(st.integers(0, 2**32), st.sampled_from(["width", "mass"]))
def test_debiased_takes_the_variance_of_each_bin_off(seed, binning):
    """Kumar, Liang and Ma 2019, definition 5.2; bins of one sample add nothing, as in the authors' code."""
    outputs = outputs_of(seed, power=2.0)
    bars = [b for b in reliability_bins(*outputs, bins=10, binning=binning) if b.n > 1]
    squares = [b.n * ((b.confidence - b.accuracy) ** 2 - b.accuracy * (1 - b.accuracy) / (b.n - 1)) / 200 for b in bars]
    expected = math.sqrt(max(0.0, sum(squares)))
    assert debiased_calibration_error(*outputs, bins=10, binning=binning) == pytest.approx(expected, abs=1e-9)
    plain = expected_calibration_error(*outputs, bins=10, binning=binning, norm="l2")
    assert debiased_calibration_error(*outputs, bins=10, binning=binning) <= plain


def test_debiased_is_hardly_biased():
    """Of a calibrated model the mean square is 0; that of the plain error is not."""
    plain, debiased = [], []
    for seed in range(100):
        outputs = outputs_of(seed, n=300)
        plain.append(expected_calibration_error(*outputs, binning="mass", norm="l2") ** 2)
        debiased.append(debiased_calibration_error(*outputs) ** 2)  # cut off at 0: its mean is a little above
    assert np.mean(debiased) < 0.25 * np.mean(plain)
    assert np.mean(np.array(debiased) == 0) > 0.3


def exact_smooth_error(confidence: np.ndarray, residuals: np.ndarray) -> float:
    """Blasiok and Nakkiran 2023: the kernel itself at 4,000 points, with images beyond 0 and 1."""
    t = (np.arange(4000) + 0.5) / 4000

    def smoothed(width: float) -> float:
        images = [sign * confidence + 2 * shift for sign in (1, -1) for shift in (-1, 0, 1)]
        kernel = sum(norm.pdf(t[:, None] - image, scale=width) for image in images)
        return float(np.abs(kernel @ residuals).mean() / len(residuals))

    return float(brentq(lambda width: smoothed(width) - width, 2e-3, 1.0, xtol=1e-7))


@pytest.mark.parametrize("power", [1.0, 2.0, 4.0])
@pytest.mark.parametrize(("n", "classes"), [(60, 2), (300, 4)])
def test_smooth_error_is_that_of_the_kernel_itself(n, classes, power):
    outputs = outputs_of(0, n=n, classes=classes, power=power)
    confidence, correct = outputs[0].max(axis=1), outputs[0].argmax(axis=1) == outputs[1]
    expected = exact_smooth_error(confidence, confidence - correct)
    assert smooth_calibration_error(*outputs) == pytest.approx(expected, rel=2e-3)


def test_smooth_error_beside_the_authors_code():
    """Values of relplot 1.0.3 (``smECE``), which looks for the width in steps of 1 / 1024.

    They agree where confidences keep away from 1; next to it they differ, and ours is what the kernel gives when it is
    summed by hand, see the test with a loop.
    """
    generator = np.random.default_rng(5)
    confidence = generator.uniform(0.55, 0.9, 1000)
    correct = (generator.random(1000) < confidence - 0.1).astype(int)
    assert smooth_calibration_error(*two_classes(confidence, correct)) == pytest.approx(0.07576, abs=1e-3)


def test_smooth_error_of_one_confidence_is_nearly_its_gap():
    # All at .75, half of them right: any kernel leaves the gap of 1/4 as it is.
    outputs = two_classes([0.75] * 1000, [0, 1] * 500)
    assert smooth_calibration_error(*outputs) == pytest.approx(0.25, abs=1e-5)
    assert smooth_calibration_error(*two_classes([1.0, 1.0], [1, 1])) == pytest.approx(0, abs=1e-5)
    assert smooth_calibration_error(*two_classes([1.0, 1.0], [0, 0])) == pytest.approx(1, abs=1e-5)


def test_smooth_error_does_not_jump_at_an_edge():
    """Where a confidence crosses the edge of a bin, an ECE jumps and the smooth error hardly moves."""

    def pair(shift: float):
        return two_classes([0.6 + shift] * 500 + [0.61] * 500, [1] * 500 + [0] * 500)

    jump = expected_calibration_error(*pair(1e-6), bins=10) - expected_calibration_error(*pair(-1e-6), bins=10)
    step = smooth_calibration_error(*pair(1e-6)) - smooth_calibration_error(*pair(-1e-6))
    assert abs(jump) > 0.3
    assert abs(step) < 1e-4


def test_brier_parts_by_hand():
    # One bin each: probabilities .8 and .2 throughout, three of four right. Class 0: (.8 - .75)**2, twice.
    parts = brier_decomposition(np.tile([0.8, 0.2], (4, 1)), [0, 0, 0, 1])
    assert parts == pytest.approx((2 * 0.05**2, 0, 2 * 0.75 * 0.25, 0), abs=1e-12)
    # Always certain, and right: all of the uncertainty is resolved.
    assert brier_decomposition(np.eye(2)[[0, 1, 1]], [0, 1, 1]) == pytest.approx((0, 4 / 9, 4 / 9, 0), abs=1e-12)


@given(st.integers(0, 2**32), st.integers(2, 5), st.integers(1, 20))
def test_brier_parts_add_up_and_within_is_that_of_the_bins(seed, classes, bins):
    probabilities, labels = outputs_of(seed, n=60, classes=classes)
    parts = brier_decomposition(probabilities, labels, bins=bins)
    total = parts.reliability - parts.resolution + parts.uncertainty + parts.within
    assert total == pytest.approx(brier_score(probabilities, labels), abs=1e-12)
    # Stephenson, Coelho and Jolliffe 2008: variance of p inside the bins, less twice the covariance with the outcome.
    within = 0.0
    for k in range(classes):
        p, y = probabilities[:, k], (labels == k).astype(float)
        place = np.clip(np.ceil(p * bins), 1, bins)
        for b in np.unique(place):
            q, o = p[place == b], y[place == b]
            within += (((q - q.mean()) ** 2).sum() - 2 * ((q - q.mean()) * (o - o.mean())).sum()) / 60
    assert parts.within == pytest.approx(within, abs=1e-12)


def test_rounded_probabilities_have_nothing_within_the_bins():
    probabilities, labels = outputs_of(3, classes=2)
    probabilities = np.round(probabilities * 10) / 10
    parts = brier_decomposition(probabilities, labels, bins=11)
    assert parts.within == pytest.approx(0, abs=1e-12)
    assert (parts.reliability > 0, parts.resolution > 0) == (True, True)
