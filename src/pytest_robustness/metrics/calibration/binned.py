"""Calibration errors over bins of confidence, and the bars of a reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pytest_robustness.metrics._validation import checked_choice, checked_count
from pytest_robustness.metrics.calibration._binning import (
    NORMS,
    Bins,
    confidence_and_correct,
    debiased_root_mean_square_gap,
    equal_mass_bins,
    equal_width_bins,
    fixed_size_bins,
    root_mean_square_gap,
    root_mean_square_gap_but_the_last,
)
from pytest_robustness.metrics.calibration._classes import class_bins

if TYPE_CHECKING:
    import numpy.typing as npt

Binning = Literal["width", "mass"]
Norm = Literal["l1", "l2", "max"]
Convention = Literal["all", "hendrycks"]

_CONVENTIONS = {"all": root_mean_square_gap, "hendrycks": root_mean_square_gap_but_the_last}


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
    See `null_band` and `calibration_interval`.

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
    checked_choice("norm", norm, NORMS)
    return float(NORMS[norm](_bins(probabilities, labels, bins, binning)))


def rms_calibration_error(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bin_size: int = 100, convention: Convention = "all"
) -> float:
    """Return the root mean square calibration error over bins of a fixed number of samples.

    Samples in the order of confidence fall into bins of `bin_size`, the last of which takes the remainder too; the
    value is the root of the sum of w_b gap_b**2 (Hendrycks, Mazeika & Dietterich 2019, arXiv:1812.04606). The code
    published with the paper leaves the last, most confident bin out of the sum, although its samples count in the
    weights, and stops with an error for fewer samples than `bin_size`. By default all bins count, and few samples are
    one bin; values are therefore not below the published code's.

    Parameters
    ----------
    probabilities : array of floats, shape (N, K)
        Rows sum to 1 (within 1e-4).
    labels : array of int, shape (N,)
        In [0, K).
    bin_size : int, optional
        Samples in a bin.
    convention : {"all", "hendrycks"}, optional
        ``"hendrycks"`` leaves the last bin out, as the published code does, for comparison with figures of others. For
        fewer samples than in two bins nothing is left, and the value is NaN.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ParameterError
        If probabilities or labels cannot be used, `bin_size` is not positive, or the convention is not known.
    """
    size = checked_count("bin_size", bin_size)
    checked_choice("convention", convention, _CONVENTIONS)
    return float(_CONVENTIONS[convention](fixed_size_bins(*confidence_and_correct(probabilities, labels), size)))


def debiased_calibration_error(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = 15, binning: Binning = "mass"
) -> float:
    """Return the L2 calibration error without most of its bias.

    The gap of a bin of n_b samples with accuracy a_b contains the square of chance, a_b (1 - a_b) / (n_b - 1) on the
    mean, which is taken off (Kumar, Liang & Ma 2019, arXiv:1909.10155, definition 5.2). What remains may be negative
    for a model that is calibrated well; the value is then 0. As all errors of bins it is a lower bound: gaps that
    cancel within a bin do not show.

    Parameters
    ----------
    probabilities, labels
        As for `expected_calibration_error`.
    bins : int, optional
        Number of bins; those of a single sample add nothing.
    binning : {"width", "mass"}, optional
        As for `expected_calibration_error`; by default equal mass, as in the authors' code.

    Returns
    -------
    float
        In [0, 1]; NaN where more than a tenth of the samples are alone in their bins.

    Raises
    ------
    ParameterError
        If probabilities or labels cannot be used, or an option is not known.
    """
    return float(debiased_root_mean_square_gap(_bins(probabilities, labels, bins, binning)))


def classwise_calibration_error(probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = 15) -> float:
    """Return the mean over classes of the calibration error of their probabilities.

    For each class k the probabilities p_k of all samples are put into bins (a, b] of equal width, and held against the
    share of the samples there whose label is k (Nixon et al. 2019, arXiv:1904.01685, "static calibration error";
    Kull et al. 2019, arXiv:1910.12656). Most of the probabilities are next to 0 where there are many classes, so
    values are small: 1 / K of the gaps of one class.

    Parameters
    ----------
    probabilities, labels, bins
        As for `expected_calibration_error`.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ParameterError
        If probabilities or labels cannot be used, or `bins` is not positive.
    """
    return float(class_bins(probabilities, labels, checked_count("bins", bins)).mean_gap()[0])


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
    found = _bins(probabilities, labels, bins, binning)
    filled = np.where(found.n > 0, found.n, np.nan)
    columns = (found.low, found.high, found.confidence / filled, found.correct / filled)
    return [
        ReliabilityBin(low=low, high=high, confidence=confidence, accuracy=accuracy, n=int(n))
        for low, high, confidence, accuracy, n in zip(*(c.tolist() for c in (*columns, found.n)), strict=True)
    ]


def _bins(probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int, binning: Binning) -> Bins:
    checked_choice("binning", binning, ("width", "mass"))
    make = equal_width_bins if binning == "width" else equal_mass_bins
    return make(*confidence_and_correct(probabilities, labels), checked_count("bins", bins))
