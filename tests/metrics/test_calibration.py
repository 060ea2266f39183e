"""Calibration errors: hand-computed cases, a second implementation, scikit-learn, and known bias."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics import (
    BrierDecomposition,
    brier_decomposition,
    brier_score,
    calibration_interval,
    classwise_calibration_error,
    debiased_calibration_error,
    expected_calibration_error,
    negative_log_likelihood,
    reliability_bins,
    rms_calibration_error,
    smooth_calibration_error,
)

ece = expected_calibration_error
MEASURES = {
    **{f"{b}-{n}": partial(ece, binning=b, norm=n) for b in ("width", "mass") for n in ("l1", "l2", "max")},
    "rms": partial(rms_calibration_error, bin_size=5),
    "rms-hendrycks": partial(rms_calibration_error, bin_size=5, convention="hendrycks"),
    "classwise": classwise_calibration_error,
    "debiased": debiased_calibration_error,
    "smooth": smooth_calibration_error,
    **{name: lambda p, y, part=name: getattr(brier_decomposition(p, y), part) for name in BrierDecomposition._fields},
    "brier": brier_score,
    "nll": negative_log_likelihood,
}
every_measure = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)


def outputs_of(seed: int, n: int = 200, classes: int = 10, sharpness: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a model, and labels drawn from them: it is perfectly calibrated."""
    generator = np.random.default_rng(seed)
    logits = sharpness * generator.normal(size=(n, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (generator.random((n, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return probabilities, np.minimum(labels, classes - 1)


def two_classes(confidences: list[float], correct: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Outputs whose top class is 0; each is right where `correct` says so."""
    top = np.array(confidences)
    return np.stack([top, 1 - top], axis=1), 1 - np.array(correct)


def test_hand_computed_width():
    outputs = two_classes([0.55, 0.58, 0.75, 0.78, 0.95], [1, 0, 1, 1, 1])
    # Ten bins: (0.5, 0.6] has mean confidence 0.565 and accuracy 0.5, (0.7, 0.8] 0.765 and 1, (0.9, 1] 0.95 and 1.
    gaps, weights = np.array([0.065, 0.235, 0.05]), np.array([0.4, 0.4, 0.2])
    assert ece(*outputs, bins=10) == pytest.approx((weights * gaps).sum(), abs=1e-12)
    assert ece(*outputs, bins=10, norm="l2") == pytest.approx(math.sqrt((weights * gaps**2).sum()), abs=1e-12)
    assert ece(*outputs, bins=10, norm="max") == pytest.approx(0.235, abs=1e-12)


def test_hand_computed_mass():
    outputs = two_classes([0.55, 0.6, 0.75, 0.8, 0.95], [1, 0, 1, 1, 1])
    # Two bins of 2 and 3 samples: mean confidence 0.575 and accuracy 0.5; 2.5 / 3 and 1.
    assert ece(*outputs, bins=2, binning="mass") == pytest.approx(0.4 * 0.075 + 0.6 * (1 - 2.5 / 3), abs=1e-12)


def test_confidence_1_counts_in_the_last_bin():
    outputs = two_classes([1.0, 1.0, 0.95], [0, 1, 1])
    last = reliability_bins(*outputs, bins=15)[-1]
    assert (last.n, last.confidence, last.accuracy) == (3, pytest.approx(2.95 / 3), pytest.approx(2 / 3))
    assert ece(*outputs) == pytest.approx(2.95 / 3 - 2 / 3, abs=1e-12)


@pytest.mark.parametrize("bins", [5, 10, 15, 20, 30, 100])
def test_edges_belong_to_the_bin_below(bins):
    for edge in range(math.ceil(bins / 2), bins + 1):
        for confidence, expected in ((edge / bins, edge - 1), (min(1.0, np.nextafter(edge / bins, 2)), edge)):
            filled = [b.n for b in reliability_bins(*two_classes([confidence], [1]), bins=bins)].index(1)
            assert filled == min(expected, bins - 1)


def test_probabilities_a_rounding_outside_of_0_and_1_are_taken_as_0_and_1():
    probabilities = np.array([[1.00005, -0.00005], [0.5, 0.5]])
    assert [b.n for b in reliability_bins(probabilities, [0, 0], bins=2)] == [1, 1]
    assert reliability_bins(probabilities, [0, 0], bins=2)[1].confidence == 1
    assert negative_log_likelihood(probabilities, [1, 0]) == math.inf


def test_decimal_edges():
    for tenths in (6, 7, 8, 9):
        filled = [b for b in reliability_bins(*two_classes([float(f"0.{tenths}")], [1]), bins=10) if b.n]
        assert filled[0].high == tenths / 10


@given(st.integers(0, 2**32), st.integers(1, 40), st.sampled_from(["width", "mass"]))
def test_against_a_plain_loop(seed, bins, binning):
    probabilities, labels = outputs_of(seed, n=60, classes=3)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    if binning == "width":
        groups = [(confidence > b / bins) & (confidence <= (b + 1) / bins) for b in range(bins)]
    else:
        groups = np.array_split(np.argsort(confidence), bins)
    parts = [(np.size(confidence[g]), confidence[g].mean() - correct[g].mean()) for g in groups if confidence[g].size]
    if binning == "width":
        assert ece(probabilities, labels, bins=bins) == pytest.approx(sum(n * abs(gap) for n, gap in parts) / 60)
        assert ece(probabilities, labels, bins=bins, norm="max") == pytest.approx(max(abs(gap) for _, gap in parts))
    # Equal mass: which of the bins take one sample more is free, so only even splits are compared.
    elif 60 % bins == 0:
        expected = sum(n * abs(gap) for n, gap in parts) / 60
        assert ece(probabilities, labels, bins=bins, binning="mass") == pytest.approx(expected)


def test_mass_bins_are_as_equal_as_can_be():
    outputs = outputs_of(0, n=103)
    sizes = [b.n for b in reliability_bins(*outputs, bins=10, binning="mass")]
    assert (sum(sizes), set(sizes)) == (103, {10, 11})
    assert len(reliability_bins(*outputs, bins=500, binning="mass")) == 103


def test_rms_hand_computed_with_a_remainder():
    outputs = two_classes([0.6, 0.65, 0.7, 0.8, 0.9], [1, 0, 1, 1, 0])
    # Bins of two, the last with the remainder: (0.6, 0.65) and (0.7, 0.8, 0.9).
    expected = math.sqrt(0.4 * (0.625 - 0.5) ** 2 + 0.6 * (0.8 - 2 / 3) ** 2)
    assert rms_calibration_error(*outputs, bin_size=2) == pytest.approx(expected, abs=1e-12)


def test_rms_counts_the_most_confident_bin():
    confidences = [0.6] * 100 + [0.99] * 100
    outputs = two_classes(confidences, [1] * 60 + [0] * 40 + [0] * 100)
    # The published code drops the last bin and would say 0 here.
    assert rms_calibration_error(*outputs) == pytest.approx(math.sqrt(0.5 * 0.99**2), abs=1e-9)


def test_rms_of_few_samples_is_one_bin():
    assert rms_calibration_error(*two_classes([0.6, 0.8], [1, 1])) == pytest.approx(0.3)


@given(st.integers(0, 2**32), st.integers(2, 6), st.integers(1, 50))
def test_proper_scores_equal_sklearn(seed, classes, n):
    probabilities, labels = outputs_of(seed, n=n, classes=classes)
    known = list(range(classes))
    expected = brier_score_loss(labels, probabilities, labels=known, scale_by_half=False) if classes > 2 else None
    if expected is not None:
        assert brier_score(probabilities, labels) == pytest.approx(expected, abs=1e-9)
    expected_loss = log_loss(labels, probabilities, labels=known)
    assert negative_log_likelihood(probabilities, labels) == pytest.approx(expected_loss, abs=1e-9)


def test_brier_of_two_classes_is_twice_the_binary_score():
    probabilities, labels = outputs_of(0, classes=2)
    expected = 2 * brier_score_loss(labels, probabilities[:, 1], pos_label=1)
    assert brier_score(probabilities, labels) == pytest.approx(expected, abs=1e-12)


def test_range_of_the_proper_scores():
    certain = np.eye(3)
    assert (brier_score(certain, [0, 1, 2]), negative_log_likelihood(certain, [0, 1, 2])) == (0, 0)
    assert (brier_score(certain, [1, 2, 0]), negative_log_likelihood(certain, [1, 2, 0])) == (2, math.inf)


@every_measure
@given(seed=st.integers(0, 2**32))
def test_order_of_samples_and_names_of_classes_do_not_matter(measure, seed):
    probabilities, labels = outputs_of(seed, n=40, classes=4)
    # Rounded, so that equal confidences occur.
    probabilities = np.round(probabilities, 1)
    probabilities[:, 0] = 1 - probabilities[:, 1:].sum(axis=1)
    probabilities = np.abs(probabilities) / np.abs(probabilities).sum(axis=1, keepdims=True)
    unique_top = (probabilities == probabilities.max(axis=1, keepdims=True)).sum(axis=1) == 1
    probabilities, labels = probabilities[unique_top], labels[unique_top]
    generator = np.random.default_rng(seed)
    order, renamed = generator.permutation(len(labels)), generator.permutation(4)
    moved = np.empty_like(probabilities)
    moved[:, renamed] = probabilities
    assert measure(moved[order], renamed[labels][order]) == pytest.approx(measure(probabilities, labels), abs=1e-9)


@every_measure
def test_values_are_builtin_floats_and_inputs_unchanged(measure):
    probabilities, labels = outputs_of(0)
    for array in (probabilities, labels):
        array.setflags(write=False)
    assert type(measure(probabilities, labels)) is float
    assert measure(probabilities.astype(np.float32), labels.astype(np.uint8)) == pytest.approx(
        measure(probabilities, labels), abs=1e-5
    )


def test_reliability_bins_add_up_to_the_error():
    outputs = outputs_of(0)
    for binning in ("width", "mass"):
        bars = reliability_bins(*outputs, binning=binning)
        total = sum(bar.n * abs(bar.confidence - bar.accuracy) for bar in bars if bar.n) / 200
        assert total == pytest.approx(ece(*outputs, binning=binning))
        assert all(bar.low <= bar.confidence <= bar.high for bar in bars if bar.n)
        assert [type(value) for value in (bars[0].low, bars[0].confidence, bars[0].n)] == [float, float, int]


def test_empty_reliability_bins_have_no_means():
    bars = reliability_bins(*two_classes([0.95], [1]), bins=10)
    assert len(bars) == 10
    assert [bar.n for bar in bars] == [0] * 9 + [1]
    assert all(math.isnan(bar.confidence) and math.isnan(bar.accuracy) for bar in bars[:9])


@pytest.mark.parametrize(("n", "sharpness"), [(1000, 3), (4000, 3), (4000, 12)])
def test_bias_of_the_error_of_a_perfectly_calibrated_model(n, sharpness):
    """The gap of a bin of n_b samples is about normal: its mean size is sqrt(2 / pi * mean of c (1 - c) / n_b)."""
    measured, expected = [], []
    for seed in range(40):
        probabilities, labels = outputs_of(seed, n=n, sharpness=sharpness)
        confidence = probabilities.max(axis=1)
        edges = np.linspace(0, 1, 16)[1:-1]
        variances = np.bincount(np.digitize(confidence, edges), weights=confidence * (1 - confidence), minlength=15)
        measured.append(ece(probabilities, labels))
        expected.append(np.sqrt(2 / np.pi * variances).sum() / n)
    # 40 values of a standard deviation of about a fifth: the standard error of their mean is 3 %; sparse bins add some.
    assert np.mean(measured) == pytest.approx(np.mean(expected), rel=0.12)


def test_interval_of_a_perfectly_calibrated_model_starts_at_0():
    lows = [calibration_interval(*outputs_of(seed), ece, repeats=100).low for seed in range(60)]
    # Nominal 97.5 %; three standard errors are 0.06.
    assert np.mean(np.array(lows) == 0) >= 0.9


def test_interval_of_an_overconfident_model_excludes_0():
    generator = np.random.default_rng(0)
    confidence = generator.choice([0.65, 0.75, 0.85, 0.95], 1000)
    correct = generator.random(1000) < confidence - 0.1
    assert calibration_interval(*two_classes(list(confidence), list(correct.astype(int))), ece, repeats=100).low > 0.05


def test_interval_holds_the_value_and_follows_the_seed():
    outputs = outputs_of(1)
    first = calibration_interval(*outputs, ece, seed=1, repeats=50)
    assert first == calibration_interval(*outputs, ece, seed=1, repeats=50)
    assert first != calibration_interval(*outputs, ece, seed=2, repeats=50)
    assert 0 <= first.low <= ece(*outputs) <= first.high
    assert [type(bound) for bound in first] == [float, float]
    narrow = calibration_interval(*outputs, ece, seed=1, repeats=50, confidence=0.5)
    assert narrow.high - narrow.low <= first.high - first.low


def test_interval_of_another_statistic():
    outputs = outputs_of(1)
    interval = calibration_interval(*outputs, partial(rms_calibration_error, bin_size=50), repeats=50)
    assert interval.low <= rms_calibration_error(*outputs, bin_size=50) <= interval.high


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        ([[0.5, 0.6]], [0], "row 0 of the probabilities is no distribution"),
        ([[0.5, 0.5], [1.2, -0.2]], [0, 0], "row 1 of the probabilities"),
        ([[0.5, 0.5], [math.nan, 1]], [0, 0], "first at index 1"),
        ([0.5, 0.5], [0, 0], "shape \\(N, K\\)"),
        ([[1.0]], [0], "one column for each class"),
        (np.zeros((0, 2)), [], "not be empty"),
        ([["a", "b"]], [0], "array of numbers"),
        ([[0.5, 0.5]], [2], "labels are out of range, first at index 0: got 2; allowed: 0 to 1"),
        ([[0.5, 0.5]], [0, 1], "as many as the samples: got 2; allowed: 1"),
        ([[0.5, 0.5]], [0.0], "labels must be integers"),
    ],
)
@every_measure
def test_impossible_outputs(measure, probabilities, labels, message):
    with pytest.raises(ParameterError, match=message):
        measure(probabilities, labels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": 0}, "bins must be an integer: got 0; allowed: 1 and above"),
        ({"bins": 2.5}, "bins must be an integer"),
        ({"binning": "masss"}, "Did you mean 'mass'"),
        ({"norm": "l3"}, "unknown norm: got 'l3'; allowed: l1, l2, max"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(ParameterError, match=message):
        ece(*outputs_of(0), **options)


def test_other_impossible_options():
    with pytest.raises(ParameterError, match="bin_size must be an integer"):
        rms_calibration_error(*outputs_of(0), bin_size=0)
    with pytest.raises(ParameterError, match=r"unknown convention: got 'hendricks'.*Did you mean 'hendrycks'"):
        rms_calibration_error(*outputs_of(0), convention="hendricks")
    for measure in (classwise_calibration_error, debiased_calibration_error, brier_decomposition):
        with pytest.raises(ParameterError, match="bins must be an integer: got 0"):
            measure(*outputs_of(0), bins=0)
    with pytest.raises(ParameterError, match="unknown binning"):
        debiased_calibration_error(*outputs_of(0), binning="size")
    for options in ({"repeats": 0}, {"seed": -1}, {"confidence": 1}):
        with pytest.raises(ParameterError, match=next(iter(options))):
            calibration_interval(*outputs_of(0), ece, **options)
