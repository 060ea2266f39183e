"""Temperature scaling: one number that makes confidences milder or bolder, fitted on data of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.errors import ParameterError, check_number
from pytest_robustness.metrics._validation import Floats, Integers, checked_classes, checked_floats, first_row

if TYPE_CHECKING:
    import numpy.typing as npt

COLDEST, HOTTEST = 0.01, 100.0
"""Temperatures between which `fit_temperature` looks."""

_LOWEST = -1e300
"""Stands for the logarithm of 0: times a probability of 0 it is 0, where -inf would be NaN."""


def fit_temperature(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the temperature T that makes ``softmax(logits / T)`` most likely (Guo et al. 2017, arXiv:1706.04599, 4.2).

    The mean negative log-likelihood is convex in 1 / T; the root of its slope is found between T = 0.01 and 100.
    Fit on data that the model was not trained on, and measure on others.

    Parameters
    ----------
    logits : array of floats, shape (N, K)
        Logits or log-probabilities: both give the same probabilities at every temperature. -inf, the logarithm of a
        probability of 0, is accepted where it is not the label's.
    labels : array of int, shape (N,)
        In [0, K).

    Returns
    -------
    float
        Above 1 for a model that is too sure of itself.

    Raises
    ------
    ParameterError
        If logits or labels cannot be used, all labels are of one class, a label has probability 0, or no temperature
        in the range is best: where (nearly) every sample is right, ever bolder is ever better, and where the label is
        no likelier than chance, ever milder.
    """
    from scipy.optimize import brentq

    scores = _checked_logits(logits)
    known = checked_classes("labels", labels, n=len(scores), num_classes=scores.shape[1])
    if len(np.unique(known)) < 2:
        raise ParameterError(
            "a temperature cannot be fitted to labels of one class", got=int(known[0]), allowed="two or more classes"
        )
    if (impossible := scores[np.arange(len(known)), known] == _LOWEST).any():
        raise ParameterError(
            "a temperature cannot be fitted where a label has probability 0",
            got=f"{int(impossible.sum())} of {len(known)} samples, first at index {first_row(impossible)}",
            allowed="logits, or probabilities above 0",
        )
    at_hottest, at_coldest = _slope(1 / HOTTEST, scores, known), _slope(1 / COLDEST, scores, known)
    if at_hottest >= 0 or at_coldest <= 0:
        raise _no_best_temperature(HOTTEST if at_hottest >= 0 else COLDEST, scores, known)
    return 1 / float(brentq(_slope, 1 / HOTTEST, 1 / COLDEST, args=(scores, known), xtol=1e-12, rtol=1e-10))


def scaled_log_probabilities(logits: npt.ArrayLike, temperature: float) -> Floats:
    """Return ``log softmax(logits / temperature)``, shape (N, K).

    Parameters
    ----------
    logits : array of floats, shape (N, K)
        Logits or log-probabilities, -inf for a probability of 0.
    temperature : float
        Above 0.

    Raises
    ------
    ParameterError
        If the logits cannot be used, or the temperature is not above 0.
    """
    check_number("temperature", temperature, minimum=0.0, above=True)
    scaled = _checked_logits(logits)
    impossible = scaled == _LOWEST
    with np.errstate(over="ignore"):
        scaled = scaled / float(temperature)
    logarithms: Floats = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    logarithms[impossible] = -np.inf
    return logarithms


def _checked_logits(logits: npt.ArrayLike) -> Floats:
    """Return logits whose largest of each row is 0."""
    scores = checked_floats("logits", logits, ndim=2, finite=False)
    if scores.shape[1] < 2:
        raise ParameterError(
            "logits must have one column for each class", got=scores.shape, allowed="(N, K) with K >= 2"
        )
    largest: Floats = scores.max(axis=1, keepdims=True)
    if (bad := ~np.isfinite(largest)).any():
        where = first_row(bad)
        raise ParameterError(
            f"row {where} of the logits cannot be used", got=scores[where], allowed="finite numbers; -inf for some"
        )
    return np.asarray(np.maximum(scores - largest, _LOWEST))


def _slope(inverse: float, scores: Floats, labels: Integers) -> float:
    """Return the slope of the mean negative log-likelihood in 1 / T: mean logit expected, less that of the label."""
    powers = np.exp(inverse * scores)
    expected = (powers * scores).sum(axis=1) / powers.sum(axis=1)
    return float((expected - scores[np.arange(len(labels)), labels]).mean())


def _no_best_temperature(bound: float, scores: Floats, labels: Integers) -> ParameterError:
    right = int((scores.argmax(axis=1) == labels).sum())
    what = "too few mistakes to fit a temperature" if bound == COLDEST else "labels no likelier than chance"
    return ParameterError(
        f"{what}: the likelihood still grows at the bound T = {bound:g}",
        got=f"{right} of {len(labels)} samples right",
        mend="Fit on more data that the model has not seen, with the labels in the order of its classes.",
    )
