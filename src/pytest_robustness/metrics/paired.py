"""How much two models differ: on the same images, image by image, or on others, by their intervals."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics._validation import checked_count, checked_floats, checked_share
from pytest_robustness.metrics.intervals import Interval, binomial_interval
from pytest_robustness.metrics.means import bounded_mean_interval

if TYPE_CHECKING:
    from collections.abc import Callable

_NUISANCE = 0.05
"""Share of the error that is spent on not knowing how many images change at all."""

_PLACES = 9
"""Shares of images that change at which a tail is looked at, from end to end."""

_STEPS = 30
_DEVIATIONS = 9.0
_ROUNDING = 1e-9


class Mcnemar(NamedTuple):
    """Tail probabilities of the exact McNemar test: that as many images are lost, or won, where both are as likely."""

    lost: float
    won: float

    @property
    def p(self) -> float:
        """The two-sided p-value."""
        return min(1.0, 2 * min(self.lost, self.won))


def mcnemar(lost: int, won: int) -> Mcnemar:
    """Return the exact McNemar test of two models on the same images.

    McNemar (Psychometrika 12, 1947), with the binomial distribution instead of its approximation: of the images that
    only one of the models has right, each has either one right with probability 1/2 where the two are equally accurate.

    Parameters
    ----------
    lost, won : int
        Images that only the first, or only the second model has right.

    Raises
    ------
    ParameterError
        For numbers that are no counts.
    """
    from scipy.special import bdtr

    changed = checked_count("lost", lost, least=0) + checked_count("won", won, least=0)
    # At least k of m heads: as likely as at most m - k.
    return Mcnemar(float(bdtr(won, changed, 0.5)), float(bdtr(lost, changed, 0.5)))


def paired_interval(lost: int, won: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Return an interval for the change of an accuracy, measured on the same images before and after.

    Each end is a bound of its own with the error ``(1 - confidence) / 2``. It is found by inverting tests: where the
    change is none, the exact test of McNemar, so that the interval lies on one side of 0 just where that test says so;
    elsewhere the distribution of the score statistic of Tango (Statistics in Medicine 17, 1998, 891-908), summed
    exactly, at the worst of the shares of images that may change at all. That share is first bounded by its exact
    interval, and the error of this is paid for (Berger & Boos, Journal of the American Statistical Association 89,
    1994); the worst is looked for at nine places.

    Parameters
    ----------
    lost, won : int
        Images that were right before and are not after, and the other way round.
    n : int
        All images.
    confidence : float, optional
        Coverage, in (0, 1).

    Returns
    -------
    Interval
        Of ``(won - lost) / n``, in [-1, 1].

    Raises
    ------
    ParameterError
        If there are more images that changed than images.
    """
    checked_count("n", n)
    test = mcnemar(lost, won)
    if lost + won > n:
        raise ParameterError("more images changed than there are", got=lost + won, allowed=f"0 to {n}")
    tail = (1 - checked_share("confidence", confidence)) / 2
    low = _beside_zero(-_largest(lost, won, n, tail), above=test.won <= tail)
    high = -_beside_zero(-_largest(won, lost, n, tail), above=test.lost <= tail)
    return Interval(low + 0.0, high + 0.0)  # no -0.0


