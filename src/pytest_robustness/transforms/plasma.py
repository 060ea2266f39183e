"""Clouds and crystals: maps of heights by the diamond-square algorithm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def side_over(height: int, width: int, *, least: int) -> int:
    """Return the side of the smallest map that covers an image: a power of two, at least `least`."""
    return max(least, 1 << (max(height, width) - 1).bit_length())


def corners(numbers: npt.NDArray[np.uint16], height: int, width: int, decay: float) -> Floats:
    """Return the upper left corners of plasma fractals that are scaled to [0, 1] over their whole square.

    The fractals are made by the diamond-square algorithm (Fournier, Fussell and Carpenter, CACM 25, 1982) on a square
    whose sides meet: from one point at 0, the middle of every four neighbours gets their mean plus a number from
    [-a, a]; halving the distance divides a by `decay` squared.

    Parameters
    ----------
    numbers : ndarray of uint16, shape (N, S * S)
        Uniform on 0 .. 65535; S is a power of two, and not below `height` or `width`.
    height, width : int
        Size of the corner.
    decay : float
        > 1: the higher, the smoother.

    Returns
    -------
    ndarray of float32, shape (N, height, width)
    """
    n, side = len(numbers), round(numbers.shape[1] ** 0.5)
    # A choice is -1 to 1 in steps of 2 ** -15: 1e-5 of the range of the map.
    signed = numbers.view(np.int16)
    points = np.zeros((n, 1, 1), dtype=np.float32)
    amplitude = 1.0
    used = 0
    while 2 * points.shape[1] < side:
        fresh = signed[:, used : used + 3 * points[0].size]
        points = _interleaved(points, *_between(points, fresh, amplitude))
        used += fresh.shape[1]
        amplitude /= decay**2
    # The last and largest step is not put together but for the corner: the extremes need no order.
    parts = (points, *_between(points, signed[:, used : used + 3 * points[0].size], amplitude))
    low = np.min([part.min(axis=(1, 2)) for part in parts], axis=0)[:, None, None]
    high = np.max([part.max(axis=(1, 2)) for part in parts], axis=0)[:, None, None]
    rows, columns = (height + 1) // 2, (width + 1) // 2
    corner = _interleaved(*(part[:, :rows, :columns] for part in parts))[:, :height, :width]
    scaled: Floats = (corner - low) / (high - low)
    return scaled


def _between(points: Floats, numbers: npt.NDArray[np.int16], amplitude: float) -> tuple[Floats, Floats, Floats]:
    """Return the new points right of, below, and right below of each old one; as floats of the shape of `points`."""
    noise = numbers.reshape(len(points), 3, *points.shape[1:])
    step = np.float32(amplitude / 2**15)
    quarter = np.float32(0.25)
    wrapped = np.empty((len(points), points.shape[1] + 1, points.shape[2] + 1), dtype=np.float32)
    wrapped[:, :-1, :-1] = points
    wrapped[:, -1, :-1], wrapped[:, :-1, -1], wrapped[:, -1, -1] = points[:, 0], points[:, :, 0], points[:, 0, 0]
    beside = wrapped[:, :, :-1] + wrapped[:, :, 1:]
    middle = (beside[:, :-1] + beside[:, 1:]) * quarter + noise[:, 0] * step
    around = np.empty_like(wrapped)
    around[:, 1:, 1:] = middle
    around[:, 0, 1:], around[:, 1:, 0] = middle[:, -1], middle[:, :, -1]
    right = (around[:, :-1, 1:] + around[:, 1:, 1:] + beside[:, :-1]) * quarter + noise[:, 1] * step
    below = around[:, 1:, :-1] + around[:, 1:, 1:] + wrapped[:, :-1, :-1] + wrapped[:, 1:, :-1]
    return right, below * quarter + noise[:, 2] * step, middle


def _interleaved(points: Floats, right: Floats, below: Floats, middle: Floats) -> Floats:
    n, height, width = points.shape
    whole = np.empty((n, 2 * height, 2 * width), dtype=np.float32)
    whole[:, ::2, ::2], whole[:, ::2, 1::2] = points, right
    whole[:, 1::2, ::2], whole[:, 1::2, 1::2] = below, middle
    return whole
