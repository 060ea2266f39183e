"""Null bands and intervals: published bias, two implementations that must agree, and coverage."""

from __future__ import annotations

from functools import cache, partial
from itertools import pairwise

import numpy as np
import pytest

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import load_dataset
from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics import (
    Replicates,
    brier_decomposition,
    calibration_interval,
    calibration_replicates,
    classwise_calibration_error,
    debiased_calibration_error,
    expected_calibration_error,
    null_band,
    rms_calibration_error,
    smooth_calibration_error,
)
from pytest_robustness.metrics.calibration._replicates import _binned_replicates, _smooth_replicates

ece = expected_calibration_error
STATISTICS = {
    "ece": ece,
    "ace": partial(ece, binning="mass"),
    "mce": partial(ece, norm="max"),
    "rms": rms_calibration_error,
    "rms_hendrycks": partial(rms_calibration_error, convention="hendrycks"),
    "debiased_ece": debiased_calibration_error,
    "smooth_ece": smooth_calibration_error,
    "classwise_ece": classwise_calibration_error,
    "brier_reliability": lambda p, y: brier_decomposition(p, y).reliability,
    "brier_resolution": lambda p, y: brier_decomposition(p, y).resolution,
    "brier_uncertainty": lambda p, y: brier_decomposition(p, y).uncertainty,
}


def confidences(n: int, *, mean: float = 8.0, spread: float = 3.0) -> np.ndarray:
    """Probabilities of a model whose logits differ by N(8, 3) in size: accurate, and sure of nearly everything."""
    logits = np.abs(mean + spread * np.random.default_rng(0).normal(size=n))
    top = 1 / (1 + np.exp(-logits))
    return np.stack([top, 1 - top], axis=1)


