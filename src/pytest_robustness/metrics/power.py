"""How many samples it takes to tell a share from a bound, and what so many samples can tell."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics._validation import checked_count, checked_share

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

LARGEST = 10**8
"""Most samples that are thought of: beyond, a share and a bound are too close to be told apart."""

_LONGEST_PERIOD = 20_000


class Deciding(NamedTuple):
    """Between which numbers of successes nothing is decided.

    From `passes` successes up the interval lies wholly above the bound; up to `fails` it lies wholly below. ``passes``
    is n + 1 where even n successes are too few, ``fails`` is -1 where even none is too many.
    """

    passes: int
    fails: int


def deciding_counts(n: int, bound: float, *, confidence: float = 0.95) -> Deciding:
    """Return how many successes of `n` it takes for `binomial_interval` to lie on one side of a bound.

    Parameters
    ----------
    n : int
        Samples, at least 1.
    bound : float
        In [0, 1]. On the good side are the shares that are at least as large.
    confidence : float, optional
        Of the two-sided interval, in (0, 1).

    Returns
    -------
    Deciding

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    import numpy as np

    n = checked_count("n", n)
    _check_share("bound", bound)
    tail = (1 - checked_share("confidence", confidence)) / 2
    counts = np.array([n])
    return Deciding(int(_fewest_that_pass(counts, bound, tail)[0]), int(_most_that_fail(counts, bound, tail)[0]))


class Chances(NamedTuple):
    """How likely it is that a share is shown to reach a bound, and that it is shown to miss it."""

    passes: float
    fails: float


def chances_of(
    n: int, *, bound: float, value: float, confidence: float = 0.95, population: int | None = None
) -> Chances:
    """Return how likely each verdict on `n` samples is, whichever side of the bound the share lies on.

    The rule ``verify`` passes and fails by these chances; ``regress`` fails by the second, and passes otherwise.

    Parameters
    ----------
    n, bound, value, confidence, population
        As for `power_of`.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    needed, most = deciding_counts(n, bound, confidence=confidence)
    _, population = _checked(bound, value, confidence, population)
    if population is not None and n > population:
        raise ParameterError("more samples than there are", got=n, allowed=f"1 to {population:,}")
    drawn = _distribution(n, value, population)
    return Chances(float(drawn.sf(needed - 1)), float(drawn.cdf(most)))


def power_of(n: int, *, bound: float, value: float, confidence: float = 0.95, population: int | None = None) -> float:
    """Return the probability that `n` samples show on which side of a bound a share lies.

    Parameters
    ----------
    n : int
        Samples drawn at random.
    bound : float
        In [0, 1]: the share is to be at least this.
    value : float
        The true share, in [0, 1]. Where it is below the bound, what counts is that it is shown to be.
    confidence : float, optional
        Of the interval that has to lie wholly on that side, in (0, 1).
    population : int, optional
        Size of the set that the samples are drawn from, without replacement; without it there is no end to them. The
        interval is the same (it does not know of the population, and is the wider for it), the chances are not.

    Returns
    -------
    float
        Exact: from the hypergeometric or the binomial distribution.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    chances = chances_of(n, bound=bound, value=value, confidence=confidence, population=population)
    return chances.passes if value >= bound else chances.fails


