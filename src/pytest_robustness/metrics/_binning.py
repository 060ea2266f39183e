"""Bins of confidence, shared by all calibration errors and the reliability diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pytest_robustness.metrics._validation import Floats, Integers


class Bins(NamedTuple):
    """B bins, from low to high confidence; arrays of shape (B,). Means of empty bins are NaN."""

    low: Floats
    high: Floats
    confidence: Floats
    accuracy: Floats
    n: Integers

    @property
    def weight(self) -> Floats:
        """Share of the samples in each bin that is not empty."""
        weights: Floats = self.n[self.n > 0] / self.n.sum()
        return weights

    @property
    def gap(self) -> Floats:
        """Distance of mean confidence and accuracy in each bin that is not empty."""
        return np.abs(self.confidence - self.accuracy)[self.n > 0]


def equal_width_bins(confidence: Floats, correct: Floats, bins: int) -> Bins:
    """Bins (a, b] over [0, 1]; confidence 0 lies in the first."""
    # i / bins is rounded once, as a decimal number in a program is: 0.7 is the edge of 7 / 10 and lies below it.
    edges = np.arange(bins + 1) / bins
    index = np.searchsorted(edges[1:], confidence, side="left")
    n = np.bincount(index, minlength=bins)
    filled = np.where(n > 0, n, np.nan)
    return Bins(
        edges[:-1],
        edges[1:],
        np.bincount(index, weights=confidence, minlength=bins) / filled,
        np.bincount(index, weights=correct, minlength=bins) / filled,
        n,
    )


def equal_mass_bins(confidence: Floats, correct: Floats, bins: int) -> Bins:
    """At most `bins` bins of as equal numbers of samples as can be, none empty."""
    n = len(confidence)
    count = min(bins, n)
    return _sorted_bins(confidence, correct, np.arange(count) * n // count)


def fixed_size_bins(confidence: Floats, correct: Floats, size: int) -> Bins:
    """Bins of `size` samples in the order of confidence; the last takes the remainder too."""
    return _sorted_bins(confidence, correct, np.arange(max(1, len(confidence) // size)) * size)


def _sorted_bins(confidence: Floats, correct: Floats, starts: Integers) -> Bins:
    order = np.argsort(confidence)
    ordered = confidence[order]
    n = np.diff(starts, append=len(ordered))
    return Bins(
        ordered[starts],
        ordered[starts + n - 1],
        np.add.reduceat(ordered, starts) / n,
        np.add.reduceat(_share_among_ties(ordered, correct[order]), starts) / n,
        n,
    )


def _share_among_ties(ordered: Floats, correct: Floats) -> Floats:
    """Give samples of equal confidence their mean correctness: else their order would decide on the bins."""
    first = np.flatnonzero(np.diff(ordered, prepend=-1.0))
    sizes = np.diff(first, append=len(ordered))
    return np.repeat(np.add.reduceat(correct, first) / sizes, sizes)
