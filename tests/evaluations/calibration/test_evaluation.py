from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset
from pytest_robustness.errors import CapabilityError, ConfigurationError, ParameterError
from pytest_robustness.evaluations import Calibration, Threshold, judge, make_requirement
from pytest_robustness.evaluations.verdicts import RULES
from pytest_robustness.metrics import (
    brier_decomposition,
    brier_score,
    classwise_calibration_error,
    debiased_calibration_error,
    expected_calibration_error,
    log_losses,
    mean_interval,
    null_band,
    rms_calibration_error,
    smooth_calibration_error,
)

ERRORS = (
    *("ece", "ace", "mce", "rms", "classwise_ece", "debiased_ece", "smooth_ece", "rms_hendrycks"),
    "brier_reliability",
)
"""The metrics that are biased upward, and have a null band."""


def test_metrics_are_those_of_the_functions(run, classifier, dataset):
    found = {m.metric: m for m in run(Calibration())}
    assert list(found)[:6] == ["ece", "ace", "mce", "rms", "brier", "nll"]
    probabilities, labels = classifier.probabilities(dataset.images), dataset.labels
    expected = {
        "ece": expected_calibration_error(probabilities, labels),
        "ace": expected_calibration_error(probabilities, labels, binning="mass"),
        "mce": expected_calibration_error(probabilities, labels, norm="max"),
        "rms": rms_calibration_error(probabilities, labels),
        "brier": brier_score(probabilities, labels),
        "nll": log_loss(labels, probabilities),
        "classwise_ece": classwise_calibration_error(probabilities, labels),
        "debiased_ece": debiased_calibration_error(probabilities, labels),
        "smooth_ece": smooth_calibration_error(probabilities, labels),
        "rms_hendrycks": rms_calibration_error(probabilities, labels, convention="hendrycks"),
        "brier_reliability": brier_decomposition(probabilities, labels).reliability,
        "brier_resolution": brier_decomposition(probabilities, labels).resolution,
        "brier_uncertainty": brier_decomposition(probabilities, labels).uncertainty,
    }
    assert set(found) == set(expected)
    assert {name: found[name].value for name in expected} == pytest.approx(expected, nan_ok=True)
    assert found["brier"].value == pytest.approx(2 * brier_score_loss(labels, probabilities[:, 1]))
    assert [name for name, m in found.items() if m.higher_is_better] == ["brier_resolution"]
    # Ten samples: one bin of a hundred, and bins of one sample each.
    assert {name for name, m in found.items() if np.isnan(m.value)} == {"rms_hendrycks", "debiased_ece"}
    assert all(m.low <= m.value <= m.high for m in found.values() if not np.isnan(m.value))
    assert sum(bar["n"] for bar in found["ece"].details["bins"]) == 10


def always(p):
    return load_classifier(lambda images: np.tile([1 - p, p], (len(images), 1)), outputs="probabilities")


def test_by_hand(run):
    # "Class 1 with 3/4" for all, four of ten are: |0.4 - 0.75| in the one bin that is not empty.
    found = {m.metric: m for m in run(Calibration(), model=always(0.75))}
    for name in ("ece", "ace", "mce", "rms", "classwise_ece"):
        assert found[name].value == pytest.approx(0.35)
    assert found["brier"].value == pytest.approx(0.4 * 2 * 0.25**2 + 0.6 * 2 * 0.75**2)
    assert found["nll"].value == pytest.approx(-0.4 * math.log(0.75) - 0.6 * math.log(0.25))


def test_certainty_that_is_wrong(run):
    found = {m.metric: m for m in run(Calibration(), model=always(1.0))}
    assert found["nll"].value == math.inf
    assert (found["nll"].low, found["nll"].high) == (math.inf, math.inf)
    for rule in RULES:
        assert judge(found["nll"], Threshold("nll", "<=", 100), rule=rule).decision == "failed"
    assert found["ece"].value == pytest.approx(0.6)


def test_the_number_of_bins_counts(run):
    few, many = run(Calibration(bins=2))[0].value, run(Calibration(bins=40))[0].value
    assert few != many


def test_labels_alone_have_no_calibration(run):
    model = load_classifier(lambda images: np.zeros(len(images), np.int64), outputs="labels", num_classes=2)
    with pytest.raises(CapabilityError, match="offers no probabilities"):
        run(Calibration(), model=model)


def test_every_error_has_its_null_band(run, classifier, dataset):
    found = {m.metric: m for m in run(Calibration())}
    for name, m in found.items():
        if np.isnan(m.value):
            assert ("null_band" in m.details, m.noise_floor) == (False, 0)
            assert judge(m, Threshold(name, "<=", 1), rule="regress").decision == "failed"
        elif name in ERRORS:
            band = m.details["null_band"]
            assert 0 <= band["low"] <= band["mean"] <= 1
            assert m.noise_floor == band["high"] >= band["low"]
        else:
            assert ("null_band" in m.details, m.noise_floor) == (False, 0)
    expected = null_band(classifier.probabilities(dataset.images), expected_calibration_error)
    assert tuple(found["ece"].details["null_band"].values()) == pytest.approx(expected)
    assert json.loads(json.dumps(found["ece"].details)) == found["ece"].details


