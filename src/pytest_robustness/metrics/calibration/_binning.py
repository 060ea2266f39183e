"""Bins of confidence, shared by all calibration errors and the reliability diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pytest_robustness.metrics._validation import checked_classes, checked_probabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from pytest_robustness.metrics._validation import Floats, Integers


class Bins(NamedTuple):
    """B bins, from low to high confidence: edges (B,), and sums over the samples of each, (B,) or (R, B) for R draws.

    `n` may be fractional: samples of equal confidence are shared out among the bins that they lie in.
    """

    low: Floats
    high: Floats
    n: Floats
    confidence: Floats
    correct: Floats

    @property
    def gap(self) -> Floats:
        """Distance of mean confidence and accuracy in each bin; 0 in an empty one."""
        return np.abs(self.confidence - self.correct) / _at_least(self.n)

    @property
    def total(self) -> Floats:
        """Number of samples in all bins, (...)."""
        total: Floats = self.n.sum(axis=-1)
        return total


SUM_TOLERANCE = 1e-6
"""How far a row may sum from 1 without a closer look."""


def mean_gap(bins: Bins) -> Floats:
    """Return sum_b w_b gap_b, with w_b the share of the samples in bin b."""
    gaps: Floats = np.abs(bins.confidence - bins.correct).sum(axis=-1) / bins.total
    return gaps


def root_mean_square_gap(bins: Bins) -> Floats:
    """Return the root of sum_b w_b gap_b**2."""
    return np.asarray(np.sqrt((bins.n * bins.gap**2).sum(axis=-1) / bins.total))


def root_mean_square_gap_but_the_last(bins: Bins) -> Floats:
    """Return the same sum without its last bin, whose samples count in the weights all the same; NaN for one bin."""
    if bins.n.shape[-1] < 2:
        return np.full(bins.gap.shape[:-1], np.nan)
    return np.asarray(np.sqrt((bins.n * bins.gap**2)[..., :-1].sum(axis=-1) / bins.total))


def largest_gap(bins: Bins) -> Floats:
    """Return the largest gap of a bin."""
    largest: Floats = bins.gap.max(axis=-1)
    return largest


def debiased_root_mean_square_gap(bins: Bins) -> Floats:
    """Return the root of sum_b w_b (gap_b**2 - a_b (1 - a_b) / (n_b - 1)), a_b the accuracy; 0 where that is negative.

    A bin of one sample adds nothing: its variance cannot be estimated. NaN where more than a tenth of the samples are
    alone, of which nothing would be said.
    """
    accuracy = bins.correct / _at_least(bins.n)
    squares = bins.gap**2 - accuracy * (1 - accuracy) / _at_least(bins.n - 1)
    total: Floats = np.where(bins.n >= 2, bins.n * squares, 0.0).sum(axis=-1)
    alone = np.where(bins.n < 2, bins.n, 0.0).sum(axis=-1)
    return np.where(10 * alone > bins.total, np.nan, np.sqrt(np.maximum(total / bins.total, 0.0)))


NORMS: dict[str, Callable[[Bins], Floats]] = {"l1": mean_gap, "l2": root_mean_square_gap, "max": largest_gap}


def confidence_and_correct(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the largest probability of each sample, (N,), and 1 where its class (the first of equals) is the label."""
    columns = _columns(probabilities)
    classes, n = columns.shape
    known = checked_classes("labels", labels, n=n, num_classes=classes)
    confidence: Floats = columns.max(axis=0)
    correct = columns[known, np.arange(n)] == confidence
    largest = columns == confidence
    if np.count_nonzero(largest) > n:
        correct = largest.argmax(axis=0) == known
    return confidence, correct.astype(np.float64)


def _columns(probabilities: npt.ArrayLike) -> Floats:
    """Return checked probabilities as (K, N): sums and maxima over classes are several times quicker that way round."""
    if isinstance(probabilities, np.ndarray) and probabilities.dtype == np.float64 and probabilities.ndim == 2:
        columns = np.ascontiguousarray(probabilities.T)
        # What is plainly sound needs no closer look; a comparison with NaN is false.
        if columns.size and len(columns) > 1 and columns.min() >= 0 and columns.max() <= 1:
            sums = columns.sum(axis=0)
            if sums.min() > 1 - SUM_TOLERANCE and sums.max() < 1 + SUM_TOLERANCE:
                return columns
    return np.ascontiguousarray(checked_probabilities(probabilities).T)


def bin_index(values: Floats, bins: int) -> Integers:
    """Return the number of the bin (a, b] of [0, 1] that each value lies in; 0 lies in the first."""
    guess = np.ceil(values * bins).astype(np.int64) - 1
    # The product is rounded: beside an edge it may point to the neighbour.
    guess -= values <= guess / bins
    guess += values > (guess + 1) / bins
    return np.clip(guess, 0, bins - 1)


def edges_of(bins: int) -> Floats:
    """Return the edges of bins of equal width.

    i / bins is rounded once, as a decimal number in a program is: 0.7 is the edge of 7 / 10 and lies below it.
    """
    return np.arange(bins + 1) / bins


def equal_width_bins(confidence: Floats, correct: Floats, bins: int) -> Bins:
    """Bins (a, b] over [0, 1]; confidence 0 lies in the first."""
    edges, index = edges_of(bins), bin_index(confidence, bins)
    n = np.bincount(index, minlength=bins).astype(np.float64)
    confidences, hits = (
        np.bincount(index, weights=weights, minlength=bins).astype(np.float64) for weights in (confidence, correct)
    )
    return Bins(edges[:-1], edges[1:], n, confidences, hits)


def equal_mass_bins(confidence: Floats, correct: Floats, bins: int) -> Bins:
    """At most `bins` bins of as equal numbers of samples as can be, none empty."""
    return _sorted_bins(confidence, correct, equal_mass_starts(len(confidence), bins))


def fixed_size_bins(confidence: Floats, correct: Floats, size: int) -> Bins:
    """Bins of `size` samples in the order of confidence; the last takes the remainder too."""
    return _sorted_bins(confidence, correct, fixed_size_starts(len(confidence), size))


def equal_mass_starts(n: int, bins: int) -> Integers:
    """Return the rank of the first sample of each bin of `equal_mass_bins`."""
    count = min(bins, n)
    return np.arange(count) * n // count


def fixed_size_starts(n: int, size: int) -> Integers:
    """Return the rank of the first sample of each bin of `fixed_size_bins`."""
    return np.arange(max(1, n // size)) * size


def _sorted_bins(confidence: Floats, correct: Floats, starts: Integers) -> Bins:
    order = np.argsort(confidence)
    ordered = confidence[order]
    n = np.diff(starts, append=len(ordered))
    return Bins(
        ordered[starts],
        ordered[starts + n - 1],
        n.astype(np.float64),
        np.add.reduceat(ordered, starts),
        np.add.reduceat(_share_among_ties(ordered, correct[order]), starts),
    )


def _share_among_ties(ordered: Floats, correct: Floats) -> Floats:
    """Give samples of equal confidence their mean correctness: else their order would decide on the bins."""
    first = np.flatnonzero(np.diff(ordered, prepend=-1.0))
    sizes = np.diff(first, append=len(ordered))
    return np.repeat(np.add.reduceat(correct, first) / sizes, sizes)


def _at_least(n: Floats, least: float = 1e-300) -> Floats:
    """Return counts to divide by: 0 / tiny is 0."""
    return np.maximum(n, least)
