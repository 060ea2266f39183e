"""Single functions beside the usual way to compute the same."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from tabulate import tabulate

from benchmarks.timing import race
from pytest_robustness.metrics import auroc, average_precision, expected_calibration_error, fpr_at_tpr
from pytest_robustness.transforms import CORRUPTIONS, corrupt, gamma_brightness

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGES = 10_000


def table() -> str:
    """Return milliseconds of each function and its rival, and whether they agree."""
    rows = [_row(name, ours, rival, other) for name, ours, other, rival in _pairs()]
    headers = ["function", "beside", "ours ms", "theirs ms", "theirs / ours", "largest difference"]
    return tabulate(rows, headers=headers, floatfmt=("", "", ".2f", ".2f", ".1f", ".1e"))


def corruptions() -> str:
    """Return microseconds an image of each generated corruption, on 10,000 images of 28 x 28."""
    images = np.random.Generator(np.random.Philox(0)).integers(0, 256, (IMAGES, 28, 28), dtype=np.uint8)
    results = race({name: lambda name=name: corrupt(images, name) for name in CORRUPTIONS})  # type: ignore[misc]
    rows = [[name, 1e6 * results[name].seconds / IMAGES] for name in CORRUPTIONS]
    return tabulate(rows, headers=["corruption", "CPU us an image"], floatfmt=".1f")


def _row(name: str, ours: Callable[[], Any], rival: str, other: Callable[[], Any]) -> list[Any]:
    results = race({"ours": ours, "theirs": other}, rounds=5)
    mine, theirs = results["ours"], results["theirs"]
    difference = float(np.max(np.abs(np.asarray(mine.result, dtype=float) - np.asarray(theirs.result, dtype=float))))
    return [name, rival, 1e3 * mine.seconds, 1e3 * theirs.seconds, theirs.seconds / mine.seconds, difference]


def _pairs() -> list[tuple[str, Callable[[], Any], Callable[[], Any], str]]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    generator = np.random.Generator(np.random.Philox(1))
    images = generator.integers(0, 256, (IMAGES, 1, 28, 28), dtype=np.uint8)
    inlier, outlier = generator.normal(size=IMAGES), generator.normal(1.4, size=IMAGES)
    truth, scores = np.repeat([0, 1], IMAGES), np.concatenate([inlier, outlier])
    probabilities = generator.dirichlet(np.full(10, 0.3), IMAGES)
    labels = (probabilities.cumsum(axis=1) > generator.random((IMAGES, 1))).argmax(axis=1)
    return [
        (
            "gamma_brightness, 10,000 images",
            lambda: gamma_brightness(images, 0.6, 0.1),
            lambda: np.clip((images / np.float32(255)) ** np.float32(0.6) + np.float32(0.1), 0, 1),
            "numpy power and clip",
        ),
        ("AUROC, 20,000 scores", lambda: auroc(inlier, outlier), lambda: roc_auc_score(truth, scores), "scikit-learn"),
        (
            "average precision",
            lambda: average_precision(inlier, outlier),
            lambda: average_precision_score(truth, scores),
            "scikit-learn",
        ),
        (
            "FPR at 95 % TPR",
            lambda: fpr_at_tpr(inlier, outlier),
            lambda: _sklearn_fpr(truth, scores),
            "scikit-learn",
        ),
        (
            "ECE, 10,000 x 10",
            lambda: expected_calibration_error(probabilities, labels),
            lambda: _naive_ece(probabilities, labels),
            "a loop over 15 bins",
        ),
    ]


def _sklearn_fpr(truth: np.ndarray, scores: np.ndarray) -> float:
    from sklearn.metrics import roc_curve

    false_positive, true_positive, _ = roc_curve(truth, scores, drop_intermediate=False)
    return float(false_positive[np.argmax(true_positive >= 0.95)])


def _naive_ece(probabilities: np.ndarray, labels: np.ndarray) -> float:
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, 16)
    total = 0.0
    for low, high in itertools.pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return total
