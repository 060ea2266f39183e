"""Scores of logits and probabilities that are fitted on data: KL-matching and temperature scaling."""

from __future__ import annotations

import numpy as np

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics._validation import Floats, checked_classes
from pytest_robustness.metrics.scores.base import (
    LOWEST_LOG,
    Outputs,
    log_softmax,
    taken,
    taken_labels,
)
from pytest_robustness.metrics.scores.confidence import maximum_softmax_score

LEAST = 50
"""Fitting samples below which means and quantiles of their outputs are little more than noise."""


def fit_kl_matching(outputs: Outputs) -> Floats:
    """Return the logarithms of d_k, the mean probabilities of the fitting samples that the model takes for class k.

    Labels are not used, and at least 50 samples are needed. A class that is never predicted has no d_k.

    Returns
    -------
    ndarray of float64, shape (C, K)
        For the C classes that are predicted.

    Raises
    ------
    ParameterError
        Where there are fewer than 50 fitting samples, or one class is predicted for all of them.
    """
    logs = taken(outputs, "log_probabilities")
    check_enough(len(logs))
    predicted = logs.argmax(axis=1)
    classes = np.unique(predicted)
    if len(classes) < 2:
        raise too_few("all fitting samples are taken for one class", got=f"class {classes[0]}")
    means = [np.exp(logs[predicted == one]).mean(axis=0) for one in classes]
    with np.errstate(divide="ignore"):
        return np.asarray(np.maximum(np.log(np.stack(means)), LOWEST_LOG))


def kl_matching_score(outputs: Outputs, typical: Floats) -> Floats:
    """Return min_k KL(p || d_k) (Hendrycks et al. 2022, arXiv:1911.11132).

    Parameters
    ----------
    outputs : Outputs
        With log-probabilities (N, K).
    typical : array of shape (C, K)
        From `fit_kl_matching`. Logarithms are cut at -708.4.

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    logs = np.maximum(taken(outputs, "log_probabilities"), LOWEST_LOG)
    if logs.shape[1] != typical.shape[1]:
        raise ParameterError("another number of classes than in the fitting data", got=logs.shape[1])
    p = np.exp(logs)
    divergences = (p * logs).sum(axis=1, keepdims=True) - p @ typical.T
    return np.asarray(divergences.min(axis=1))


def fit_score_temperature(outputs: Outputs) -> float:
    """Return the temperature at which the fitting samples have the largest likelihood (Guo et al. 2017)."""
    # Only here, because the calibration metrics are no part of what the other scores need.
    from pytest_robustness.metrics.calibration import fit_temperature

    logits = taken(outputs, "logits")
    check_enough(len(logits))
    labels = checked_classes("labels", taken_labels(outputs, len(logits)), num_classes=logits.shape[1])
    return float(fit_temperature(logits, labels))


def temperature_score(outputs: Outputs, temperature: float) -> Floats:
    """Return -max_k p_k of the softmax of logits / T (Guo et al. 2017, arXiv:1706.04599, as a score).

    Parameters
    ----------
    outputs : Outputs
        With logits (N, K).
    temperature : float
        From `fit_score_temperature`.

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    return maximum_softmax_score(log_softmax(taken(outputs, "logits") / temperature))


def check_enough(count: int, least: int = LEAST, why: str = "") -> None:
    """Raise ParameterError for fewer than `least` fitting samples."""
    if count < least:
        raise too_few(f"too few fitting samples{why}", got=count, allowed=f"{least} and more")


def too_few(what: str, *, got: object, allowed: str = "") -> ParameterError:
    """Build the error for fitting data that a score cannot be fitted on."""
    return ParameterError(what, got=got, allowed=allowed, mend="Give more data to fit the score on.")
