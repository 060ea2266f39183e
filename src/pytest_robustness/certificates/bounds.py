"""From votes to certificates: bounds on probabilities, the radii they reach, and the plan for one of these."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.certificates.binomial import clopper_pearson_lower, feasible_draws
from pytest_robustness.certificates.noise import values_that_change
from pytest_robustness.certificates.sequential import Plan, plan_of_looks
from pytest_robustness.certificates.thresholds import exact_share
from pytest_robustness.errors import ParameterError, check_confidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_robustness.certificates.noise import Noise

LOSS = 0.1
"""Bound on the chance that a certificate at one radius is lost by giving up early."""


def plan_at(noise: Noise, radius: float, *, n: int, confidence: float, loss: float = LOSS) -> Plan | None:
    """Return the plan by which `SmoothedClassifier.certify_at` decides, None where n draws cannot certify the radius.

    Half of `loss` is that of the plan; some of the rest belongs to the selection.
    """
    threshold, lost = Fraction(noise.least(radius)), exact_share(loss, "loss", ends=True)
    return plan_of_looks(threshold, error=1 - share_of(confidence), n=n, loss=lost / 2) if threshold < 1 else None


def largest_radius(noise: Noise, n: int, confidence: float) -> float:
    """Return the radius of an image for which all of n draws vote alike; -1 where not even that shows a majority."""
    return noise.certified_radius(clopper_pearson_lower(n, n, confidence=confidence))


def out_of_reach(noise: Noise, radius: float, n: int, confidence: float, *, prefix: str = "") -> ParameterError:
    """Make the error for a radius that no image could be certified at, for want of draws.

    Parameters
    ----------
    prefix : str
        Of the names that the draws and the confidence have where they were given.
    """
    largest = largest_radius(noise, n, confidence)
    mend = "No feasible number of draws shows so much: take a smaller radius or more noise."
    if needed := feasible_draws(noise.least(radius), confidence=confidence):
        needed = max(n + 1, needed)
        mend = f"This radius needs {prefix}n={needed}, and that is enough only where not one of the draws fails."
    return ParameterError(
        f"{prefix}n={n} draws cannot certify the radius at {prefix}confidence={confidence:g}",
        got=radius,
        allowed=f"up to {largest:.6g}" if largest >= 0 else "none with so few draws",
        mend=mend,
    )


def certified_radii(
    noise: Noise, successes: NDArray[np.int64], n: int, confidence: float, shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return lower bounds on probabilities (N,), of which so many of n draws are seen, and the radii (N,) they certify.

    An image (C, H, W) is certified at no larger L0 radius than it has values.
    """
    p_lower = [clopper_pearson_lower(int(count), n, confidence=confidence) for count in successes]
    radius = np.array([noise.certified_radius(p) for p in p_lower])
    most = values_that_change(noise, shape)
    return np.array(p_lower), radius if most is None else np.minimum(radius, most)


def share_of(confidence: float) -> Fraction:
    """Return a confidence as the fraction that is meant; raise ParameterError where it is none."""
    check_confidence(confidence)
    return exact_share(confidence, "confidence")
