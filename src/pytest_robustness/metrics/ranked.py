"""Two samples of scores, sorted once: all that measures how well they separate is read off the counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from pytest_robustness.metrics._validation import (
    Floats,
    Integers,
    checked_choice,
    checked_count,
    checked_floats,
    checked_share,
)

Positive = Literal["outlier", "inlier"]


class RocCurve(NamedTuple):
    """Points of a receiver operating characteristic with outliers as positive, from (0, 0) to (1, 1).

    Parameters
    ----------
    fpr, tpr : ndarray of float64, shape (P,)
        Share of the inliers, and of the outliers, that are flagged; both ascend.
    thresholds : ndarray of float64, shape (P,)
        What is flagged has this score or more; infinite where nothing is.
    """

    fpr: Floats
    tpr: Floats
    thresholds: Floats


@dataclass(frozen=True, eq=False)
class Ranked:
    """How many inliers and outliers have each of the D distinct scores.

    Made by `rank`. Every measure of separation depends on these counts only, so that neither the order of the samples
    nor a strictly increasing map of the scores changes it.

    Parameters
    ----------
    scores : ndarray of float64, shape (D,)
        Ascending, all different.
    inliers, outliers : ndarray of int64, shape (D,)
        Number of each kind with that score.
    """

    scores: Floats
    inliers: Integers
    outliers: Integers

    @cached_property
    def inliers_at_least(self) -> Integers:
        """Number of inliers with each score or more, shape (D,)."""
        return _from_above(self.inliers)

    @cached_property
    def outliers_at_least(self) -> Integers:
        """Number of outliers with each score or more, shape (D,)."""
        return _from_above(self.outliers)

    @property
    def n_inliers(self) -> int:
        """Number of inliers."""
        return int(self.inliers_at_least[0])

    @property
    def n_outliers(self) -> int:
        """Number of outliers."""
        return int(self.outliers_at_least[0])

    @cached_property
    def mirrored(self) -> Ranked:
        """The same with the two kinds exchanged and the scores negated: inliers are what is looked for."""
        return Ranked(-self.scores[::-1], self.outliers[::-1], self.inliers[::-1])

    def seen_from(self, positive: Positive) -> Ranked:
        """Return these ranks, or the mirrored ones, so that the `positive` kind stands in place of the outliers."""
        checked_choice("positive class", positive, ("outlier", "inlier"))
        return self if positive == "outlier" else self.mirrored

    @cached_property
    def outlier_placements(self) -> Floats:
        """Share of the inliers below each score, ties counting half, shape (D,)."""
        return 1 - (self.inliers_at_least - 0.5 * self.inliers) / self.n_inliers

    @cached_property
    def inlier_placements(self) -> Floats:
        """Share of the outliers above each score, ties counting half, shape (D,)."""
        return (self.outliers_at_least - 0.5 * self.outliers) / self.n_outliers

    def auroc(self) -> float:
        """Return P(outlier > inlier) + P(equal) / 2."""
        return float(self.outlier_placements @ self.outliers) / self.n_outliers

    def average_precision(self, *, positive: Positive = "outlier", prevalence: float | None = None) -> float:
        """Return the step sum under the precision-recall curve, see `~pytest_robustness.metrics.average_precision`."""
        view = self.seen_from(positive)
        share = view.prevalence(prevalence)
        recall, alarms = view.outliers_at_least / view.n_outliers, view.inliers_at_least / view.n_inliers
        precision = share * recall / (share * recall + (1 - share) * alarms)
        return float(precision @ view.outliers) / view.n_outliers

    def prevalence(self, given: float | None) -> float:
        """Return the share of outliers: `given`, or that among these samples where it is None."""
        if given is None:
            return self.n_outliers / (self.n_outliers + self.n_inliers)
        return checked_share("prevalence", given)

    def fpr_at_tpr(self, *, tpr: float = 0.95, positive: Positive = "outlier") -> float:
        """Return the share of the other kind that is flagged when `tpr` of the positive kind is."""
        share = checked_share("tpr", tpr, closed=True)
        view = self.seen_from(positive)
        return view.flagged_when(whole_share(share, view.n_outliers)) / view.n_inliers

    def flagged_when(self, caught: int) -> int:
        """Return how many inliers are flagged at the highest threshold that catches so many outliers."""
        place = int(np.searchsorted(-self.outliers_at_least, -caught, side="right")) - 1
        return int(self.inliers_at_least[place])

    def roc(self, points: int | None = None) -> RocCurve:
        """Return the curve with outliers as positive: at every score, or at some `points` that lie evenly on it."""
        fpr = np.append(0, self.inliers_at_least[::-1]) / self.n_inliers
        tpr = np.append(0, self.outliers_at_least[::-1]) / self.n_outliers
        thresholds = np.append(math.inf, self.scores[::-1])
        if points is None:
            return RocCurve(fpr, tpr, thresholds)
        # The curve rises from 0 to 2 in fpr + tpr, whatever its shape.
        places = np.linspace(0, 2, checked_count("points", points, least=2))
        chosen = np.unique(np.searchsorted(fpr + tpr, places - 1e-12))
        return RocCurve(fpr[chosen], tpr[chosen], thresholds[chosen])


def rank(inlier_scores: npt.ArrayLike, outlier_scores: npt.ArrayLike) -> Ranked:
    """Sort two samples of scores.

    Parameters
    ----------
    inlier_scores : array of floats, shape (N,)
    outlier_scores : array of floats, shape (M,)
        Larger for the more anomalous; infinities are ordinary values.

    Returns
    -------
    Ranked

    Raises
    ------
    ParameterError
        If an array is empty or holds a NaN.
    """
    inliers = np.sort(checked_floats("inlier scores", inlier_scores, finite=False))
    outliers = np.sort(checked_floats("outlier scores", outlier_scores, finite=False))
    both = np.sort(np.concatenate([inliers, outliers]))
    scores = both[np.append(True, both[1:] != both[:-1])]
    counts = [np.diff(np.searchsorted(kind, scores, side="right"), prepend=0) for kind in (inliers, outliers)]
    return Ranked(scores, counts[0], counts[1])


def whole_share(share: float, n: int) -> int:
    """Return the least whole number that is at least `share` of `n`."""
    caught = math.ceil(share * n)
    # The product may have been rounded up past a whole number.
    return caught - 1 if (caught - 1) / n >= share else caught


def _from_above(counts: Integers) -> Integers:
    return np.cumsum(counts[::-1])[::-1]
