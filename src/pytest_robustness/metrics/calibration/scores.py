"""Proper scores: Brier, what it is made of, and the negative log-likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pytest_robustness.metrics._validation import Floats, checked_count, checked_outputs
from pytest_robustness.metrics.calibration._classes import class_bins

if TYPE_CHECKING:
    import numpy.typing as npt


class BrierDecomposition(NamedTuple):
    """The parts of a Brier score: it is ``reliability - resolution + uncertainty + within``, to a rounding.

    Parameters
    ----------
    reliability : float
        How far probabilities lie from frequencies; 0 is best.
    resolution : float
        How far the frequencies of the bins lie from that of all samples; more is better.
    uncertainty : float
        Spread of the labels; of the data alone.
    within : float
        What the bins hide: the variance of the probabilities inside a bin less twice their covariance with the labels
        (Stephenson, Coelho & Jolliffe, Weather and Forecasting 23, 2008). 0 where a bin holds one probability only.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within: float


def brier_score(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the mean over samples of the sum over classes of (p_k - [k is the label])**2.

    Brier, "Verification of forecasts expressed in terms of probability", 1950. Others divide by the number of classes,
    or by 2, or use the top class only.

    Parameters
    ----------
    probabilities : array of floats, shape (N, K)
        Rows sum to 1 (within 1e-4).
    labels : array of int, shape (N,)
        In [0, K).

    Returns
    -------
    float
        In [0, 2], 0 is best.

    Raises
    ------
    ParameterError
        If probabilities or labels cannot be used.
    """
    return float(brier_terms(probabilities, labels).mean())


def brier_terms(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Floats:
    """Return the terms, shape (N,), whose mean is `brier_score`; parameters and errors are the same."""
    checked, known = checked_outputs(probabilities, labels)
    residuals = checked.copy()
    residuals[np.arange(len(known)), known] -= 1
    terms: Floats = (residuals**2).sum(axis=1)
    return terms


def brier_decomposition(probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = 15) -> BrierDecomposition:
    """Return the parts of the Brier score (Murphy, Journal of Applied Meteorology 12, 1973), summed over the classes.

    The probabilities of each class fall into bins (a, b] of equal width. With n_kb samples in bin b of class k, mean
    probability p_kb there, share o_kb of samples of the class, and q_k its share in all N samples: reliability is
    sum n_kb / N (p_kb - o_kb)**2, resolution sum n_kb / N (o_kb - q_k)**2, uncertainty sum_k q_k (1 - q_k).
    As other binned figures, reliability and resolution of a small sample are both too large.

    Parameters
    ----------
    probabilities, labels
        As for `brier_score`.
    bins : int, optional
        Number of bins of each class.

    Returns
    -------
    BrierDecomposition

    Raises
    ------
    ParameterError
        If probabilities or labels cannot be used, or `bins` is not positive.
    """
    found = class_bins(probabilities, labels, checked_count("bins", bins))
    parts = (found.reliability(), found.resolution(), found.uncertainty())
    reliability, resolution, uncertainty = (float(part[0]) for part in parts)
    within = brier_score(probabilities, labels) - reliability + resolution - uncertainty
    return BrierDecomposition(reliability, resolution, uncertainty, within)


def negative_log_likelihood(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the mean over samples of -log(probability of the label), in nats.

    Parameters
    ----------
    probabilities : array of floats, shape (N, K)
        Rows sum to 1 (within 1e-4).
    labels : array of int, shape (N,)
        In [0, K).

    Returns
    -------
    float
        0 is best; infinity where a label has probability 0 (nothing is clipped).

    Raises
    ------
    ParameterError
        If probabilities or labels cannot be used.
    """
    return float(log_losses(probabilities, labels).mean())


def log_losses(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Floats:
    """Return the terms, shape (N,), whose mean is `negative_log_likelihood`; parameters and errors are the same."""
    checked, known = checked_outputs(probabilities, labels)
    with np.errstate(divide="ignore"):
        losses: Floats = 0.0 - np.log(checked[np.arange(len(known)), known])
    return losses
