from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import CapabilityError
from pytest_robustness.evaluations import Calibration
from pytest_robustness.metrics import brier_score, expected_calibration_error, rms_calibration_error


def test_metrics_are_those_of_the_functions(run, classifier, dataset):
    found = {m.metric: m for m in run(Calibration())}
    assert list(found) == ["ece", "ace", "mce", "rms", "brier", "nll"]
    probabilities, labels = classifier.probabilities(dataset.images), dataset.labels
    expected = {
        "ece": expected_calibration_error(probabilities, labels),
        "ace": expected_calibration_error(probabilities, labels, binning="mass"),
        "mce": expected_calibration_error(probabilities, labels, norm="max"),
        "rms": rms_calibration_error(probabilities, labels),
        "brier": brier_score(probabilities, labels),
        "nll": log_loss(labels, probabilities),
    }
    assert {name: m.value for name, m in found.items()} == pytest.approx(expected)
    assert found["brier"].value == pytest.approx(2 * brier_score_loss(labels, probabilities[:, 1]))
    assert not any(m.higher_is_better for m in found.values())
    assert all(m.low <= m.value <= m.high for m in found.values())
    assert sum(bar["n"] for bar in found["ece"].details["bins"]) == 10


def always(p):
    return load_classifier(lambda images: np.tile([1 - p, p], (len(images), 1)), outputs="probabilities")


def test_by_hand(run):
    # "Class 1 with 3/4" for all, four of ten are: |0.4 - 0.75| in the one bin that is not empty.
    found = {m.metric: m for m in run(Calibration(), model=always(0.75))}
    for name in ("ece", "ace", "mce", "rms"):
        assert found[name].value == pytest.approx(0.35)
    assert found["brier"].value == pytest.approx(0.4 * 2 * 0.25**2 + 0.6 * 2 * 0.75**2)
    assert found["nll"].value == pytest.approx(-0.4 * math.log(0.75) - 0.6 * math.log(0.25))


def test_certainty_that_is_wrong(run):
    found = {m.metric: m for m in run(Calibration(), model=always(1.0))}
    assert found["nll"].value == math.inf
    assert (found["nll"].low, found["nll"].high) == (0.0, math.inf)
    assert found["ece"].value == pytest.approx(0.6)


def test_the_number_of_bins_counts(run):
    few, many = run(Calibration(bins=2))[0].value, run(Calibration(bins=40))[0].value
    assert few != many


def test_labels_alone_have_no_calibration(run):
    model = load_classifier(lambda images: np.zeros(len(images), np.int64), outputs="labels", num_classes=2)
    with pytest.raises(CapabilityError, match="offers no probabilities"):
        run(Calibration(), model=model)
