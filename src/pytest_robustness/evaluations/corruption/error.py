"""The mean corruption error: how much of the error of a reference model is left, corruption by corruption.

Hendrycks and Dietterich, ICLR 2019, arXiv:1903.12261, section 4: the error of a model under a corruption is divided by
that of a reference model (theirs was AlexNet) before the mean over the corruptions is taken, since some corruptions are
harder than others. As shares: 1 is the reference itself, smaller is better.

The errors of the reference are taken as they are; intervals are for the model that is measured. An image under all
corruptions is one cluster: what it adds to the figure, over all corruptions, is one number, and the figure is their
mean.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_robustness.evaluations.measurement import Part
from pytest_robustness.evaluations.summaries import Estimate
from pytest_robustness.metrics import clustered_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_robustness.evaluations.corruption.references import Reference

Floats = NDArray[np.float64]

NOTHING = 1e-9
"""Errors that differ by less than this are the same, up to rounding: one image in a million is more."""


class Figure(NamedTuple):
    """A metric with its interval and its parts, and why it must not be relied on where that is so."""

    metric: str
    estimate: Estimate
    parts: Sequence[Part]
    faults: Sequence[str] = ()


def compared(
    reference: Reference, names: Sequence[str], errors: Floats, clean: Floats, *, confidence: float
) -> list[Figure]:
    """Return the mean corruption error, and the relative one.

    Parameters
    ----------
    reference : Reference
        Of the same corruptions.
    names : sequence of str, length C
        Corruptions.
    errors, clean, confidence
        As for `relative_corruption_error`.

    Returns
    -------
    list of Figure
        The relative error is NaN, with a fault, where it is not defined: where the clean error of the reference is not
        known, or not below its error under a corruption.
    """
    mce = mean_corruption_error(errors, reference.errors, confidence=confidence)
    found = [Figure("mce", mce, error_parts(names, errors, reference.errors, confidence=confidence))]
    clean_reference = math.nan if reference.clean is None else reference.clean
    if reason := _no_growth(reference, names):
        return [*found, Figure("relative_mce", Estimate(math.nan, math.nan, math.nan), (), (reason,))]
    given = errors, clean, reference.errors, clean_reference
    relative = relative_corruption_error(*given, confidence=confidence)
    return [*found, Figure("relative_mce", relative, relative_parts(names, *given, confidence=confidence))]


def mean_corruption_error(errors: Floats, reference: Floats, *, confidence: float) -> Estimate:
    """Return the mean over the corruptions of the error in units of the reference's.

    Parameters
    ----------
    errors : ndarray, shape (N, C)
        Of each image under each corruption, in [0, 1]: the share of the levels of severity at which it is classified
        wrongly. Levels weigh alike, so that the mean over images and levels is the published sum over levels, for model
        and reference.
    reference : ndarray, shape (C,)
        Error of the reference under each corruption, over the same levels; above 0.
    confidence : float
        Level of the interval.

    Returns
    -------
    Estimate
        Not below 0.
    """
    return _scaled_mean((errors / reference).mean(axis=1), 0.0, float(np.mean(1 / reference)), confidence)


def relative_corruption_error(
    errors: Floats, clean: Floats, reference: Floats, clean_reference: float, *, confidence: float
) -> Estimate:
    """Return the mean over the corruptions of the growth of the error in units of the reference's.

    Parameters
    ----------
    errors, reference : ndarray
        As for `mean_corruption_error`.
    clean : ndarray, shape (N,)
        Error of each image without corruption, 0 or 1.
    clean_reference : float
        Error of the reference without corruption, below all of `reference`.
    confidence : float
        Level of the interval.

    Returns
    -------
    Estimate
        Below 0 for a model that is better on corrupted images.
    """
    growth = reference - clean_reference
    largest = float(np.mean(1 / growth))
    return _scaled_mean(((errors - clean[:, None]) / growth).mean(axis=1), -largest, largest, confidence)


def error_parts(names: Sequence[str], errors: Floats, reference: Floats, *, confidence: float) -> list[Part]:
    """Return the error under each corruption in units of the reference's, as parts of the mean."""
    columns = zip(names, errors.T, reference, strict=True)
    n = len(errors)
    return [Part(name, *_scaled_mean(e / r, 0.0, float(1 / r), confidence), n=n) for name, e, r in columns]


def relative_parts(
    names: Sequence[str], errors: Floats, clean: Floats, reference: Floats, clean_reference: float, *, confidence: float
) -> list[Part]:
    """Return the growth of the error under each corruption in units of the reference's, as parts of the mean."""
    growth, n = reference - clean_reference, len(errors)
    columns = zip(names, (errors - clean[:, None]).T, growth, strict=True)
    return [Part(name, *_scaled_mean(e / g, float(-1 / g), float(1 / g), confidence), n=n) for name, e, g in columns]


def _scaled_mean(values: Floats, smallest: float, largest: float, confidence: float) -> Estimate:
    """Return the mean of values, one for each image, that lie between two ends, with an interval that stays there."""
    # As shares of the way from end to end they have the interval that shares have, which is sound where few images err.
    span = largest - smallest
    low, high = clustered_interval(np.clip((values - smallest) / span, 0, 1), confidence=confidence)
    value = float(values.mean())
    return Estimate(value, min(value, smallest + span * low), max(value, smallest + span * high))


def without_growth(reference: Reference, names: Sequence[str]) -> list[str]:
    """Return the corruptions under which the reference errs no more than clean; none where that is not known."""
    if reference.clean is None:
        return []
    return [name for name, error in zip(names, reference.errors, strict=True) if error <= reference.clean + NOTHING]


def _no_growth(reference: Reference, names: Sequence[str]) -> str:
    """Say why there is no relative error; empty where there is one."""
    if reference.clean is None:
        return f"there is no relative error, for the scorecard of {reference.name} has no clean accuracy"
    if easy := ", ".join(without_growth(reference, names)):
        return f"there is no relative error, for the reference {reference.name} errs no more under {easy} than clean"
    return ""
