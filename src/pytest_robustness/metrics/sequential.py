"""Bounds on the number of successes in a finite population, while it is still being drawn."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from numbers import Real

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics._validation import checked_count, checked_share

_LARGEST_POPULATION = 10**12
_LARGEST_PRIOR = 1e6


def certain_bounds(successes: int, failures: int, population: int) -> tuple[int, int]:
    """Return the smallest and the largest number of successes in the population that are still possible.

    What was not drawn may all be failures, or all successes: ``(successes, population - failures)``.

    Parameters
    ----------
    successes, failures : int
        How often each was drawn, without replacement.
    population : int
        Number of all samples, at least ``successes + failures``.

    Returns
    -------
    (int, int)

    Raises
    ------
    ParameterError
        If a number is out of its range.
    """
    successes, failures = checked_count("successes", successes, least=0), checked_count("failures", failures, least=0)
    population = checked_count("population", population)
    if successes + failures > population:
        raise ParameterError(
            "more was drawn than there is", got=successes + failures, allowed=f"0 to {population}, the population"
        )
    return successes, population - failures


def sequential_bounds(
    successes: int, drawn: int, population: int, *, alpha: float, prior: tuple[float, float] = (1.0, 1.0)
) -> tuple[int, int]:
    """Return bounds on the number of successes in a population that hold at all times of a draw together.

    The samples come without replacement, in random order. However often one looks, and whatever makes one stop, the
    chance that the bounds ever miss the true number is at most `alpha`; so the bounds of several times may also be
    intersected. (An interval for a fixed n, looked at again and again, misses it far more often.)

    This is the prior-posterior-ratio martingale of Waudby-Smith & Ramdas (NeurIPS 2020, arXiv:2006.04347)
    with a beta-binomial prior BB(N, a, b) on the number of successes M among the N samples. After s successes and f
    failures the posterior of M - s is BB(N - s - f, a + s, b + f), and M is rejected once ::

        prior(M)       B(a + s, b + f)           [N]_(s + f)
        ------------ = --------------- * ---------------------------  >=  1 / alpha
        posterior(M)       B(a, b)            [M]_s [N - M]_f

    where B is the beta function and ``[x]_k = x (x - 1) ... (x - k + 1)``. The ratio is log-convex in M, whatever the
    prior, so that what is not rejected is an interval around the likeliest M, and bisection finds its ends. A ratio
    that rounding cannot tell from 1 / alpha rejects nothing.

    Parameters
    ----------
    successes : int
        s, in [0, drawn].
    drawn : int
        s + f, in [0, population].
    population : int
        N, from 1 to 10^12.
    alpha : float
        Error allowed over all times and both sides together, in (0, 1).
    prior : (float, float), optional
        a and b, each in (0, 10^6], chosen before the draw. It makes the bounds tighter where it is right, and never
        invalid where it is wrong. By default every number of successes is as likely as any other.

    Returns
    -------
    (int, int)
        Smallest and largest M that is not rejected, within `certain_bounds`. Both are `successes` once all is drawn.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    successes, drawn = checked_count("successes", successes, least=0), checked_count("drawn", drawn, least=0)
    population = checked_count("population", population)
    if successes > drawn:
        raise ParameterError("there are more successes than draws", got=successes, allowed=f"0 to {drawn}, the draws")
    if population > _LARGEST_POPULATION:
        raise ParameterError("population is out of range", got=population, allowed=f"1 to {_LARGEST_POPULATION:,}")
    failures = drawn - successes
    least, most = certain_bounds(successes, failures, population)
    share, (a, b) = checked_share("alpha", alpha), _checked_prior(prior)

    evidence = _log_beta(a + successes, b + failures) - _log_beta(a, b) + _log_falling(population, drawn)
    # More than the logarithms can be off: what they cannot tell is kept, so that the error stays below alpha.
    rounding = 16 * sys.float_info.epsilon * math.lgamma(population + a + b + 2)
    floor = evidence + math.log(share) - rounding

    def kept(total: int) -> bool:
        return _log_falling(total, successes) + _log_falling(population - total, failures) > floor

    # The likeliest total is never rejected: there the ratio is at most 1, since the prior averages the likelihoods.
    likeliest = min(most, max(least, successes * (population + 1) // drawn if drawn else least))
    below, above = range(least, likeliest), range(likeliest + 1, most + 1)
    low = least + bisect_left(below, True, key=kept)
    high = likeliest + bisect_left(above, True, key=lambda total: not kept(total))
    return low, high


def _checked_prior(prior: tuple[float, float]) -> tuple[float, float]:
    allowed = f"two numbers, each greater than 0 and at most {_LARGEST_PRIOR:,.0f}"
    numbers = list(prior) if isinstance(prior, tuple | list) else []
    sound = [isinstance(x, Real) and not isinstance(x, bool) and 0 < x <= _LARGEST_PRIOR for x in numbers]
    if len(sound) != 2 or not all(sound):
        raise ParameterError("prior is out of range", got=prior, allowed=allowed)
    return float(numbers[0]), float(numbers[1])


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _log_falling(start: int, factors: int) -> float:
    """Return the logarithm of ``start (start - 1) ...`` with so many factors, 0 <= factors <= start."""
    return math.lgamma(start + 1) - math.lgamma(start - factors + 1)
