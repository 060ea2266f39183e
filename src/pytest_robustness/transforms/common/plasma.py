"""Clouds: maps of heights by the diamond-square algorithm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def numbers_of(size: int) -> int:
    """Return how many random numbers one map takes."""
    return size * size - 1


def side_for(height: int, width: int) -> int:
    """Return the side of the smallest map that covers an image: a power of two, at least 32."""
    return max(32, 1 << (max(height, width) - 1).bit_length())


def plasma(uniform: npt.NDArray[np.float64], size: int, decay: float) -> npt.NDArray[np.float32]:
    """Return maps of heights that repeat at their edges (Fournier, Fussell and Carpenter, CACM 25, 1982).

    Each new point is the mean of the four around it plus noise: first the middles of squares, then those of diamonds,
    on a grid that is halved until it is full. The noise is uniform within plus or minus w**2, with w = 100 on the
    coarsest grid and divided by `decay` for each finer one.

    Parameters
    ----------
    uniform : ndarray, shape (N, size**2 - 1)
        In [0, 1).
    size : int
        A power of two.
    decay : float
        Above 1; the larger, the smoother.

    Returns
    -------
    ndarray of float32, shape (N, size, size)
        From 0 to 1, both reached in every map.
    """
    heights = np.zeros((len(uniform), size, size), np.float32)
    noise = (2 * uniform - 1).astype(np.float32)
    reach, step, used = 100.0, size, 0
    while step >= 2:
        half, count = step // 2, size // step
        rough = noise[:, used : used + 3 * count * count].reshape(-1, 3, count, count) * np.float32(reach * reach)
        corners = heights[:, ::step, ::step]
        below = corners + np.roll(corners, -1, axis=1)
        centres = (below + np.roll(below, -1, axis=2)) / 4 + rough[:, 0]
        heights[:, half::step, half::step] = centres
        across = centres + np.roll(centres, 1, axis=1) + corners + np.roll(corners, -1, axis=2)
        heights[:, ::step, half::step] = across / 4 + rough[:, 1]
        along = centres + np.roll(centres, 1, axis=2) + corners + np.roll(corners, -1, axis=1)
        heights[:, half::step, ::step] = along / 4 + rough[:, 2]
        reach, step, used = reach / decay, half, used + 3 * count * count
    heights -= heights.min(axis=(1, 2), keepdims=True)
    heights /= heights.max(axis=(1, 2), keepdims=True)
    return heights
