"""Calibration errors beside torchmetrics, netcal and plain loops."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tabulate import tabulate

from benchmarks.timing import race
from pytest_robustness.metrics import (
    calibration_interval,
    calibration_replicates,
    expected_calibration_error,
    rms_calibration_error,
    smooth_calibration_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 15


def table() -> str:
    """Return milliseconds of each error and its rivals on 10,000 outputs of 10 classes, and how far they differ."""
    probabilities, labels = outputs(10_000)
    rows = []
    for name, ours, rivals in _contests(probabilities, labels):
        results = race({"ours": ours, **rivals}, rounds=ROUNDS)
        mine = results["ours"]
        for rival in rivals:
            theirs = results[rival]
            difference = abs(float(mine.result) - float(theirs.result))
            rows.append(
                [name, rival, 1e3 * mine.seconds, 1e3 * theirs.seconds, theirs.seconds / mine.seconds, difference]
            )
    headers = ["error", "beside", "ours ms", "theirs ms", "theirs / ours", "difference"]
    return "\n".join([tabulate(rows, headers=headers, floatfmt=("", "", ".2f", ".2f", ".1f", ".1e")), _replicates()])


def outputs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (n, 10) of an accurate model that is a little too sure of itself, and labels."""
    generator = np.random.Generator(np.random.Philox(1))
    logits = generator.normal(size=(n, 10))
    logits[np.arange(n), generator.integers(10, size=n)] += 8
    fair = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (fair.cumsum(axis=1) > generator.random((n, 1))).argmax(axis=1)
    return fair**1.2 / (fair**1.2).sum(axis=1, keepdims=True), labels


def _contests(
    probabilities: np.ndarray, labels: np.ndarray
) -> list[tuple[str, Callable[[], Any], dict[str, Callable[[], Any]]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from netcal.metrics import ECE, MCE
        from torchmetrics.functional.classification import multiclass_calibration_error

    tensors = torch.from_numpy(probabilities), torch.from_numpy(labels)

    def torchmetrics(norm: str) -> Callable[[], Any]:
        return lambda: multiclass_calibration_error(*tensors, 10, n_bins=15, norm=norm, validate_args=False)

    error = expected_calibration_error
    width, mass, largest = ECE(15), ECE(15, equal_intervals=False), MCE(15)
    return [
        (
            "ECE",
            lambda: error(probabilities, labels),
            {
                "torchmetrics": torchmetrics("l1"),
                "netcal": lambda: width.measure(probabilities, labels),
                "a loop over 15 bins": lambda: _loop(probabilities, labels),
            },
        ),
        ("L2 error", lambda: error(probabilities, labels, norm="l2"), {"torchmetrics": torchmetrics("l2")}),
        (
            "MCE",
            lambda: error(probabilities, labels, norm="max"),
            {"torchmetrics": torchmetrics("max"), "netcal": lambda: largest.measure(probabilities, labels)},
        ),
        (
            "adaptive ECE",
            lambda: error(probabilities, labels, binning="mass"),
            {"netcal": lambda: mass.measure(probabilities, labels)},
        ),
        (
            "RMS (without the last bin)",
            lambda: rms_calibration_error(probabilities, labels, convention="hendrycks"),
            {"the published loop": lambda: _published_rms(probabilities, labels)},
        ),
        (
            "smooth ECE",
            lambda: smooth_calibration_error(probabilities, labels),
            {"a kernel at 200 points": lambda: _kernel(probabilities, labels)},
        ),
    ]


def _replicates() -> str:
    """Return what intervals and null bands of all eleven figures take, beside one interval from repeated calls."""
    probabilities, labels = outputs(10_000)
    results = race(
        {
            "all": lambda: calibration_replicates(probabilities, labels),
            "one": lambda: calibration_interval(probabilities, labels, expected_calibration_error),
        },
        rounds=2,
    )
    return (
        f"intervals and null bands of all figures at once: {results['all'].seconds:.2f} s; "
        f"the interval of the ECE alone, from 1,000 calls: {results['one'].seconds:.2f} s"
    )


def _loop(probabilities: np.ndarray, labels: np.ndarray) -> float:
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    total = 0.0
    for low, high in itertools.pairwise(np.linspace(0, 1, 16)):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return total


def _published_rms(probabilities: np.ndarray, labels: np.ndarray, size: int = 100) -> float:
    """Hendrycks, Mazeika and Dietterich 2019: bins of 100 in the order of confidence, without the last one."""
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    order = np.argsort(confidence)
    confidence, correct, n = confidence[order], correct[order], len(order)
    total = 0.0
    for start in range(0, (n // size - 1) * size, size):
        inside = slice(start, start + size)
        total += size / n * (confidence[inside].mean() - correct[inside].mean()) ** 2
    return float(np.sqrt(total))


def _kernel(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Blasiok and Nakkiran 2023, as it is written: a matrix of kernel values for each width that is tried."""
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    points, residuals = (np.arange(200) + 0.5)[:, None] / 200, confidence - correct
    low, high = 0.0, 1.0
    for _ in range(10):
        width = (low + high) / 2
        kernel = sum(
            np.exp(-(((points - image) / width) ** 2) / 2) for image in (confidence, -confidence, 2 - confidence)
        )
        smooth = np.abs(kernel @ residuals).mean() / len(residuals) / width / np.sqrt(2 * np.pi)
        low, high = (width, high) if smooth > width else (low, width)
    return (low + high) / 2
