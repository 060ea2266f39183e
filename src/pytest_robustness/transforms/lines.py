"""Lines drawn over images: dotted ones, and zigzags.

The functions are pure: the random numbers come in as arrays, see `pytest_robustness.transforms.random`. Images are
uint8 of shape (N, H, W) or (N, C, H, W); all channels get the same line, white. The input is never changed.

Places are in units of a frame of 28 x 28 pixels, whose pixels have their centres at 0 to 27; images of other sizes are
other samples of that frame. So a line looks alike at every size.
"""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

Images = npt.NDArray[np.uint8]
Segment = tuple[tuple[float, float], tuple[float, float]]

LAST = 27
"""The last row and column of the frame."""

HALF_WIDTH = 2.3
"""Distance at which the ink of a line would be ``log(0) + 1``; it is used up at 1.45."""

SLOPES = 10
"""A zigzag ends 5 rows higher to 4 rows lower than it starts."""


def dotted_line(images: Images, numbers: npt.NDArray[np.float64]) -> Images:
    """Draw a dotted line across each image.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W) or (N, C, H, W)
    numbers : ndarray of float64, shape (N, 2)
        Uniform on [0, 1): the rows at the left and the right edge, of which the last is left out.

    Returns
    -------
    ndarray of uint8, the shape of `images`
    """
    rows = np.floor(numbers * (images.shape[-2] - 1)).astype(np.intp)
    return _with_ink(images, rows, partial(_dots, *images.shape[-2:]))


def zigzag(images: Images, numbers: npt.NDArray[np.float64]) -> Images:
    """Draw a zigzag across each image, from column 2 to column 25, with 2 pixels to either side.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W) or (N, C, H, W)
    numbers : ndarray of float64, shape (N, 2)
        Uniform on [0, 1): the row where it starts, and its slope.

    Returns
    -------
    ndarray of uint8, the shape of `images`
    """
    kinds = np.floor(numbers * (images.shape[-2] - 1, SLOPES)).astype(np.intp)
    return _with_ink(images, kinds, partial(_zigzag, *images.shape[-2:]))


def _with_ink(images: Images, kinds: npt.NDArray[np.intp], draw: Callable[[int, int], Images]) -> Images:
    """Add the ink of each image's kind of line; lines of one kind are drawn once."""
    distinct, which = np.unique(kinds, axis=0, return_inverse=True)
    inks = np.array([draw(int(a), int(b)) for a, b in distinct], dtype=np.uint8).reshape(-1, *images.shape[-2:])
    ink = inks[which.ravel()].reshape(len(images), *(1,) * (images.ndim - 3), *images.shape[-2:])
    # What is left to white bounds the ink, so that the sum of bytes cannot overflow.
    return images + np.minimum(ink, 255 - images)


def _dots(height: int, width: int, start: int, stop: int) -> Images:
    rise = LAST / (height - 1)
    ink = _ink(height, width, [((0.0, start * rise), (float(LAST), stop * rise))])
    dash = max(1, round(2 * width / 28))
    ink[:, np.arange(width) // dash % 2 == 0] = 0
    return ink


def _zigzag(height: int, width: int, start: int, slope: int) -> Images:
    return _ink(height, width, zigzag_segments(start * LAST / (height - 1), slope - SLOPES // 2))


def zigzag_segments(start: float, rise: int) -> list[Segment]:
    """Return the segments of a zigzag as pairs of (column, row) in the frame.

    Parameters
    ----------
    start : float
        Row where it starts.
    rise : int
        Rows from its start to its end, downwards.

    Returns
    -------
    list of pairs of (float, float)
        Seven segments, from left to right.
    """
    first, last, size = 2, 25, 2.0
    angle = math.atan(rise / (last - first))
    length = (last - first) / math.cos(angle)
    tips = int((length - size) // (2 * size)) + 1
    # Along the line and across it; the end is where the published code has it, a little off the line.
    path = [(0.0, 0.0), *(((2 * i + 1) * size, (-1) ** i * size) for i in range(tips))]
    rest = length - 2 * size * (length // (2 * size))
    path.append((length, path[-1][1] / (2 * rest)))
    cosine, sine = math.cos(angle), math.sin(angle)
    corners = [(first + cosine * x - sine * y, start + sine * x + cosine * y) for x, y in path]
    return list(itertools.pairwise(corners))


def _ink(height: int, width: int, segments: list[Segment]) -> Images:
    """Return how much ink, 0 to 255, falls on each pixel: 1 + log(1 - d / 2.3) at a vertical distance d of a line."""
    rows, columns = np.linspace(0, LAST, height)[:, None], np.linspace(0, LAST, width)
    # A line is never thinner than a pixel.
    half_width = HALF_WIDTH * max(1.0, LAST / (height - 1))
    total = np.zeros((height, width))
    for (left, top), (right, bottom) in segments:
        line = top + (bottom - top) / (right - left) * (columns - left)
        distance = np.minimum(np.abs(rows - line), half_width * (1 - 1e-9))
        inside = (columns >= math.floor(left)) & (columns < math.ceil(right))
        total += np.maximum(np.log(1 - distance / half_width) + 1, 0) * inside
    ink: Images = np.rint(255 * np.minimum(total, 1)).astype(np.uint8)
    return ink
