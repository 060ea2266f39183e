"""Bins of the probabilities of each class: for classwise calibration errors and the parts of the Brier score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.metrics._validation import checked_outputs
from pytest_robustness.metrics.calibration._binning import bin_index

if TYPE_CHECKING:
    import numpy.typing as npt

    from pytest_robustness.metrics._validation import Floats, Integers


@dataclass(frozen=True, slots=True)
class ClassBins:
    """Sums over the samples in each of B bins of each of K classes, for R weightings of the samples.

    Parameters
    ----------
    n : ndarray, shape (R, K, B)
        Samples in the bin; the same total for each class.
    probability : ndarray, shape (R, K, B)
        Sum of the probabilities of the class.
    hits : ndarray, shape (R, K, B)
        Samples of the class.
    """

    n: Floats
    probability: Floats
    hits: Floats

    def mean_gap(self) -> Floats:
        """Return the mean over classes of sum_b w_b gap_b, (R,)."""
        gaps: Floats = np.abs(self.probability - self.hits).sum(axis=(1, 2)) / self._total() / self.n.shape[1]
        return gaps

    def reliability(self) -> Floats:
        """Return sum_k sum_b w_kb (mean probability - share of the class)**2, (R,)."""
        squares = (self.probability - self.hits) ** 2 / np.maximum(self.n, 1e-300)
        total: Floats = squares.sum(axis=(1, 2))
        return total / self._total()

    def resolution(self) -> Floats:
        """Return sum_k sum_b w_kb (share of the class in the bin - its share in all)**2, (R,)."""
        shares = self.hits.sum(axis=2, keepdims=True) / self._total()[:, None, None]
        squares = (self.hits - self.n * shares) ** 2 / np.maximum(self.n, 1e-300)
        total: Floats = squares.sum(axis=(1, 2))
        return total / self._total()

    def uncertainty(self) -> Floats:
        """Return sum_k q_k (1 - q_k) with q_k the share of class k in all samples, (R,)."""
        shares = self.hits.sum(axis=2) / self._total()[:, None]
        total: Floats = (shares * (1 - shares)).sum(axis=1)
        return total

    def _total(self) -> Floats:
        total: Floats = self.n[:, 0].sum(axis=1)
        return total


def class_bins(probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int) -> ClassBins:
    """Return the bins of outputs (N, K) with labels (N,), each sample once: R is 1."""
    checked, known = checked_outputs(probabilities, labels)
    classes = checked.shape[1]
    counts, sums = np.empty((2, 1, classes, bins))
    for k in range(classes):  # one class at a time: K N numbers of bins would be many for many classes
        values = np.ascontiguousarray(checked[:, k])
        index = bin_index(values, bins)
        counts[0, k] = np.bincount(index, minlength=bins)
        sums[0, k] = np.bincount(index, weights=values, minlength=bins)
    return ClassBins(counts, sums, count_hits(checked, known[None], bins))


def count_hits(probabilities: Floats, labels: Integers, bins: int) -> Floats:
    """Return how many samples of a class lie in each of its bins, (R, K, B), for R draws of labels (R, N)."""
    n, classes = probabilities.shape
    rows, size = np.arange(n), classes * bins
    places = (drawn * bins + bin_index(probabilities[rows, drawn], bins) for drawn in labels)
    counts = np.stack([np.bincount(place, minlength=size) for place in places])
    return counts.reshape(-1, classes, bins).astype(np.float64)


def weighted_class_bins(probabilities: Floats, labels: Integers, bins: int, weights: Floats) -> ClassBins:
    """Return the bins of checked outputs for R weightings (R, N) of the samples."""
    from scipy.sparse import csr_array

    n, classes = probabilities.shape
    across, samples = np.ascontiguousarray(weights.T), np.arange(n)

    def summed(values: Floats, index: Integers, size: int) -> Floats:
        return np.asarray(csr_array((values, (index, samples)), shape=(size, n)) @ across)

    counts, sums = np.empty((2, classes, bins, len(weights)))
    for k in range(classes):
        values = np.ascontiguousarray(probabilities[:, k])
        index = bin_index(values, bins)
        counts[k], sums[k] = summed(np.ones(n), index, bins), summed(values, index, bins)
    places = labels * bins + bin_index(probabilities[samples, labels], bins)
    hits = summed(np.ones(n), places, classes * bins).reshape(classes, bins, -1)
    return ClassBins(*(np.moveaxis(array, -1, 0) for array in (counts, sums, hits)))