def samples_for_power(
    *, bound: float, value: float, power: float = 0.95, confidence: float = 0.95, population: int | None = None
) -> int | None:
    """Return how many samples it takes to show, with some power, on which side of a bound a share lies.

    Parameters
    ----------
    bound, value, confidence, population
        As for `power_of`.
    power : float, optional
        Probability to succeed, in (0, 1).

    Returns
    -------
    int or None
        The power rises with n in a saw, because counts are whole; this is where it has passed `power` for good, so that
        somewhat more samples are never worse. None where fewer samples than there are do not suffice, and where value
        and bound are too close (equal, unless that is 0, which nothing misses, or more than 10^8 samples).

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    import numpy as np

    tail, population = _checked(bound, value, confidence, population)
    checked_share("power", power)
    most = LARGEST if population is None else population - 1
    if (value == bound and bound > 0) or most < 1:
        return None
    # One tooth of the saw is as long as it takes the critical count to skip, or to stay, once more.
    period = min(_LONGEST_PERIOD, math.ceil(1 / max(min(bound, 1 - bound), 1 / _LONGEST_PERIOD)) + 1)

    def enough(n: int) -> bool:
        tooth = np.arange(n, min(n + period, most) + 1)
        return bool(_power(tooth, bound, value, tail, population).min() >= power)

    high = 1
    while not enough(high):
        if high == most:
            return None
        high = min(2 * high, most)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def value_for_power(
    n: int, *, bound: float, power: float = 0.95, confidence: float = 0.95, rule: str = "verify"
) -> float | None:
    """Return the smallest true share that passes a bound on `n` samples, with some power; None where none does.

    Parameters
    ----------
    n : int
        Samples drawn at random from a set without end.
    bound, power, confidence
        As for `samples_for_power`.
    rule : {"verify", "regress"}, optional
        Whether to pass is to be shown to reach the bound, or not to be shown to miss it.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    from scipy.special import betaincinv

    counts = deciding_counts(n, bound, confidence=confidence)
    needed = counts.fails + 1 if rule == "regress" else counts.passes
    checked_share("power", power)
    if needed > n:
        return None
    # P(X >= k) under a share p is the incomplete beta function I_p(k, n - k + 1).
    return 0.0 if needed == 0 else float(betaincinv(needed, n - needed + 1, power))


def _power(
    n: NDArray[np.int64], bound: float, value: float, tail: float, population: int | None
) -> NDArray[np.float64]:
    import numpy as np

    drawn = _distribution(n, value, population)
    if value >= bound:
        return np.asarray(drawn.sf(_fewest_that_pass(n, bound, tail) - 1))
    return np.asarray(drawn.cdf(_most_that_fail(n, bound, tail)))


def _distribution(n: Any, value: float, population: int | None) -> Any:
    """Return the distribution of the successes among n samples."""
    from scipy import stats

    if population is None:
        return stats.binom(n, value)
    return stats.hypergeom(population, round(value * population), n)


def _fewest_that_pass(n: NDArray[np.int64], bound: float, tail: float) -> NDArray[np.int64]:
    """Return the fewest successes of n whose interval begins at the bound or above, n + 1 where there are none."""
    import numpy as np
    from scipy.special import bdtrc

    def passes(k: NDArray[np.int64]) -> NDArray[np.bool_]:
        # P(X >= k) at the bound is at most `tail`: that is where the interval of Clopper and Pearson begins.
        chances = bdtrc(np.clip(k - 1, 0, n - 1), n, bound)
        return np.where(k == 0, bound == 0, (k > n) | (chances <= tail))

    return _first(n, passes)


def _most_that_fail(n: NDArray[np.int64], bound: float, tail: float) -> NDArray[np.int64]:
    """Return the most successes of n whose interval ends below the bound, -1 where there are none."""
    import numpy as np
    from scipy.special import bdtr

    def stands(k: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.asarray((k >= n) | (bdtr(np.minimum(k, n - 1), n, bound) >= tail))

    return _first(n, stands) - 1


def _first(n: NDArray[np.int64], met: Callable[[NDArray[np.int64]], NDArray[np.bool_]]) -> NDArray[np.int64]:
    """Return, for each n, the first count that meets a condition, which all larger ones meet; n + 1 always does."""
    import numpy as np

    low, high = np.full_like(n, -1), n + 1
    while (high - low > 1).any():
        middle = (low + high) // 2
        done = met(np.clip(middle, 0, n))
        low, high = np.where(done, low, middle), np.where(done, middle, high)
    return high


def _checked(bound: float, value: float, confidence: float, population: int | None) -> tuple[float, int | None]:
    _check_share("bound", bound)
    _check_share("value", value)
    tail = (1 - checked_share("confidence", confidence)) / 2
    return tail, None if population is None else checked_count("population", population)


def _check_share(name: str, share: float) -> None:
    if isinstance(share, bool) or not isinstance(share, Real) or not 0 <= share <= 1:
        raise ParameterError(f"{name} is out of range", got=share, allowed="[0, 1]")
