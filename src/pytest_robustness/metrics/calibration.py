"""Calibration: does a model that says 90 % be right nine times in ten?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pytest_robustness.metrics._binning import Bins, equal_mass_bins, equal_width_bins, fixed_size_bins
from pytest_robustness.metrics._validation import (
    Floats,
    checked_choice,
    checked_count,
    checked_outputs,
    checked_share,
)
from pytest_robustness.metrics.intervals import Interval

Binning = Literal["width", "mass"]
Norm = Literal["l1", "l2", "max"]
Statistic = Callable[[npt.NDArray[np.float64], npt.NDArray[np.int64]], float]

_NORMS: dict[str, Callable[[Bins], float]] = {
    "l1": lambda bins: float((bins.weight * bins.gap).sum()),
    "l2": lambda bins: math.sqrt(float((bins.weight * bins.gap**2).sum())),
    "max": lambda bins: float(bins.gap.max()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """One bar of a reliability diagram.

    Parameters
    ----------
    low, high : float
        Confidences of the bin: the edges of (low, high] for bins of equal width, the smallest and the largest
        confidence in it for bins of equal mass.
    confidence, accuracy : float
        Mean confidence and share of correct predictions; NaN in an empty bin.
    n : int
        Number of samples.
    """

    low: float
    high: float
    confidence: float
    accuracy: float
    n: int


def expected_calibration_error(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    bins: int = 15,
    binning: Binning = "width",
    norm: Norm = "l1",
) -> float:
    """Return the distance between the confidence of the predictions and their accuracy, over bins of confidence.

    Confidence is the largest probability of a sample, correct means that its class is the label (the first of equal
    ones). With w_b the share of the samples in bin b and gap_b = abs(mean confidence - accuracy) in it (Guo et al.
    2017, arXiv:1706.04599, eq. 3 to 5): ``"l1"`` is the sum of w_b gap_b (ECE), ``"l2"`` the root of the sum of
    w_b gap_b**2, ``"max"`` the largest gap of a bin that is not empty (MCE).

    The value is biased upward, the more the smaller the sample: a perfectly calibrated model too has gaps by chance.
    See `calibration_interval`.

    Parameters
    ----------
    probabilities : array of floats, shape (N, K)
        Rows sum to 1 (within 1e-4).
    labels : array of int, shape (N,)
        In [0, K).
    bins : int, optional
        Number of bins.
    binning : {"width", "mass"}, optional
        ``"width"``: bins (a, b] of equal width over [0, 1]; confidence 1 lies in the last bin, 0 would lie in the
        first. ``"mass"``: bins of as equal numbers of samples as can be, at most N of them, in the order of confidence
        (adaptive ECE). Samples of equal confidence share their mean accuracy, so that their order does not matter.
    norm : {"l1", "l2", "max"}, optional

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ParameterError
        If probabilities or labels cannot be used, or an option is not known.
    """
    checked_choice("norm", norm, _NORMS)
    return _NORMS[norm](_bins(probabilities, labels, bins, binning))


def rms_calibration_error(probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bin_size: int = 100) -> float:
    """Return the root mean square calibration error over bins of a fixed number of samples.

    Samples in the order of confidence fall into bins of `bin_size`, the last of which takes the remainder too; the
    value is the root of the sum of w_b gap_b**2 (Hendrycks, Mazeika & Dietterich 2019, arXiv:1812.04606). The code
    published with the paper leaves the last, most confident bin out of the sum, although its samples count in the
    weights, and stops with an error for fewer samples than `bin_size`. Here all bins count, and few samples are one
    bin; values are therefore not below the published code's.

    Parameters
    ----------
    probabilities : array of floats, shape (N, K)
        Rows sum to 1 (within 1e-4).
    labels : array of int, shape (N,)
        In [0, K).
    bin_size : int, optional
        Samples in a bin.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ParameterError
        If probabilities or labels cannot be used, or `bin_size` is not positive.
    """
    size = checked_count("bin_size", bin_size)
    return _NORMS["l2"](fixed_size_bins(*_confidence_and_correct(probabilities, labels), size))


def reliability_bins(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = 15, binning: Binning = "width"
) -> list[ReliabilityBin]:
    """Return the bars of a reliability diagram, from low to high confidence.

    Parameters
    ----------
    probabilities, labels, bins, binning
        As for `expected_calibration_error`.

    Returns
    -------
    list of ReliabilityBin
        `bins` of them, empty ones too, for equal width; at most N for equal mass.

    Raises
    ------
    ParameterError
        If probabilities or labels cannot be used, or an option is not known.
    """
    binned = _bins(probabilities, labels, bins, binning)
    return [
        ReliabilityBin(low=low, high=high, confidence=confidence, accuracy=accuracy, n=n)
        for low, high, confidence, accuracy, n in zip(*(column.tolist() for column in binned), strict=True)
    ]


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


def calibration_interval(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    statistic: Statistic,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    repeats: int = 500,
) -> Interval:
    """Return an interval for a calibration error, from resamples and from what chance alone would give.

    A measured calibration error is biased upward: labels drawn from a model's own confidences, so that it is perfectly
    calibrated, give a mean ECE of 15 bins of about 0.0063 for 1,000 samples of an accurate digit classifier and 0.0020
    for 10,000. A resample is biased once more, so that the plain bootstrap quantiles lie too high and may exclude the
    value itself. Therefore:

    - ``low`` is the lower of the reflected bound, 2 value - upper quantile of the resamples (the basic bootstrap of
      Davison & Hinkley, "Bootstrap Methods and their Application", 1997, eq. 5.6), which takes off the bias that the
      resamples show, and value - upper quantile of the error of labels drawn from the probabilities; at least 0. So
      it is 0 wherever the value is no more than a perfectly calibrated model would show.
    - ``high`` is value + (mean - lower quantile of the resamples), at most 1. The bias is left in, which errs to the
      safe side.

    Parameters
    ----------
    probabilities : array of floats, shape (N, K)
        Rows sum to 1 (within 1e-4).
    labels : array of int, shape (N,)
        In [0, K).
    statistic : callable
        Takes probabilities and labels, returns the error: `expected_calibration_error` or another function of this
        file, with its options bound by a lambda or ``functools.partial``.
    confidence : float, optional
        Coverage aimed at, in (0, 1).
    seed : int, optional
        Of the resamples and of the drawn labels, >= 0: the same seed gives the same interval.
    repeats : int, optional
        Number of both.

    Returns
    -------
    Interval

    Raises
    ------
    ParameterError
        If probabilities or labels cannot be used, or an option is out of its range.
    """
    checked, known = checked_outputs(probabilities, labels)
    tail = (1 - checked_share("confidence", confidence)) / 2
    generator = np.random.Generator(np.random.Philox(checked_count("seed", seed, least=0)))
    value = statistic(checked, known)
    resampled, by_chance = np.empty((2, checked_count("repeats", repeats)))
    cumulative = checked.cumsum(axis=1)[:, :-1]
    for repeat in range(repeats):
        chosen = generator.integers(len(known), size=len(known))
        resampled[repeat] = statistic(checked[chosen], known[chosen])
        drawn = (generator.random((len(known), 1)) >= cumulative).sum(axis=1)
        by_chance[repeat] = statistic(checked, drawn)
    lower, upper = np.quantile(resampled, (tail, 1 - tail))
    low = value - max(upper - value, np.quantile(by_chance, 1 - tail))
    # For few repeats the mean may lie below the quantile. No calibration error exceeds 1.
    high = value + max(0.0, resampled.mean() - lower)
    return Interval(max(0.0, float(low)), max(value, min(1.0, float(high))))


def _bins(probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int, binning: Binning) -> Bins:
    checked_choice("binning", binning, ("width", "mass"))
    make = equal_width_bins if binning == "width" else equal_mass_bins
    return make(*_confidence_and_correct(probabilities, labels), checked_count("bins", bins))


def _confidence_and_correct(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Floats, Floats]:
    checked, known = checked_outputs(probabilities, labels)
    top = checked.argmax(axis=1)
    return checked[np.arange(len(top)), top], (top == known).astype(np.float64)
