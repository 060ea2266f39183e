"""Whether a probability exceeds a threshold, decided after as few draws as a stated error allows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np

from pytest_robustness.certificates.binomial import check_draws
from pytest_robustness.certificates.walk import START, advanced

FIRST = 0.55
"""Share of the error that is spent at the first look that can say "exceeds", where no draw may have failed."""

_LAST = 0.45
"""Share of the rest that is kept for the last look, so that it pardons nearly as many failures as a single look."""

_EARLIEST = 32
"""Draws before the first look, which can only give up."""

_GROWTH = 1.1
"""Draws at a look, relative to the look before."""

_STEP = 16
"""Fewest draws between two looks: smaller batches cost a model nearly as much time."""

_MARGIN = 1e-6
"""More than the sums of rounded numbers can be off, relative to the error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When to look at the draws, and which numbers of failures decide.

    Attributes
    ----------
    looks : tuple of int
        Numbers of draws, rising.
    most : tuple of int
        For each look: with at most so many failures the probability exceeds the threshold; -1 where no number says so.
    hopeless : tuple of int
        For each look: with this many failures or more the search is given up.
    error : float
        Bound on the chance that the plan ever says "exceeds" where the probability is the threshold or less.
    worthwhile : float
        The probability that has to be refuted before one gives up; below it, a success is too rare to wait for.
    loss : float
        Bound on the chance that one gives up what would have been said to exceed, for any probability.
    """

    looks: tuple[int, ...]
    most: tuple[int, ...]
    hopeless: tuple[int, ...]
    error: float
    worthwhile: float
    loss: float

    def verdict(self, look: int, failures: int) -> bool | None:
        """Return whether the threshold is exceeded, None where the draws up to a look, counted from 0, do not say."""
        if failures <= self.most[look]:
            return True
        return False if failures >= self.hopeless[look] else None

    def outlook(self, p: float) -> tuple[float, float]:
        """Return the chance to exceed the threshold, and the expected number of draws, where the probability is p."""
        walk, drawn, exceeded, expected = START, 0, 0.0, 0.0
        for look, draws in enumerate(self.looks):
            expected += (draws - drawn) * float(walk.mass.sum())
            walk, _ = advanced(walk, draws - drawn, 1 - p)
            exceeded += float(walk.between(0, self.most[look] + 1).mass.sum())
            walk, drawn = walk.between(self.most[look] + 1, self.hopeless[look]), draws
        return exceeded, expected


@lru_cache(maxsize=256)
def plan_of_looks(
    threshold: Fraction, *, error: Fraction, n: int, loss: Fraction = Fraction(0), first: float = FIRST
) -> Plan | None:
    """Return a plan to show that a probability p exceeds a threshold, with at most n draws.

    Each draw succeeds with probability p. One looks after ``n_1 < n_2 < .. < n`` draws, and says "p exceeds the
    threshold" as soon as at most ``j_i`` draws of the first n_i failed. The j_i are as large as they may be for the
    chance of ever saying so, computed for p at the threshold, to be within what may be spent up to that look; a smaller
    p fails more often. With a single look, j is that of the lower bound of Clopper and Pearson at the same error.

    A share `first` of the error is spent where nothing failed, so that the clear images, of which there are most, take
    few draws: 957 instead of 881 for p > 127/128 at an error of 0.001. Part of the rest is kept for the last look,
    which of 100,000 draws then pardons 685 failures instead of 696, and part is spent evenly for equal factors of the
    number of draws.

    One gives up as soon as more draws failed than j at the last look, which loses nothing. And as soon as they refute
    that the probability is at least p', where p' is so close to the threshold that a plan which never gives up says
    "exceeds" with a chance of at most `loss`. This is a sequential test, too, with the error `loss`, in equal parts for
    each look. So nothing is lost but with a chance of at most `loss`: by an error of this test, or below p'. (Both
    together are needed for most of it, so that the chance is rather the square of that.) That a plan gives up never
    makes it say "exceeds".

    The chances are those of a walk over the number of failures, exact but for the rounding of float64. All is rounded
    to the safe side: the sums have a relative margin of 1e-6, far more than they can be off.

    Parameters
    ----------
    threshold : Fraction
        In (0, 1).
    error : Fraction
        In (0, 1).
    n : int
        Largest number of draws, 1 to 10,000,000.
    loss : Fraction, optional
        In [0, 1).
    first : float, optional
        In (0, 1]; 1 is a single look.

    Returns
    -------
    Plan or None
        None where not even n draws without a failure would do.

    Raises
    ------
    ParameterError
        If `n` is out of its range.
    """
    check_draws("n", n)
    failing = _rounded_down(1 - threshold)
    at_once = _opening(failing, float(error), n)
    if at_once is None:
        return None
    opening = _opening(failing, float(error) * first, n)
    if first < 1 and opening is not None and opening < n:
        return _planned(_grid(opening, n), failing, float(error), float(loss), first)
    only = at_once if first >= 1 else n
    return _planned(_grid(only, only), failing, float(error), float(loss), 1.0)


def fewest_hopeless(p: float, n: int, loss: Fraction) -> int:
    """Return the smallest number of failures of n draws that refutes a probability of at least p, at the error `loss`.

    Where even all of them would not, it is n + 1.
    """
    from scipy.stats import binom

    chances = binom.sf(np.arange(n + 1) - 1, n, 1 - p)
    return int(np.searchsorted(-chances, -float(loss) * (1 - _MARGIN)))


def _planned(looks: tuple[int, ...], failing: float, error: float, loss: float, first: float) -> Plan:
    opening = _opening(failing, error * first, looks[-1]) or looks[-1]
    most, spent = _certifying(looks, failing, [error * _allowed(n, opening, looks[-1], first) for n in looks])
    patient = Plan(
        looks=looks,
        most=most,
        hopeless=(most[-1] + 1,) * len(looks),
        error=spent * (1 + _MARGIN),
        worthwhile=0.0,
        loss=0.0,
    )
    worthwhile = _worthwhile(patient, failing, loss)
    hopeless, _ = _giving_up(looks, 1 - worthwhile, [loss * (i + 1) / len(looks) for i in range(len(looks))])
    ends = tuple(min(count, most[-1] + 1) for count in hopeless)
    return replace(patient, hopeless=ends, worthwhile=worthwhile, loss=loss)


def _worthwhile(patient: Plan, failing: float, loss: float) -> float:
    """Return about the largest probability at which a plan that never gives up succeeds with a chance within `loss`.

    It is 0, which nothing refutes, where the chance is greater even if draws fail twice as often as at the threshold.
    """
    low, high = failing / 2, min(2 * failing, 1.0)

    def rare(share: float) -> bool:
        return patient.outlook(1 - share)[0] * (1 + _MARGIN) <= loss

    if not rare(high):
        return 0.0
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (low, middle) if rare(middle) else (middle, high)
    return 1 - high


def _certifying(looks: tuple[int, ...], failing: float, allowed: list[float]) -> tuple[tuple[int, ...], float]:
    """Return the largest numbers of failures that say "exceeds", for the chances allowed up to each look."""
    from scipy.stats import binom

    # More failures than a single look at all draws would pardon are never pardoned.
    ceiling = int(binom.ppf(allowed[-1], looks[-1], failing)) + 2
    walk, drawn, spent, most = START, 0, 0.0, [-1]
    for draws, share in zip(looks, allowed, strict=True):
        walk, lost = advanced(walk, draws - drawn, failing)
        spent += lost
        chances = spent + np.cumsum(walk.mass)
        passed = int(np.searchsorted(chances, share * (1 - _MARGIN), side="right"))
        spent = float(chances[passed - 1]) if passed else spent
        most.append(walk.least + passed - 1 if passed else most[-1])
        walk, drawn = walk.between(most[-1] + 1, ceiling), draws
    return tuple(most[1:]), spent


def _giving_up(looks: tuple[int, ...], failing: float, allowed: list[float]) -> tuple[tuple[int, ...], float]:
    """Return the smallest numbers of failures that refute so few of them, for the chances allowed up to each look."""
    walk, drawn, spent, hopeless = START, 0, 0.0, []
    for draws, share in zip(looks, allowed, strict=True):
        walk, lost = advanced(walk, draws - drawn, failing)
        spent += lost
        chances = spent + np.cumsum(walk.mass[::-1])
        refuted = int(np.searchsorted(chances, share * (1 - _MARGIN), side="right"))
        spent = float(chances[refuted - 1]) if refuted else spent
        hopeless.append(walk.least + len(walk.mass) - refuted)
        walk, drawn = walk.between(0, hopeless[-1]), draws
    return tuple(hopeless), spent


def _grid(opening: int, n: int) -> tuple[int, ...]:
    """Return the looks: doubling up to the first that can say "exceeds", then in equal factors up to n draws."""
    looks = [_EARLIEST * 2**i for i in range(64) if _EARLIEST * 2**i < opening]
    draws = opening
    while draws < n:
        looks.append(draws)
        draws = max(draws + _STEP, round(draws * _GROWTH))
    return (*looks, n)


def _opening(failing: float, error: float, n: int) -> int | None:
    """Return the fewest draws without a failure that show as much at this error, None where they are more than n."""
    draws = math.ceil(math.log(error * (1 - _MARGIN)) / math.log1p(-failing)) if failing else math.inf
    return int(draws) if draws <= n else None


def _allowed(draws: int, opening: int, n: int, first: float) -> float:
    """Return the share of the error that may be spent up to so many draws."""
    if draws < opening:
        return 0.0
    if draws >= n:
        return 1.0
    return first + (1 - first) * (1 - _LAST) * math.log(draws / opening) / math.log(n / opening)


def _rounded_down(share: Fraction) -> float:
    found = float(share)
    return found if Fraction(found) <= share else math.nextafter(found, 0.0)
