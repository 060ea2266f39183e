"""Noise of a sensor: photons counted and pixels stuck.

The functions are pure: the random numbers come in as an array, see `pytest_robustness.transforms.random`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

PHOTONS = 3
"""Mean number of photons that a white pixel of `shot_noise` counts."""


def shot_noise(images: npt.NDArray[np.uint8], uniform: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Count few photons: ``min(Poisson(3 x) / 3, 1)`` for a pixel of intensity x in [0, 1].

    Parameters
    ----------
    images : ndarray of uint8, any shape
    uniform : ndarray of float64, the shape of `images`
        Numbers in [0, 1). Each becomes a count by the inverse of the Poisson distribution, so that one number a pixel
        is enough; three photons and more are white alike.

    Returns
    -------
    ndarray of uint8, the shape of `images`
        Of the values 0, 85, 170 and 255.
    """
    photons = np.zeros(images.shape, dtype=np.uint8)
    for at_most in _poisson_cumulative(PHOTONS):
        photons += uniform >= at_most[images]
    return photons * np.uint8(255 // PHOTONS)


def impulse_noise(
    images: npt.NDArray[np.uint8], uniform: npt.NDArray[np.float64], *, amount: float = 0.17
) -> npt.NDArray[np.uint8]:
    """Turn a share of the pixels black or white, half each ("salt and pepper").

    Parameters
    ----------
    images : ndarray of uint8, any shape
    uniform : ndarray of float64, the shape of `images`
        Numbers in [0, 1): the lowest ``amount / 2`` turn a pixel black, the highest ``amount / 2`` white.
    amount : float, optional
        Expected share of the pixels that are hit, in [0, 1].

    Returns
    -------
    ndarray of uint8, the shape of `images`
    """
    noisy = images.copy()
    noisy[uniform < amount / 2] = 0
    noisy[uniform >= 1 - amount / 2] = 255
    return noisy


def _poisson_cumulative(photons: int) -> npt.NDArray[np.float64]:
    """P(count <= k) for k = 0 .. photons - 1 (rows) and the 256 intensities of a pixel (columns)."""
    mean = photons * np.arange(256) / 255.0
    terms = [np.exp(-mean) * mean**k / math.factorial(k) for k in range(photons)]
    return np.cumsum(terms, axis=0)
