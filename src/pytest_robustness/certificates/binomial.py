"""One-sided bounds of Clopper and Pearson on a probability that is estimated by sampling, sound to the last bit."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache

from pytest_robustness.certificates.thresholds import as_fraction, exact_share
from pytest_robustness.errors import ParameterError, check_number

MOST_DRAWS = 10_000_000
"""The largest number of draws for an image: beyond it plans take minutes, and models days."""

_ONE = 1 << 128
"""The unit of the sums that decide whether a rounded bound is still a bound."""


def clopper_pearson_lower(successes: int, n: int, *, confidence: Fraction | str | float = 0.999) -> float:
    """Return the lower bound of Clopper & Pearson (Biometrika 26, 1934) on a probability, for one side.

    It is the probability at which so many successes or more have the chance ``1 - confidence``. What is returned is
    never above it, however the inverse of the incomplete beta function is rounded: the chance at the number returned
    is shown to be no greater, by a sum over integers that are rounded to the safe side. Nor is it above the share of
    successes, which the bound for a confidence below a half could be.

    Parameters
    ----------
    successes : int
        From 0 to n.
    n : int
        Number of draws, >= 1.
    confidence : float, Fraction or str, optional
        In (0, 1), of this one side. A float means the decimal that it prints as.

    Returns
    -------
    float
        In [0, 1); 0 where there is no success.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    tail = 1 - exact_share(confidence, "confidence")
    successes, n = _checked_counts(successes, n)
    return _lower(successes, n, tail)


def clopper_pearson_upper(successes: int, n: int, *, confidence: Fraction | str | float = 0.999) -> float:
    """Return the upper bound of Clopper & Pearson on a probability, for one side: never below the exact one.

    Parameters
    ----------
    successes, n, confidence
        As for `clopper_pearson_lower`.

    Returns
    -------
    float
        In (0, 1]; 1 where all are successes.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    tail = 1 - exact_share(confidence, "confidence")
    successes, n = _checked_counts(successes, n)
    low = _lower(n - successes, n, tail)
    high = 1 - low
    return high if Fraction(high) >= 1 - Fraction(low) else math.nextafter(high, 2)


def samples_needed(p: Fraction | str | float, *, confidence: Fraction | str | float = 0.999) -> int:
    """Return the smallest number of draws that, all being successes, shows a probability to be greater than `p`.

    That is the smallest n with ``p^n < 1 - confidence``. With fewer draws nothing can be shown.

    Parameters
    ----------
    p : float, Fraction or str
        In (0, 1), for instance a threshold of `l0_thresholds`.
    confidence : float, Fraction or str, optional
        In (0, 1), of the lower bound.

    Returns
    -------
    int

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    share, tail = exact_share(p, "p"), 1 - exact_share(confidence, "confidence")
    with localcontext() as context:
        # Enough for numbers that differ from 1 by the least that their denominators allow.
        context.prec = 60 + 2 * len(str(max(share.denominator, tail.denominator)))
        draws = _logarithm(tail) / _logarithm(share)
        nearest = int(draws.to_integral_value())
        # Equality is not enough: where p^n = 1 - confidence, one more draw is needed.
        equal = abs(draws - nearest) < Decimal(10) ** -30
        return (nearest if equal else math.floor(draws)) + 1


def check_draws(name: str, value: object) -> None:
    """Raise ParameterError unless `value` is a number of draws that can be made: 1 to `MOST_DRAWS`."""
    check_number(name, value, minimum=1, whole=True)
    if value > MOST_DRAWS:  # type: ignore[operator]
        mend = "More draws than that would take days for an image."
        raise ParameterError(f"{name} is out of range", got=value, allowed=f"1 to {MOST_DRAWS:,} draws", mend=mend)


def feasible_draws(p: Fraction | str | float, *, confidence: Fraction | str | float = 0.999) -> int | None:
    """Return `samples_needed`, or None where these are more than can be made; that nothing exceeds 1 is known."""
    if as_fraction(p) == 1:
        return None
    needed = samples_needed(p, confidence=confidence)
    return needed if needed <= MOST_DRAWS else None


def _checked_counts(successes: int, n: int) -> tuple[int, int]:
    check_number("n", n, minimum=1, whole=True)
    check_number("successes", successes, minimum=0, whole=True)
    if successes > n:
        raise ParameterError("there are more successes than draws", got=successes, allowed=f"0 to {n}, the draws")
    return int(successes), int(n)


@lru_cache(maxsize=4096)
def _lower(successes: int, n: int, tail: Fraction) -> float:
    if successes == 0:
        return 0.0
    from scipy.special import betaincinv

    bound = min(float(betaincinv(successes, n - successes + 1, float(tail))), successes / n)
    lowered, by = math.nextafter(bound, 0.0), 2.0**-51
    while lowered > 0 and not _chance_at_most(tail, successes, n, lowered):
        lowered, by = bound * (1 - by), 2 * by
    return max(lowered, 0.0)


def _chance_at_most(tail: Fraction, successes: int, n: int, p: float) -> bool:
    """Whether so many successes or more surely have a chance of at most `tail`, where 0 < p < successes / n.

    The chances of all numbers of successes are summed in units of that of `successes` itself. From there on upwards
    they fall, and each is rounded up; downwards, each is rounded down, and the sum stops as soon as it is enough.
    """
    success, whole = p.as_integer_ratio()
    failure = whole - success
    above, chance, count = 0, _ONE, successes
    while chance > 1 and count <= n:
        above += chance
        chance = -(-chance * (n - count) * success // ((count + 1) * failure))
        count += 1
    above += n + 1 - count if count <= n else 0
    enough = above * (tail.denominator - tail.numerator)
    below, chance, count = 0, _ONE, successes
    while below * tail.numerator < enough and chance and count:
        chance = chance * count * failure // ((n - count + 1) * success)
        count -= 1
        below += chance
    return below * tail.numerator >= enough


def _logarithm(share: Fraction) -> Decimal:
    return (Decimal(share.numerator) / Decimal(share.denominator)).ln()
