"""What a sample without mistakes cannot show: resamples of it have none either, and would promise too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.metrics import binomial_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Probabilities = NDArray[np.float64]
    Labels = NDArray[np.int64]
    Terms = Callable[[Probabilities, Labels], NDArray[np.float64]]


ENOUGH_MISTAKES = 5
"""From so many on, the spread of the terms shows what mistakes cost."""


def possible_gap(forms: Sequence[Probabilities], labels: Labels, confidence: float) -> float:
    """Return the largest distance of mean confidence and accuracy that the sample does not rule out.

    A calibration error over bins is at least the distance over all of them, so that its interval must reach as far.

    Parameters
    ----------
    forms : sequence of ndarray, shape (N, K)
        Probabilities of the same N samples in several forms: one cluster each.
    labels : ndarray of int, shape (N,)
    confidence : float
        Level of the exact binomial interval of the accuracy.
    """
    correct = float(np.mean([p.argmax(axis=1) == labels for p in forms]))
    claimed = float(np.mean([p.max(axis=1) for p in forms]))
    low, high = binomial_interval(correct * len(labels), len(labels), confidence=confidence)
    return max(claimed - low, high - claimed)


def possible_cost(terms: Terms, forms: Sequence[Probabilities], labels: Labels, confidence: float) -> float:
    """Return what mistakes could add to a mean over the samples where too few were seen to show what they cost.

    As large a share of the samples as may have no instance among N could have the label that is second likeliest.
    """
    n = len(labels)
    if min(int((p.argmax(axis=1) != labels).sum()) for p in forms) >= ENOUGH_MISTAKES:
        return 0.0
    share = binomial_interval(0, n, confidence=confidence).high
    more = [np.mean(terms(p, np.argsort(p, axis=1)[:, -2]) - terms(p, p.argmax(axis=1))) for p in forms]
    return share * max(0.0, float(np.mean(more)))
