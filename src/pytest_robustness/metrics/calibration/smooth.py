"""The smooth calibration error: no bins, a kernel whose width the data decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.metrics.calibration._binning import confidence_and_correct

if TYPE_CHECKING:
    import numpy.typing as npt

    from pytest_robustness.metrics._validation import Floats

CELLS = 2048
"""Cells of [0, 1] that residuals are put into."""

_HALVINGS = 16


def smooth_calibration_error(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the smooth expected calibration error, smECE (Blasiok & Nakkiran 2023, arXiv:2309.12236).

    The residuals, confidence minus correctness, are smoothed along the confidence by a Gaussian of width s that is
    reflected at 0 and 1; smECE_s is the integral of what is left without its sign. It falls with s, and the value is
    the one width that is equal to its own smECE_s. Unlike an ECE it does not jump where a confidence moves across an
    edge, and there is no number of bins to choose.

    Residuals are put into 2,048 cells of [0, 1], each shared by the two cells that it lies between.

    Parameters
    ----------
    probabilities : array of floats, shape (N, K)
        Rows sum to 1 (within 1e-4).
    labels : array of int, shape (N,)
        In [0, K).

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ParameterError
        If probabilities or labels cannot be used.
    """
    confidence, correct = confidence_and_correct(probabilities, labels)
    return float(fixed_points(cell_matrix(confidence) @ (confidence - correct) / len(confidence))[0])


def cell_matrix(confidence: Floats) -> Any:
    """Return the sparse matrix (CELLS, N) that shares out values of N samples among the cells next to them."""
    from scipy.sparse import csr_array

    place = confidence * CELLS - 0.5
    below = np.floor(place)
    share = place - below
    # Beyond the centres of the outermost cells, reflection puts all into these.
    cells = np.clip(np.concatenate([below, below + 1]), 0, CELLS - 1).astype(np.int64)
    samples = np.tile(np.arange(len(confidence)), 2)
    return csr_array((np.concatenate([1 - share, share]), (cells, samples)), shape=(CELLS, len(confidence)))


def fixed_points(residuals: Floats) -> Floats:
    """Return the width that is equal to its smooth error, (R,), for summed residuals (R, CELLS) or (CELLS,).

    Half-sample symmetric reflection makes the cosine transform the eigenbasis of the kernel: to smooth is to multiply.
    """
    from scipy.fft import dct, idct

    rows = np.atleast_2d(residuals)
    spectrum: Floats = np.asarray(dct(rows, axis=1, norm="ortho"))
    squares = (np.pi * np.arange(CELLS)) ** 2 / 2
    low, high = np.zeros(len(rows)), np.minimum(np.abs(rows).sum(axis=1), 1.0)
    for _ in range(_HALVINGS):
        width = (low + high) / 2
        smoothed = np.asarray(idct(spectrum * np.exp(-np.outer(width**2, squares)), axis=1, norm="ortho"))
        above = np.abs(smoothed).sum(axis=1) > width
        low, high = np.where(above, width, low), np.where(above, high, width)
    return np.asarray((low + high) / 2)
