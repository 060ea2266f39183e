"""Measures of separation against pytorch-ood and torchmetrics, and the one place where they differ."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from pytest_robustness.metrics import auroc, average_precision, fpr_at_tpr
from tests.metrics.pytorch_ood_parts import part

SCORES = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=30)

theirs = part("metrics.functional")


def labelled(inliers, outliers):
    """Scores and labels as pytorch-ood takes them: outliers have a negative one."""
    return torch.tensor([*inliers, *outliers], dtype=torch.float64), torch.tensor(
        [0] * len(inliers) + [-1] * len(outliers)
    )


@given(SCORES, SCORES)
def test_pytorch_ood(inliers, outliers):
    scores, labels = labelled(inliers, outliers)
    assert auroc(inliers, outliers) == pytest.approx(float(theirs.auroc(scores, labels)), abs=1e-12)
    # Outliers are positive there, and the threshold is the first that reaches the rate.
    assert fpr_at_tpr(inliers, outliers) == pytest.approx(float(theirs.fpr_at_tpr(scores, labels)), abs=1e-12)
    turned, labels = labelled(np.negative(outliers), np.negative(inliers))
    expected = float(theirs.fpr_at_tpr(turned, labels))
    assert fpr_at_tpr(inliers, outliers, positive="inlier") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("positive", "name"), [("outlier", "ood"), ("inlier", "id")])
def test_pytorch_ood_joins_the_points_of_precision_and_recall(positive, name):
    generator = np.random.default_rng(0)
    inliers, outliers = generator.normal(size=10_000), generator.normal(1.36, 1, 10_000)
    expected = float(theirs.aupr(*labelled(inliers, outliers), positive=name))
    found = average_precision(inliers, outliers, positive=positive)
    assert found == pytest.approx(expected, abs=3e-5)
    # Straight lines overrate the few points of many ties: by a precision that no threshold has.
    few = float(theirs.aupr(*labelled([0.0, 1.0, 1.0], [1.0, 1.0, 2.0]), positive="ood"))
    assert few > average_precision([0.0, 1.0, 1.0], [1.0, 1.0, 2.0]) + 0.05


@given(SCORES, SCORES)
def test_torchmetrics(inliers, outliers):
    scores, labels = labelled(inliers, outliers)
    scores, truth = (scores + 3) / 6, -labels
    assert auroc(inliers, outliers) == pytest.approx(float(binary_auroc(scores, truth)), abs=1e-6)
    assert average_precision(inliers, outliers) == pytest.approx(
        float(binary_average_precision(scores, truth)), abs=1e-6
    )
