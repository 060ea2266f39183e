"""Noise of a sensor: photons counted and pixels stuck.

The functions are pure: the random numbers come in as an array, see `pytest_robustness.transforms.random`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PHOTONS = 3
"""Mean number of photons that a white pixel of `shot_noise` counts in MNIST-C."""


def shot_noise(
    images: npt.NDArray[np.uint8], uniform: npt.NDArray[np.float64], *, photons: int = PHOTONS
) -> npt.NDArray[np.uint8]:
    """Count few photons: ``min(Poisson(c x) / c, 1)`` for a pixel of intensity x in [0, 1] and c photons.

    Parameters
    ----------
    images : ndarray of uint8, any shape
    uniform : ndarray of float64, the shape of `images`
        Numbers in [0, 1). Each becomes a count by the inverse of the Poisson distribution, so that one number a pixel
        is enough; c photons and more are white alike.
    photons : int, optional
        Mean number of photons c that a white pixel counts, in [1, 255].

    Returns
    -------
    ndarray of uint8, the shape of `images`
        Of ``photons + 1`` values: 0, 85, 170 and 255 for 3.
    """
    counts = np.zeros(images.shape, dtype=np.uint8)
    for at_most in _poisson_cumulative(photons):
        counts += uniform >= at_most[images]
    values = np.rint(np.arange(photons + 1) * (255 / photons)).astype(np.uint8)
    counted: npt.NDArray[np.uint8] = values[counts]
    return counted


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
    # Products and maxima of bytes take a tenth of the time of assigning to the pixels that are hit.
    kept = images * (uniform >= amount / 2)
    noisy: npt.NDArray[np.uint8] = np.maximum(kept, (uniform >= 1 - amount / 2) * np.uint8(255))
    return noisy


def _poisson_cumulative(photons: int) -> npt.NDArray[np.float64]:
    """P(count <= k) for k = 0 .. photons - 1 (rows) and the 256 intensities of a pixel (columns)."""
    mean = photons * np.arange(256) / 255.0
    terms = [np.exp(-mean)]
    for k in range(1, photons):
        terms.append(terms[-1] * mean / k)
    return np.cumsum(terms, axis=0)
