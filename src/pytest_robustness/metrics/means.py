"""An interval for the mean of numbers between two known ends, exact for any distribution and any number of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.metrics.intervals import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS = 60
"""Halvings of the place of an end."""


def bounded_mean_interval(shares: NDArray[np.float64], *, confidence: float) -> Interval:
    """Return an interval that covers the mean of a distribution on [0, 1] at least this often, whatever it is.

    By betting (Waudby-Smith & Ramdas, JRSS B 86, 2024): whoever stakes a share s of the capital at each draw x on the
    mean being greater than m multiplies it by ``1 - s + s x / m``. If the mean is m or less, the capital is not
    expected to grow, and by Markov's inequality reaches ``2 / (1 - confidence)`` with a chance of at most
    ``(1 - confidence) / 2``. So the m at which it does are too low, and from the other side too high. The capital is
    that of several players with fixed stakes, so that the order of the draws does not matter. It holds for draws
    without replacement as well, which go together less than independent ones do.

    The normal interval is half to two thirds as long, and covers too rarely where few images make up much of the mean.

    Parameters
    ----------
    shares : ndarray, shape (N,)
        In [0, 1], N >= 1; independent.
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
    """
    values, counts = np.unique(shares, return_counts=True)
    # Down to a few parts in N, in steps that leave no good stake out.
    stakes = 2.0 ** (-np.arange(max(2, 2 * len(shares).bit_length() - 4)) / 2)
    wanted = math.log(2 / (1 - confidence))
    return Interval(_lowest(values, counts, stakes, wanted), 1 - _lowest(1 - values, counts, stakes, wanted))


def _lowest(
    values: NDArray[np.float64], counts: NDArray[np.int64], stakes: NDArray[np.float64], wanted: float
) -> float:
    """Return the mean below which the capital exceeds what is wanted; it falls with the mean, to 1 or less."""
    low, high = 0.0, float(values @ counts) / int(counts.sum())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        refuted = middle > 0 and _log_capital(values / middle, counts, stakes) >= wanted
        low, high = (middle, high) if refuted else (low, middle)
    return low


def _log_capital(gains: NDArray[np.float64], counts: NDArray[np.int64], stakes: NDArray[np.float64]) -> float:
    with np.errstate(divide="ignore"):  # whoever staked everything may have lost it
        logs = np.log1p(np.outer(stakes, gains - 1)) @ counts
    # Each further player has less to bet with: high stakes are the best where draws are alike, and low ones need many.
    shares = 1 / np.arange(1, len(stakes) + 1)
    most = float(logs.max())
    return most + math.log(float(np.exp(logs - most) @ shares / shares.sum()))
