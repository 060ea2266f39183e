"""Beside torchmetrics 1.9 and netcal 1.4: equal where the definitions coincide, and why not where they do not."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from pytest_robustness.metrics import (
    classwise_calibration_error,
    expected_calibration_error,
    reliability_bins,
)

# Both import much that warns of its own age; that says nothing about us.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import netcal.metrics as netcal
    from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

ece = expected_calibration_error


def outputs_of(seed: int, n: int = 2000, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Outputs of a model that is too sure of itself; no confidence is 1 or lies on an edge."""
    generator = np.random.default_rng(seed)
    logits = 3 * generator.normal(size=(n, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (generator.random((n, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    return probabilities**1.5 / (probabilities**1.5).sum(axis=1, keepdims=True), labels


def torchmetrics_error(probabilities: np.ndarray, labels: np.ndarray, *, bins: int = 15, norm: str = "l1") -> float:
    tensors = torch.from_numpy(probabilities), torch.from_numpy(labels)
    return float(multiclass_calibration_error(*tensors, probabilities.shape[1], n_bins=bins, norm=norm))


def binary_error(positive: np.ndarray, truth: np.ndarray) -> float:
    tensors = torch.from_numpy(np.ascontiguousarray(positive)), torch.from_numpy(truth.astype(np.int64))
    return float(binary_calibration_error(*tensors, 15))


def two_classes(confidences, correct):
    top = np.array(confidences)
    return np.stack([top, 1 - top], axis=1), 1 - np.array(correct)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("bins", [5, 10, 15])
@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_torchmetrics(seed, bins, norm):
    outputs = outputs_of(seed)
    # It sums in float32.
    assert ece(*outputs, bins=bins, norm=norm) == pytest.approx(
        torchmetrics_error(*outputs, bins=bins, norm=norm), abs=3e-5
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("bins", [5, 10, 15])
def test_netcal(seed, bins):
    outputs = outputs_of(seed)
    assert ece(*outputs, bins=bins) == pytest.approx(netcal.ECE(bins).measure(*outputs), abs=1e-12)
    assert ece(*outputs, bins=bins, norm="max") == pytest.approx(netcal.MCE(bins).measure(*outputs), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_netcal_bins_of_equal_mass(seed):
    """Its edges are quantiles between two samples, ours are ranks: the same samples where the bins divide n."""
    outputs = outputs_of(seed, n=1500)
    found = netcal.ECE(15, equal_intervals=False).measure(*outputs)
    assert ece(*outputs, binning="mass") == pytest.approx(found, abs=1e-12)
    ragged = outputs_of(seed, n=1507)
    found = netcal.ECE(15, equal_intervals=False).measure(*ragged)
    assert ece(*ragged, binning="mass") == pytest.approx(found, abs=2e-3)


@pytest.mark.parametrize("classes", [3, 10])
def test_classwise_is_the_mean_of_binary_errors(classes):
    """The *binary* error of torchmetrics bins p(y = 1) against the frequency of 1: that is one class of ours."""
    probabilities, labels = outputs_of(0, classes=classes)
    each = [binary_error(probabilities[:, k], labels == k) for k in range(classes)]
    assert classwise_calibration_error(probabilities, labels) == pytest.approx(np.mean(each), abs=3e-5)


def test_binary_of_torchmetrics_is_not_the_error_of_the_top_class():
    """torchmetrics issue 2519. A coin that always says .3 for class 1, and is right: the top class has .7."""
    outputs = two_classes([0.7] * 10 + [0.6] * 10, [1] * 5 + [0] * 5 + [1] * 10)
    binary = binary_error(outputs[0][:, 1], outputs[1])
    assert binary == pytest.approx(0.5 * 0.2 + 0.5 * 0.4, abs=1e-6)  # of class 1: .3 and .5, .4 and 0
    assert ece(*outputs) == pytest.approx(0.5 * 0.2 + 0.5 * 0.4)  # of the top class: .7 and .5, .6 and 1
    # Where both classes are predicted, samples of equal confidence are no longer together.
    mixed = np.array([[0.7, 0.3], [0.3, 0.7]] * 10), np.array([0, 0] * 10)
    binary = binary_error(mixed[0][:, 1], mixed[1])
    assert binary == pytest.approx(0.5 * 0.3 + 0.5 * 0.7, abs=1e-6)
    assert ece(*mixed) == pytest.approx(abs(0.7 - 0.5))


def test_confidence_1_has_a_bin_of_its_own_in_torchmetrics():
    """torchmetrics issue 3510: bins are [a, b), so 1 falls into one more; ours are (a, b], and 1 is in the last."""
    outputs = two_classes([1.0] * 10 + [0.96] * 10, [0] * 5 + [1] * 5 + [1] * 10)
    apart = 0.5 * 0.5 + 0.5 * 0.04
    together = abs(0.98 - 0.75)
    assert torchmetrics_error(*outputs, bins=10) == pytest.approx(apart, abs=1e-6)
    assert ece(*outputs, bins=10) == pytest.approx(together)
    assert [b.n for b in reliability_bins(*outputs, bins=10)][-1] == 20
    # netcal has numpy's histogram, whose last bin holds 1 too.
    assert netcal.ECE(10).measure(*outputs) == pytest.approx(together)


def test_an_edge_belongs_to_the_bin_above_in_torchmetrics():
    outputs = two_classes([0.5] * 4 + [0.75] * 4 + [0.7] * 4, [1, 1, 0, 0] + [0] * 4 + [1] * 4)
    ours = 8 * abs(0.725 - 0.5) / 12  # (.25, .5] holds .5 alone, (.5, .75] the others
    theirs = (8 * abs(0.6 - 0.75) + 4 * 0.75) / 12  # [.5, .75), [.75, 1)
    assert ece(*outputs, bins=4) == pytest.approx(ours)
    assert netcal.ECE(4).measure(*outputs) == pytest.approx(ours)
    assert torchmetrics_error(*outputs, bins=4) == pytest.approx(theirs, abs=1e-6)


def test_torchmetrics_counts_in_float32():
    """Its error grows with n; a sum in float64 has none to speak of."""
    outputs = outputs_of(0, n=50_000)
    exact = netcal.ECE(15).measure(*outputs)
    assert abs(ece(*outputs) - exact) < 1e-12
    assert abs(torchmetrics_error(*(a[:10_000] for a in outputs)) - ece(*(a[:10_000] for a in outputs))) < 5e-5


def test_ace_of_netcal_is_the_average_error_not_the_adaptive_one():
    """netcal's ACE weighs every bin that is not empty alike; ours has bins of equal mass."""
    outputs = outputs_of(1)
    bars = [b for b in reliability_bins(*outputs) if b.n]
    average = np.mean([abs(b.confidence - b.accuracy) for b in bars])
    found = netcal.ACE(15).measure(*outputs)
    assert found == pytest.approx(average, abs=1e-12)
    assert found != pytest.approx(ece(*outputs, binning="mass"), rel=0.05)


def test_a_few_hard_samples_blow_the_average_up():
    """As on MNIST, where an ECE of .0015 stands beside an average error of .083: sparse bins have large gaps."""
    generator = np.random.default_rng(0)
    top = np.concatenate([np.full(9900, 0.9985), generator.uniform(0.5, 0.99, 100)])
    outputs = two_classes(top, (generator.random(10_000) < top).astype(int))
    assert netcal.ACE(15).measure(*outputs) > 10 * ece(*outputs)