@pytest.mark.parametrize("n", [1, 2, 5, 20, 50])
def test_a_sample_without_mistakes_proves_little(run, n):
    # Confident of all, right in all: 80 % accuracy is not ruled out by fewer than 17 samples, nor an ECE of 0.2.
    images = np.zeros((n, 1, 4, 4), np.float32)
    data = as_dataset((images, np.ones(n, np.int64)))
    found = {m.metric: m for m in run(Calibration(), model=always(1 - 1e-9), data=data)}
    # At 95 % the accuracy may be as low as 0.025 ** (1 / n), the exact lower end for n of n.
    least = 1 - 0.025 ** (1 / n)
    for name in ("ece", "ace", "mce", "rms", "smooth_ece"):
        assert found[name].high >= min(0.999, least - 1e-6), name
    assert found["classwise_ece"].high >= least / 2 - 1e-6
    assert found["brier"].high >= 2 * least - 1e-6
    assert found["nll"].high >= least * 20


def calibrated(n, seed=0):
    """A model with one probability for each of its images, and labels drawn from them."""
    generator = np.random.default_rng(seed)
    probabilities = generator.uniform(0.02, 0.98, n)
    labels = (generator.random(n) < probabilities).astype(np.int64)
    images = np.repeat(probabilities.astype(np.float32), 4).reshape(n, 1, 2, 2)

    def outputs(images):
        bright = images.mean(axis=(1, 2, 3)).astype(np.float64)
        return np.stack([1 - bright, bright], axis=1)

    return load_classifier(outputs, outputs="probabilities", num_classes=2), as_dataset((images, labels))


def test_a_calibrated_model_never_passes_by_luck(run):
    """Half of all samples would meet a bound at the median of chance; none is said to."""
    decisions = []
    for seed in range(8):
        model, data = calibrated(300, seed)
        ece = run(Calibration(), model=model, data=data)[0]
        bound = ece.details["null_band"]["mean"]
        decisions += [judge(ece, Threshold("ece", "<=", bound), rule=rule).decision for rule in ("point", "verify")]
        assert judge(ece, Threshold("ece", "<=", 0.3), rule="point").decision == "passed"
    assert set(decisions) == {"inconclusive"}


def test_a_model_that_is_far_off_fails_even_below_the_band(run):
    model, data = always(0.99), calibrated(300)[1]
    ece = run(Calibration(), model=model, data=data)[0]
    assert judge(ece, Threshold("ece", "<=", ece.noise_floor / 2), rule="point").decision == "failed"


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_can_be_gated(name, run):
    requirement = make_requirement("calibration", {f"max_{name}": 0.5, "bins": 10})
    main, *others = run(requirement.evaluation)
    judged = [t for _, t in requirement.judged(replace(main, others=tuple(others))) if t is not None]
    assert judged == [Threshold(name, "<=", 0.5)]


def test_resolution_of_chance_is_taken_off(run):
    # Confidences that say nothing: what resolution there is comes from chance alone.
    generator = np.random.default_rng(0)
    images = generator.random((200, 1, 4, 4)).astype(np.float32)
    data = as_dataset((images, generator.integers(2, size=200)))
    model = load_classifier(lambda x: np.stack([4 * x[:, 0, 0, 0] - 2, 2 - 4 * x[:, 0, 0, 0]], axis=1), num_classes=2)
    found = {m.metric: m for m in run(Calibration(), model=model, data=data)}["brier_resolution"]
    assert found.value > 0
    assert found.low < found.value / 4


def test_mistakes_that_were_seen_are_not_charged_again(run):
    labels = np.r_[np.ones(95, np.int64), np.zeros(5, np.int64)]
    data = as_dataset((np.zeros((100, 1, 4, 4), np.float32), labels))
    found = {m.metric: m for m in run(Calibration(), model=always(0.95), data=data)}
    assert found["nll"].high == pytest.approx(mean_interval(log_losses([[0.05, 0.95]] * 100, labels)).high)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bins": 0}, "bins is out of range"),
        ({"bins": 2.5}, "bins is out of range"),
        ({"bin": 3}, "parameter of the family 'calibration': got 'bin'.*allowed: bins, under.*Did you mean 'bins'"),
        ({"max_ecee": 0.1}, "threshold of the family 'calibration'.*Did you mean 'max_ece'"),
        ({"eps": 0.1}, "go with under='adversarial'"),
        ({"max_ece": 5}, "5 % is 0.05"),
    ],
)
def test_impossible_parameters(parameters, message):
    with pytest.raises(ConfigurationError, match=message):
        make_requirement("calibration", parameters)


def test_parameters_are_hashable_and_named(run):
    assert Calibration() == Calibration(bins=15)
    assert len({Calibration(), Calibration(10), Calibration(temperature=2)}) == 3
    assert Calibration(temperature=2).parameters() == {"temperature": 2.0}
    with pytest.raises(ParameterError, match="unknown parameter of the family 'calibration'"):
        Calibration(corruptions=["fog"])


def test_bins_are_no_part_of_the_outcomes():
    one, other = Calibration(bins=5, temperature=2.0), Calibration(temperature=2.0)
    assert one.parameters() != other.parameters()
    assert one.outcome_parameters() == other.outcome_parameters() == {"temperature": 2.0}
