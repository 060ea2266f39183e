"""The L2 radius that Gaussian noise certifies."""

from __future__ import annotations

import math
from numbers import Real

from pytest_robustness.errors import ParameterError, check_number

_ROUNDING = 2.0**-44
"""More than the quantile and the product can be off, relative to the radius."""


def l2_radius(p_lower: float, sigma: float) -> float:
    """Return the radius of Cohen, Rosenfeld & Kolter (ICML 2019, arXiv:1902.02918): ``sigma * ppf(p_lower)``.

    A class whose probability under Gaussian noise of standard deviation sigma is at least `p_lower` at an image keeps
    the majority at every image that is nearer than this in L2. (In the form of the paper with the runner-up's
    probability bounded by ``1 - p_lower``.)

    Parameters
    ----------
    p_lower : float
        Lower bound on the probability of the class, in [0, 1).
    sigma : float
        Standard deviation of the noise, > 0; the radius has its unit.

    Returns
    -------
    float
        Never above the exact radius: it is rounded down. 0 where `p_lower` is 1/2 or less, and nothing is certified
        then, not even the class at the image itself; look at `p_lower` to tell.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    from scipy.special import ndtri

    check_number("sigma", sigma, minimum=0, above=True)
    if isinstance(p_lower, bool) or not isinstance(p_lower, Real) or not 0 <= p_lower < 1:
        mend = "No number of draws shows that a probability is 1: take a lower bound, as of clopper_pearson_lower."
        raise ParameterError("p_lower is out of range", got=p_lower, allowed="0 or more, less than 1", mend=mend)
    if p_lower <= 0.5:
        return 0.0
    # Downwards twice, so that a product that underflows its last bits is not rounded up either.
    return math.nextafter(float(sigma) * float(ndtri(float(p_lower))) * (1 - _ROUNDING), 0.0)
