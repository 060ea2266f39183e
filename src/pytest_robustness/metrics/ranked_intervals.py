"""Intervals for what `ranked` measures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pytest_robustness.metrics._validation import Floats, Integers, checked_share
from pytest_robustness.metrics.intervals import Interval, binomial_interval, logit_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_robustness.metrics.ranked import Positive, Ranked

_ENOUGH = 5.0
"""Effective number of samples on the rarer side (of n v and n (1 - v)) from which on the logit is nearly normal."""


class _Spread(NamedTuple):
    """The variance of the mean of one kind's values, how many they are, and whether they are all alike."""

    variance: float
    n: int
    flat: bool


def mean_auroc_interval_of(ranked: Sequence[Ranked], inlier_scores: Floats, *, confidence: float = 0.95) -> Interval:
    """Return the interval for the mean of areas that share their inliers.

    Parameters
    ----------
    ranked : sequence of Ranked, length J
        One for each set of outliers, all with the same inliers.
    inlier_scores : ndarray of float64, shape (N,)
        The scores of these inliers.
    confidence : float, optional
    """
    level = checked_share("confidence", confidence)
    value = math.fsum(r.auroc() for r in ranked) / len(ranked)
    # An inlier counts in every area: its placements are averaged first, so that the areas' covariance is in theirs.
    shared = np.mean([r.inlier_placements[np.searchsorted(r.scores, inlier_scores)] for r in ranked], axis=0)
    spreads = [_spread(r.outlier_placements, r.outliers, sets=len(ranked)) for r in ranked]
    return _interval(value, [_spread(shared, np.ones(len(shared), np.int64)), *spreads], level)


def auroc_interval_of(ranked: Ranked, *, confidence: float = 0.95) -> Interval:
    """Return the interval for an area, see `~pytest_robustness.metrics.auroc_interval`."""
    spreads = [_spread(ranked.inlier_placements, ranked.inliers), _spread(ranked.outlier_placements, ranked.outliers)]
    return _interval(ranked.auroc(), spreads, checked_share("confidence", confidence))


def average_precision_interval_of(
    ranked: Ranked, *, positive: Positive = "outlier", prevalence: float | None = None, confidence: float = 0.95
) -> Interval:
    """Return the interval for an average precision, see `~pytest_robustness.metrics.average_precision_interval`."""
    level = checked_share("confidence", confidence)
    view = ranked.seen_from(positive)
    share = view.prevalence(prevalence)
    recall, alarms = view.outliers_at_least / view.n_outliers, view.inliers_at_least / view.n_inliers
    flagged = share * recall + (1 - share) * alarms
    precision, weight = share * recall / flagged, view.outliers / view.n_outliers
    value = min(1.0, float(precision @ weight))
    # What one more sample of either kind at each score would change: the value is a smooth function of both
    # distributions, so that the variance of these is the first order of its own (the delta method).
    slope = weight * share * (1 - share) / flagged**2
    of_outliers = precision + np.cumsum(slope * alarms) - slope @ (alarms * recall)
    of_inliers = value - np.cumsum(slope * recall) + slope @ (recall * alarms)
    spreads = [_spread(of_outliers, view.outliers), _spread(of_inliers, view.inliers)]
    usual = _interval(value, spreads, level)
    # Once more with half an inlier above all scores: precision among the highest of them rests on few samples.
    alarms = (alarms * view.n_inliers + 0.5) / (view.n_inliers + 0.5)
    lowered = _interval(float((share * recall / (share * recall + (1 - share) * alarms)) @ weight), spreads, level)
    return Interval(min(usual.low, lowered.low), max(usual.high, lowered.high))


def fpr_interval_of(
    ranked: Ranked, *, tpr: float = 0.95, positive: Positive = "outlier", confidence: float = 0.95
) -> Interval:
    """Return the interval for a rate of false positives, see `~pytest_robustness.metrics.fpr_interval`."""
    level, share = checked_share("confidence", confidence), checked_share("tpr", tpr, closed=True)
    view = ranked.seen_from(positive)
    fewest, most = _caught_by_chance(view.n_outliers, share, tail=(1 - level) / 4)
    low, high = 0.0, 1.0
    if fewest > 0:
        low = binomial_interval(view.flagged_when(fewest), view.n_inliers, confidence=(1 + level) / 2).low
    if most <= view.n_outliers:
        high = binomial_interval(view.flagged_when(most), view.n_inliers, confidence=(1 + level) / 2).high
    return Interval(low, high)


def _caught_by_chance(n: int, share: float, *, tail: float) -> tuple[int, int]:
    """Return how few and how many of `n` the true threshold may catch, each but for a chance of `tail`.

    The true threshold catches a share of all outliers. The `fewest` is 0, and the `most` is n + 1, where so small a
    sample bounds nothing.
    """
    from scipy.special import bdtr, bdtrc

    numbers = np.arange(n + 1, dtype=np.float64)
    fewest = int(np.argmax(bdtr(numbers, n, share) >= tail))
    most = int(np.argmax(bdtrc(numbers, n, share) <= tail)) + 1
    return fewest, most


def _spread(values: Floats, counts: Integers, *, sets: int = 1) -> _Spread:
    """Return the variance of the mean of values that occur `counts` times each; of its share in a mean of `sets`.

    Two half observations, of 0 and of 1, are added: next to a perfect separation nearly all values are alike, and
    their own variance is far too small.
    """
    n = int(counts.sum())
    mean = (float(values @ counts) + 0.5) / (n + 1)
    squares = float((values - mean) ** 2 @ counts) + 0.5 * mean**2 + 0.5 * (1 - mean) ** 2
    occurring = values[counts > 0]
    return _Spread(squares / ((n + 1) * n) / sets**2, n, bool(np.ptp(occurring) == 0))


def _interval(value: float, spreads: Sequence[_Spread], confidence: float) -> Interval:
    """Return an interval on the logit scale, or the exact binomial one where the value is too near to 0 or 1.

    Quantiles are Student's, with the degrees of freedom of Satterthwaite (Biometrics Bulletin 2, 1946). The binomial
    interval is that of the number of independent trials with the same variance (Korn & Graubard, Survey Methodology
    24, 1998), half a success and half a failure added.
    """
    from scipy.special import ndtri, stdtrit

    value = min(1.0, value)
    fewest = min(spread.n for spread in spreads)
    variance = sum(spread.variance for spread in spreads)
    degrees = variance**2 / sum(spread.variance**2 / max(spread.n - 1, 1) for spread in spreads)
    quantile = (1 + confidence) / 2
    widening = float(stdtrit(max(degrees, 1.0), quantile) / ndtri(quantile))
    shrunk = (value * fewest + 0.5) / (fewest + 1)
    trials = max(1.0, shrunk * (1 - shrunk) / variance)
    flat = all(spread.flat for spread in spreads)
    if flat:  # ties only, or a perfect separation: no variance was seen
        trials = min(trials, fewest)
    if flat or trials * min(value, 1 - value) < _ENOUGH:
        return binomial_interval(value * trials, trials, confidence=confidence)
    return logit_interval(value, math.sqrt(variance) * widening, confidence=confidence)
