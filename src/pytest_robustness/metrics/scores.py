"""Anomaly scores from a model's outputs, (N, K) to (N,), larger for the more anomalous; all in float64.

They are computed in log space: a softmax in float32 is exactly 1 for many confident inputs, and they would tie.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics._validation import Floats, checked_floats, first_row

if TYPE_CHECKING:
    from collections.abc import Callable

_LOWEST_LOG = float(np.log(np.finfo(np.float64).tiny))


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """An anomaly score and what it is computed from.

    Parameters
    ----------
    function : callable
        From outputs (N, K) to scores (N,).
    needs : {"log_probabilities", "logits"}
        Which outputs. Scores of log-probabilities are available for every model that gives probabilities.
    """

    function: Callable[[npt.ArrayLike], npt.NDArray[np.float64]]
    needs: Literal["log_probabilities", "logits"]


def maximum_softmax_score(log_probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return -max_k p_k (Hendrycks & Gimpel 2017, arXiv:1610.02136).

    Parameters
    ----------
    log_probabilities : array of floats, shape (N, K)

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    likeliest: Floats = _checked_log_probabilities(log_probabilities).max(axis=1)
    return -np.exp(likeliest)


def max_logit_score(logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return -max_k z_k (Hendrycks et al. 2022, arXiv:1911.11132).

    Of normalised log-probabilities this has the order of `maximum_softmax_score`.

    Parameters
    ----------
    logits : array of floats, shape (N, K)

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    largest: Floats = checked_floats("logits", logits, ndim=2).max(axis=1)
    return -largest


def energy_score(logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return -log sum_k exp z_k (Liu et al. 2020, arXiv:2010.03759, eq. 4 at temperature 1).

    Parameters
    ----------
    logits : array of floats, shape (N, K)

    Returns
    -------
    ndarray of float64, shape (N,)

    Raises
    ------
    ParameterError
        If all rows are normalised log-probabilities: the energy is then 0 for every input.
    """
    checked = checked_floats("logits", logits, ndim=2)
    largest = checked.max(axis=1)
    logsumexp: Floats = largest + np.log(np.exp(checked - largest[:, None]).sum(axis=1))
    if (np.abs(logsumexp) <= 1e-6).all():
        raise ParameterError(
            "the energy of log-probabilities is 0 for every input",
            got="rows that are all normalised",
            allowed="logits, the outputs before the softmax",
            mend="Use the score 'msp' or 'entropy' instead.",
        )
    return -logsumexp


def entropy_score(log_probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the entropy -sum_k p_k log p_k, in nats.

    Parameters
    ----------
    log_probabilities : array of floats, shape (N, K)

    Returns
    -------
    ndarray of float64, shape (N,)
        In [0, log K].
    """
    # A probability of 0 adds nothing, but 0 * -inf would be NaN.
    logarithms = np.maximum(_checked_log_probabilities(log_probabilities), _LOWEST_LOG)
    entropies: Floats = -(np.exp(logarithms) * logarithms).sum(axis=1)
    return entropies


def outlier_exposure_score(log_probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return (1 / K) sum_k log p_k, minus the cross-entropy to the uniform distribution.

    The score of models trained with outlier exposure (Hendrycks, Mazeika & Dietterich 2019, arXiv:1812.04606): largest
    where all classes are equally likely. Logarithms are cut at -708.4, the smallest of a normal float64: a model
    that gives probability 0, as trees and neighbours do, would else score -inf whatever the other classes say.

    Parameters
    ----------
    log_probabilities : array of floats, shape (N, K)

    Returns
    -------
    ndarray of float64, shape (N,)
        At most -log K.
    """
    means: Floats = np.maximum(_checked_log_probabilities(log_probabilities), _LOWEST_LOG).mean(axis=1)
    return means


SCORES: dict[str, Score] = {
    "msp": Score(function=maximum_softmax_score, needs="log_probabilities"),
    "max-logit": Score(function=max_logit_score, needs="logits"),
    "energy": Score(function=energy_score, needs="logits"),
    "entropy": Score(function=entropy_score, needs="log_probabilities"),
    "outlier-exposure": Score(function=outlier_exposure_score, needs="log_probabilities"),
}
"""The anomaly scores by name."""


def _checked_log_probabilities(values: npt.ArrayLike) -> Floats:
    array = checked_floats("log-probabilities", values, ndim=2, finite=False)
    with np.errstate(over="ignore"):
        bad = ~(np.abs(np.exp(array).sum(axis=1) - 1) <= 1e-4)
    if bad.any():
        where = first_row(bad)
        raise ParameterError(
            f"row {where} of the log-probabilities is no distribution",
            got=array[where],
            allowed="logarithms of numbers that sum to 1 within 1e-4",
            mend="Where these are logits, subtract their logsumexp first.",
        )
    return array