def mean_change_interval(before: npt.ArrayLike, after: npt.ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Return an interval for the change of a mean of shares of the same images, one share for each image.

    An image counts with the difference of its shares: that is what makes it paired. The interval is that of
    `bounded_mean_interval` for the differences, moved into [0, 1]: differences are mostly none and rarely large, so
    that any that goes by their observed spread covers too rarely.

    Parameters
    ----------
    before, after : array of floats, shape (N,)
        In [0, 1].
    confidence : float, optional
        Coverage, in (0, 1).

    Raises
    ------
    ParameterError
        If the arrays differ in length, are empty or hold values outside [0, 1].
    """
    first, second = checked_floats("before", before), checked_floats("after", after)
    if first.shape != second.shape:
        raise ParameterError("shares of different images cannot be paired", got=second.shape, allowed=str(first.shape))
    both = (first, second)
    if any(((shares < 0) | (shares > 1)).any() for shares in both):
        raise ParameterError("a value is no share", got=[float(s.min()) for s in both], allowed="[0, 1]")
    low, high = bounded_mean_interval((1 + second - first) / 2, confidence=checked_share("confidence", confidence))
    return Interval(2 * low - 1, 2 * high - 1)


def unpaired_interval(before: tuple[float, Interval], after: tuple[float, Interval]) -> Interval:
    """Return an interval for the change between two values that were measured independently, from their intervals.

    The distances of the ends from the values are added as standard errors are (Newcombe, Statistics in Medicine 17,
    1998, 873-890, method 10; Zou & Donner, ibid. 27, 2008): as good as the two intervals are.

    Parameters
    ----------
    before, after : (float, Interval)
        A value with its interval; both of one confidence, which is that of the result. NaN makes the result NaN.
    """
    (old, (old_low, old_high)), (new, (new_low, new_high)) = before, after
    change = new - old
    down, up = math.hypot(new - new_low, old_high - old), math.hypot(new_high - new, old - old_low)
    return Interval(change - down, change + up)


def _beside_zero(bound: float, *, above: bool) -> float:
    """Return a lower bound that is above 0, or 0, just where the test at 0 says that the change is."""
    return max(bound, 0.0) if above else min(bound, 0.0)


@lru_cache(maxsize=4096)  # models side by side ask for the same again and again
def _largest(lost: int, won: int, n: int, tail: float) -> float:
    """Return the largest drop, ``lost - won`` of n, that leaves what was seen, or less, a probability above `tail`."""
    spent = _NUISANCE * tail
    least, most = binomial_interval(lost + won, n, confidence=1 - spent)
    seen = (lost - won) / n

    def likely(drop: float) -> bool:
        shares = np.linspace(max(least, abs(drop)), max(most, abs(drop)), _PLACES)
        return _as_small(lost, won, drop, shares, n) > tail - spent

    return most if likely(most) else _last(likely, seen, most)


def _last(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Return, rounded outwards, where a property ends that holds at one number and not at another."""
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return outside


def _as_small(lost: int, won: int, drop: float, shares: npt.NDArray[np.float64], n: int) -> float:
    """Return the largest probability, over shares of images that change, of a score that is at most the one seen."""
    from scipy.special import bdtr, gammaln, xlog1py, xlogy

    reach = _DEVIATIONS * math.sqrt(n * shares[-1]) + _DEVIATIONS
    counts = np.arange(max(0, int(n * shares[0] - reach)), min(n, int(n * shares[-1] + reach)) + 1)
    column = shares[:, None]
    choices = gammaln(n + 1) - gammaln(counts + 1) - gammaln(n - counts + 1)
    weights = np.exp(choices + xlogy(counts, column) + xlog1py(n - counts, -column))
    with np.errstate(invalid="ignore", divide="ignore"):
        losing = np.where(column > 0, (1 + drop / column) / 2, 0.5).clip(0, 1)
    most = _most_lost(counts, float(_score(np.array([lost]), np.array([won]), drop, n)[0]), drop, n)
    inside = np.where(most < 0, 0.0, bdtr(np.clip(most, 0, counts), counts, losing))
    return float((weights * inside).sum(axis=1).max())


def _most_lost(changed: npt.NDArray[np.int64], score: float, drop: float, n: int) -> npt.NDArray[np.int64]:
    """Return for each number of images that change how many may be lost with no higher score; -1 where none may."""
    low, high = np.full(len(changed), -1), changed.copy()
    while (low < high).any():
        middle = (low + high + 1) // 2
        fits = _score(middle, changed - middle, drop, n) <= score + _ROUNDING
        low, high = np.where(fits, middle, low), np.where(fits, high, middle - 1)
    return low


def _score(lost: npt.NDArray[np.int64], won: npt.NDArray[np.int64], drop: float, n: int) -> npt.NDArray[np.float64]:
    """Return the score statistic of a drop (Tango 1998); it grows with what is lost."""
    linear = (2 * n - lost + won) * drop - lost - won
    least = (np.sqrt(np.maximum(linear**2 + 8 * n * won * drop * (1 - drop), 0)) - linear) / (4 * n)
    variance = n * (2 * least + drop * (1 - drop))
    beyond = lost - won - n * drop
    with np.errstate(invalid="ignore", divide="ignore"):
        certain = np.where(np.abs(beyond) < _ROUNDING, 0.0, np.sign(beyond) * np.inf)
        return np.where(variance > _ROUNDING, beyond / np.sqrt(np.maximum(variance, 0)), certain)
