"""Confidence intervals: for shares, means, and values on the logit scale."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics._validation import checked_floats, checked_share, first_row


class Interval(NamedTuple):
    """A two-sided confidence interval."""

    low: float
    high: float


def level_text(confidence: float) -> str:
    """Put the level of an interval in words, with two digits of its error: ``95 %``, ``99.29 %``."""
    error = 100 * (1 - confidence)
    digits = max(1 - math.floor(math.log10(error)), 0) if error > 0 else 0
    text = f"{100 * confidence:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if digits else text} %"


def binomial_interval(successes: float, n: float, *, confidence: float = 0.95) -> Interval:
    """Return the exact interval of Clopper & Pearson (Biometrika 26, 1934) for a share.

    Parameters
    ----------
    successes : float
        In [0, n]. Fractions are accepted, as effective numbers are.
    n : float
        Number of trials, > 0.
    confidence : float, optional
        Coverage, in (0, 1): it is at least this for every true share, and usually more.

    Returns
    -------
    Interval
        ``low`` is 0 where there is no success, ``high`` is 1 where there is nothing else.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    from scipy.special import betaincinv

    tail = (1 - checked_share("confidence", confidence)) / 2
    if not (math.isfinite(n) and n > 0):
        raise ParameterError("a share needs trials", got=n, allowed="n > 0")
    if not 0 <= successes <= n:
        raise ParameterError("successes must lie between 0 and n", got=successes, allowed=f"0 to {n}")
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    # The inverse of the incomplete beta function is a little off for shares next to 0.
    return Interval(min(low, successes / n), max(high, successes / n))


def clustered_interval(values: npt.ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Return an interval for the mean of shares, one share for each image.

    For instance, each value is the share of the corruptions under which one image is classified correctly. The images
    are independent, the corruptions of an image are not, so that neither the number of images nor the number of
    (image, corruption) pairs is the right n. Korn & Graubard (Survey Methodology 24, 1998) put an effective n into the
    interval of Clopper & Pearson: the n of independent trials with the observed variance of the mean, lowered for the
    degrees of freedom that the variance was estimated with.

    Two deviations keep it sound at the edge. The variance is estimated with two more half-observations, of 0 and 1, so
    that values that happen to be all alike do not look like certainty. And the effective n is never below the number
    of images: shares vary at most as much as single trials do.

    Parameters
    ----------
    values : array of floats, shape (N,)
        In [0, 1]; N independent images. For values that are only 0 or 1 this is `binomial_interval`.
    confidence : float, optional
        Coverage aimed at, in (0, 1).

    Returns
    -------
    Interval

    Raises
    ------
    ParameterError
        If there are no values, or they are not in [0, 1].
    """
    shares = checked_floats("values", values)
    outside = (shares < 0) | (shares > 1)
    if outside.any():
        where = first_row(outside)
        raise ParameterError(f"values[{where}] is no share", got=float(shares[where]), allowed="[0, 1]")
    n_effective = _effective_n(shares, checked_share("confidence", confidence))
    # The mean of shares can leave [0, 1] by a rounding.
    mean = min(1.0, max(0.0, float(shares.mean())))
    return binomial_interval(mean * n_effective, n_effective, confidence=confidence)


def mean_interval(values: npt.ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Return Student's t interval for a mean.

    Parameters
    ----------
    values : array of floats, shape (N,)
        Independent values; infinite ones are accepted.
    confidence : float, optional
        Coverage, in (0, 1): exact for normal values, approximate for others.

    Returns
    -------
    Interval
        (-inf, inf) where nothing can be said: for one value, which shows no spread, and where a value is infinite.

    Raises
    ------
    ParameterError
        If there are no values, or one is NaN.
    """
    sample = checked_floats("values", values, finite=False)
    half_tail = (1 + checked_share("confidence", confidence)) / 2
    n = len(sample)
    if n == 1 or not np.isfinite(sample).all():
        return Interval(-math.inf, math.inf)
    mean, error = float(sample.mean()), float(sample.std(ddof=1)) / math.sqrt(n)
    reach = _student_quantile(n - 1, half_tail) * error
    return Interval(mean - reach, mean + reach)


def logit_interval(
    value: float, standard_error: float, *, confidence: float = 0.95, n: float | None = None
) -> Interval:
    """Return a normal interval on the scale of log(v / (1 - v)), which stays within [0, 1].

    Parameters
    ----------
    value : float
        In [0, 1].
    standard_error : float
        Of `value` itself (not of its logit), >= 0.
    confidence : float, optional
        Coverage aimed at, in (0, 1).
    n : float, optional
        Number of independent samples behind `value`. It is needed where `value` is 0 or 1 or the standard error is 0:
        the logit says nothing there, so the interval is `binomial_interval` for a share of `value` of n.

    Returns
    -------
    Interval
        (0, 1), nothing is known, where `n` is needed and not given.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    from scipy.special import expit, logit, ndtri

    half_tail = (1 + checked_share("confidence", confidence)) / 2
    if not 0 <= value <= 1:
        raise ParameterError("a value on the logit scale must be a share", got=value, allowed="[0, 1]")
    if not standard_error >= 0:
        raise ParameterError("a standard error must not be negative", got=standard_error, allowed="0 and above")
    if value in (0, 1) or standard_error == 0:
        return Interval(0.0, 1.0) if n is None else binomial_interval(value * n, n, confidence=confidence)
    # Builtin floats: next to 0 the quotient is infinite, and the interval (0, 1), without a warning of numpy.
    centre, reach = float(logit(value)), float(ndtri(half_tail)) * float(standard_error) / float(value * (1 - value))
    return Interval(float(expit(centre - reach)), float(expit(centre + reach)))


def _effective_n(shares: npt.NDArray[np.float64], confidence: float) -> float:
    n = len(shares)
    mean = (float(shares.sum()) + 0.5) / (n + 1)
    squares = float(((shares - mean) ** 2).sum()) + 0.5 * mean**2 + 0.5 * (1 - mean) ** 2
    n_effective = n * mean * (1 - mean) * (n + 1) / squares
    if n == 1 or n_effective <= n:
        return float(n)
    quantile = (1 + confidence) / 2
    lowered = (_student_quantile(n_effective - 1, quantile) / _student_quantile(n - 1, quantile)) ** 2
    return max(float(n), n_effective * lowered)


def _student_quantile(degrees: float, probability: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))
