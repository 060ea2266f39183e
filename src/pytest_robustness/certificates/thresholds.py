"""Exact L0 thresholds: how likely a class must be under the noise, so that no change of r values can overturn it."""

from __future__ import annotations

import math
from bisect import bisect_left
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from numbers import Rational, Real
from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import ParameterError, check_number

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_DIGITS = 10_000


def l0_thresholds(
    alpha: Fraction | str | float,
    radius: int,
    *,
    levels: int = 1,
    p: Fraction | str | float = Fraction(1, 2),
) -> list[Fraction]:
    """Return the exact thresholds of the discrete noise of Lee et al. (NeurIPS 2019, arXiv:1906.04948).

    The noise keeps a value of the image with probability alpha, and otherwise gives it one of the K other levels, each
    with probability ``beta = (1 - alpha) / K``. A pixel of a grey image is one value; one of C channels is C of them,
    each kept and counted by itself. A class whose probability under the noise is greater than the r-th threshold at an
    image x has a probability greater than `p` at every image x' that differs from x in at most r values, and no smaller
    number does this for every classifier.

    By the lemma of Neyman and Pearson, the worst classifier collects the noisy images in the order of how much likelier
    they are from x than from x'. The values in which x and x' agree say nothing about that, however many they are. Of
    the r others, each agrees with x (probability alpha from x, beta from x'), with x' (beta, alpha), or with neither
    (the same from both). So only the number k counts, of those that agree with x less those that agree with x'::

        P(k) = coefficient of z^(k + r) in (beta + (1 - alpha - beta) z + alpha z^2)^r
        Q(k) = P(-k),       P(k) / Q(k) = (alpha / beta)^k,       k = -r .. r

    and the threshold is the mass of P that is collected from k = r downwards until the mass of Q is `p` (from k = -r
    upwards where alpha < beta). All masses are integers, over a common denominator.

    Parameters
    ----------
    alpha : Fraction, int, str or float
        Probability that a value is kept, in (0, 1). A float means the decimal that it prints as: 0.8 is 4/5.
    radius : int
        Largest number of changed values, >= 0.
    levels : int, optional
        K, >= 1: the levels are 0, 1/K, .., 1. Binary images have K = 1, images of 8 bits have K = 255.
    p : Fraction, int, str or float, optional
        In (0, 1): the probability to be kept, 1/2 for a majority.

    Returns
    -------
    list of Fraction, length radius + 1
        For r = 0 .. radius: `p` itself for r = 0, and never falling after it.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    kept, share = exact_share(alpha, "alpha"), exact_share(p, "p")
    check_number("radius", radius, minimum=0, whole=True)
    check_number("levels", levels, minimum=1, whole=True)
    other = (1 - kept) / int(levels)
    unit = math.lcm(kept.denominator, other.denominator)
    # Where a value rather changes than stays, only the order is reversed: the two probabilities change places.
    likely, rare = int(max(kept, other) * unit), int(min(kept, other) * unit)
    step = (rare, unit - likely - rare, likely)
    masses, thresholds = [1], [share]
    for _ in range(int(radius)):
        masses = convolved(masses, step)
        thresholds.append(least_share(masses[::-1], masses, share))
    return thresholds


def least_share(here: Sequence[int], there: Sequence[int], p: Fraction) -> Fraction:
    """Return the probability at one image above which a class keeps more than `p` at another, for every classifier.

    Parameters
    ----------
    here, there : sequence of int, same length and sum
        Mass of each region under the noise around the two images, over their sum. The regions come in the order of
        their likelihood ratio ``here / there``, the greatest first.
    p : Fraction
        In (0, 1).

    Returns
    -------
    Fraction
        Mass of `here` in the first regions, and in a part of the next, whose mass of `there` is `p`.
    """
    total, collected = sum(here), list(accumulate(there))
    wanted = p * total
    last = bisect_left(collected, math.ceil(wanted))
    part = (wanted - (collected[last] - there[last])) / there[last]
    return (sum(here[:last]) + part * here[last]) / total


def convolved(masses: Sequence[int], step: Sequence[int]) -> list[int]:
    """Return the coefficients of the product of two polynomials, in integers."""
    product = [0] * (len(masses) + len(step) - 1)
    for shift, factor in enumerate(step):
        if factor:
            for place, mass in enumerate(masses, start=shift):
                product[place] += factor * mass
    return product


def exact_share(value: Any, name: str, *, ends: bool = False) -> Fraction:
    """Return a probability as the fraction that is meant by it.

    Parameters
    ----------
    value : Fraction, int, str, Decimal or float
        In (0, 1), or in [0, 1] where `ends`. A float means the decimal that it prints as, 0.8 is 4/5; a str is a
        decimal or a fraction, as in ``"0.8"`` and ``"205/256"``.
    name : str
        What the error calls it.

    Raises
    ------
    ParameterError
        If it is no number, or out of range.
    """
    share = as_fraction(value)
    if share is None or not 0 <= share <= 1 or (not ends and share in (0, 1)):
        bounds = "from 0 to 1" if ends else "between 0 and 1 (greater than 0, less than 1)"
        allowed = f"a number {bounds}, as in 0.8, '0.8', '205/256' or Fraction(205, 256)"
        raise ParameterError(f"{name} is out of range", got=value, allowed=allowed)
    return share


def as_fraction(value: Any) -> Fraction | None:
    """Return the number that is meant, exactly, or None where it is none, not finite, or too long to write out."""
    if isinstance(value, bool) or not isinstance(value, str | Real | Decimal):
        return None
    if isinstance(value, Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    text = str(value)
    try:
        if "/" in text:
            return Fraction(text)
        decimal = Decimal(text)
    except (ValueError, ArithmeticError):
        return None
    # A few characters can stand for more digits than there is memory.
    if not decimal.is_finite() or abs(decimal.adjusted()) > _MOST_DIGITS:
        return None
    return Fraction(decimal)