def outputs_of(seed: int, n: int, classes: int, *, digits: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(classes, 0.4), n)
    labels = (generator.random((n, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    if digits is not None:
        probabilities = np.round(probabilities, digits) + 1e-3
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        probabilities = np.round(probabilities, 6)
        probabilities[:, 0] = 1 - probabilities[:, 1:].sum(axis=1)
    return probabilities, labels


@pytest.mark.parametrize(
    ("n", "mean", "p95"),
    [(500, 0.0083, 0.0121), (1000, 0.0063, 0.0093), (2000, 0.0044, 0.0063), (5000, 0.0029, 0.0040),
     (10_000, 0.0020, 0.0029)],
)  # fmt: skip
def test_the_bias_of_an_accurate_digit_classifier(n, mean, p95):
    """ECE of 15 bins of labels drawn from the confidences of an MNIST convnet of 99.1 % accuracy, 200 draws.

    A logit-normal model with confidences like its own shows the same bias at every size.
    """
    band = null_band(confidences(10_000)[:n], ece, repeats=200)
    assert band.mean == pytest.approx(mean, rel=0.1)
    assert band.high == pytest.approx(p95, rel=0.15)
    assert 0 < band.low < band.mean < band.high
    # "Equal mass: about half."
    assert 0.3 < null_band(confidences(10_000)[:n], STATISTICS["ace"], repeats=200).mean / mean < 0.75


def test_the_band_of_lenet5_on_mnist(data_dir):
    from example_models.lenet5 import load

    classifier, images = load_classifier(load()), load_dataset("mnist", n=1000, seed=0).images
    band = null_band(classifier.probabilities(images), ece)
    assert 0.003 < band.mean < 0.0065
    assert band.mean < band.high < 0.0095


def test_the_band_shrinks_like_one_over_the_root_of_n():
    generator = np.random.default_rng(0)
    top = generator.uniform(0.5, 1, 16_000)
    probabilities = np.stack([top, 1 - top], axis=1)
    bands = [null_band(probabilities[:n], ece, repeats=200) for n in (1000, 4000, 16_000)]
    for wide, narrow in pairwise(bands):
        assert wide.mean / narrow.mean == pytest.approx(2, rel=0.1)
        assert wide.high / narrow.high == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("seed", range(5))
def test_plain_resamples_are_biased_and_the_interval_is_not(seed):
    """On 10,000 MNIST images an ECE of .0019 has a bootstrap mean of .0030 and quantiles .0019 to .0043.

    So the plain bootstrap would say that a calibrated model is not; here it is labels drawn from the model.
    """
    probabilities = confidences(10_000)
    labels = (np.random.default_rng(seed).random(10_000) >= probabilities[:, 0]).astype(int)
    found = _binned_replicates(probabilities, labels, 15, seed, 200)["ece"]
    assert 1.1 * found.value < found.resampled.mean() < 2.2 * found.value
    assert found.interval(0.95).low == pytest.approx(0, abs=2e-4)
    assert found.interval(0.95).low <= found.value <= found.interval(0.95).high


def test_certain_probabilities_have_no_band():
    assert null_band(np.eye(3)[[0, 1, 2, 2]], ece) == (0, 0, 0)


def test_bands_follow_the_seed_and_the_level():
    probabilities = confidences(300)
    assert null_band(probabilities, ece, seed=1) == null_band(probabilities, ece, seed=1)
    assert null_band(probabilities, ece, seed=1) != null_band(probabilities, ece, seed=2)
    narrow, wide = (null_band(probabilities, ece, confidence=level) for level in (0.8, 0.99))
    assert wide.low <= narrow.low < narrow.high < wide.high
    assert [type(value) for value in wide] == [float] * 3


@pytest.mark.parametrize(
    ("n", "classes", "digits"), [(1, 2, None), (7, 2, None), (130, 3, 1), (250, 3, None), (333, 10, 1), (300, 2, 2)]
)
def test_all_at_once_is_each_on_its_own(n, classes, digits):
    """The quick way has the same draws: every replicate must be that of the public function."""
    outputs = outputs_of(n, n, classes, digits=digits)
    quick = calibration_replicates(*outputs, seed=3, repeats=30)
    assert set(quick) == set(STATISTICS)
    for name, statistic in STATISTICS.items():
        slow = replicates(*outputs, statistic, seed=3, repeats=30)
        assert quick[name].value == pytest.approx(statistic(*outputs), abs=1e-9, nan_ok=True), name
        np.testing.assert_allclose(quick[name].resampled, slow.resampled, atol=1e-7, err_msg=name)
        if quick[name].by_chance is not None:
            np.testing.assert_allclose(quick[name].by_chance, slow.by_chance, atol=1e-7, err_msg=name)
            expected = calibration_interval(*outputs, statistic, seed=3, repeats=30)
            assert quick[name].interval(0.95) == pytest.approx(expected, abs=1e-7, nan_ok=True), name
            band = null_band(outputs[0], statistic, seed=3, repeats=30)
            assert quick[name].band(0.95) == pytest.approx(band, abs=1e-7, nan_ok=True), name


def replicates(probabilities, labels, statistic, *, seed, repeats) -> Replicates:
    """Each replicate by the public function, from the draws as they are documented."""
    generator = np.random.Generator(np.random.Philox(seed))
    resampled, by_chance = [], []
    for _ in range(repeats):
        chosen, uniforms = generator.integers(len(labels), size=len(labels)), generator.random(len(labels))
        resampled.append(statistic(probabilities[chosen], labels[chosen]))
        by_chance.append(statistic(probabilities, drawn(probabilities, uniforms)))
    return Replicates(value=0.0, resampled=np.array(resampled), by_chance=np.array(by_chance))


def drawn(probabilities, uniforms):
    """One label at a time: the top class below its probability, then the others in their order."""
    labels = []
    for row, uniform in zip(probabilities, uniforms, strict=True):
        order = [row.argmax(), *(k for k in range(len(row)) if k != row.argmax())]
        place = np.searchsorted(row[order].cumsum(), uniform, side="right")
        labels.append(order[min(place, len(row) - 1)])
    return np.array(labels)


def test_drawn_labels_have_the_frequencies_of_the_probabilities():
    """A statistic that looks at the labels alone sees what was drawn."""
    row = np.array([0.1, 0.6, 0.05, 0.25])
    seen = []

    def note(_, labels):
        seen.append(np.bincount(labels, minlength=4))
        return 0.0

    null_band(np.tile(row, (1000, 1)), note, repeats=50)
    # 50,000 draws: three standard errors are at most .0066.
    np.testing.assert_allclose(np.sum(seen, axis=0) / 50_000, row, atol=0.0066)


@cache
def shifted(shift: float, seed: int, *, smooth: bool) -> dict[str, Replicates]:
    """A model that is right less often by `shift` than it says, everywhere: the true error is the shift."""
    generator = np.random.default_rng(seed)
    top = 0.5 + 0.5 * generator.beta(8, 1.2, 400)
    labels = (generator.random(400) >= top - shift).astype(np.int64)
    probabilities = np.stack([top, 1 - top], axis=1)
    if smooth:
        return _smooth_replicates(probabilities, labels, seed, 100)
    return _binned_replicates(probabilities, labels, 15, seed, 100)


@pytest.mark.parametrize("name", ["ece", "ace", "rms", "debiased_ece", "smooth_ece"])
@pytest.mark.parametrize("shift", [0.0, 0.03, 0.1])
def test_intervals_cover(name, shift):
    smooth = name == "smooth_ece"
    intervals = [shifted(shift, seed, smooth=smooth)[name].interval(0.95) for seed in range(20 if smooth else 100)]
    # A smoothed gap is a little less than the gap itself: the kernel reaches where it is 0.
    held = [low <= shift <= high * (1.1 if smooth else 1) for low, high in intervals]
    # Nominal 95 %; three standard errors are .065 (.15), and 100 resamples make each a little too short.
    assert np.mean(held) >= (0.8 if smooth else 0.87)


def test_a_mean_over_forms_is_drawn_image_by_image():
    """The same form twice is no more data: neither interval nor band of the mean shrinks."""
    outputs = outputs_of(0, 300, 3)
    one = calibration_replicates(*outputs, repeats=50)["ece"]
    both = Replicates.mean([one, calibration_replicates(*outputs, repeats=50)["ece"]])
    assert both.interval(0.95) == pytest.approx(one.interval(0.95))
    assert both.band(0.95) == pytest.approx(one.band(0.95))


def test_a_value_of_exactly_0_is_not_certain():
    found = Replicates(value=0.0, resampled=np.linspace(0, 0.1, 101), by_chance=np.linspace(0, 0.1, 101))
    assert found.interval(0.9) == pytest.approx((0.0, 0.095))


def test_nearly_all_classes_of_many(recwarn):
    """More classes than samples: most bins are empty."""
    outputs = outputs_of(0, 40, 200)
    quick = calibration_replicates(*outputs, repeats=20)
    assert all(np.isfinite(found.resampled).all() for name, found in quick.items() if name != "rms_hendrycks")
    assert quick["classwise_ece"].value == pytest.approx(classwise_calibration_error(*outputs))
    assert not recwarn


@pytest.mark.parametrize(
    ("probabilities", "options", "message"),
    [
        ([[0.5, 0.6]], {}, "row 0 of the probabilities is no distribution"),
        (np.zeros((0, 2)), {}, "not be empty"),
        ([[0.5, np.nan]], {}, "first at index 0"),
        ([[0.5, np.inf]], {}, "first at index 0"),
        ([[0.5, 0.5]], {"repeats": 0}, "repeats must be an integer"),
        ([[0.5, 0.5]], {"seed": -1}, "seed must be an integer"),
        ([[0.5, 0.5]], {"confidence": 1.5}, "confidence is out of range"),
    ],
)
def test_impossible_bands(probabilities, options, message):
    with pytest.raises(ParameterError, match=message):
        null_band(probabilities, ece, **options)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [([2], {}, "labels are out of range"), ([0], {"bins": 0}, "bins must"), ([0], {"repeats": 0}, "repeats must"),
     ([0, 1], {}, "as many as the samples"), ([0], {"seed": -1}, "seed must")],
)  # fmt: skip
def test_impossible_replicates(labels, options, message):
    with pytest.raises(ParameterError, match=message):
        calibration_replicates([[0.5, 0.5]], labels, **options)
