"""How much the accuracy falls at a point: of the same images, so that each is compared with itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.evaluations.summaries import Estimate
from pytest_robustness.metrics import binomial_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray


def paired_difference(lost: int, won: int, n: int, *, confidence: float) -> Estimate:
    """Return the drop of an accuracy, (lost - won) / n, with its interval.

    Parameters
    ----------
    lost, won : int
        Images that were right before and are not after, and the other way round.
    n : int
        All images.
    confidence : float
        Coverage aimed at.

    Notes
    -----
    The exact intervals of the two shares are joined as by Newcombe (Statistics in Medicine 17, 1998, 2635-2650; Zou &
    Donner, ibid. 27, 2008): the distances of their ends from the shares are added as standard errors are, with the
    correlation of two classes of the same images, which is negative.
    """
    p, q = lost / n, won / n
    (p_low, p_high), (q_low, q_high) = (binomial_interval(k, n, confidence=confidence) for k in (lost, won))
    likeness = math.sqrt(p * q / ((1 - p) * (1 - q))) if p < 1 and q < 1 else 0.0

    def reach(one: float, other: float) -> float:
        return math.sqrt(one**2 + 2 * likeness * one * other + other**2)

    return Estimate(p - q, p - q - reach(p - p_low, q_high - q), p - q + reach(p_high - p, q - q_low))


def largest_drop(clean: NDArray[np.bool_], correct: NDArray[np.bool_], *, confidence: float) -> Estimate:
    """Return the largest drop at P points, with an interval that allows for the search among them.

    The intervals of the points are made at the level ``1 - (1 - confidence) / P`` (Bonferroni), so that all hold
    together.

    Parameters
    ----------
    clean : ndarray of bool, shape (N,)
        Which unchanged images are right.
    correct : ndarray of bool, shape (P, N)
        Which are right at each point.
    """
    level = 1 - (1 - confidence) / len(correct)
    pairs = np.stack([(clean & ~correct).sum(axis=1), (~clean & correct).sum(axis=1)], axis=1)
    drops = [
        paired_difference(int(lost), int(won), len(clean), confidence=level) for lost, won in np.unique(pairs, axis=0)
    ]
    return Estimate(*(max(drop[end] for drop in drops) for end in range(3)))
