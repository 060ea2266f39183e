"""Which cells of a grid are good: by their corners, or by scattered points and the triangles between them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_robustness.evaluations.sensitivity.box import Axes

    Floats = NDArray[np.float64]
    Table = NDArray[np.bool_]


def with_corners(good: Table) -> Table:
    """Return the cells of a grid of one or two axes whose corners are all good.

    Parameters
    ----------
    good : ndarray of bool, shape (len(axis) for axis in axes)
    """
    cells = np.ones([length - 1 for length in good.shape], np.bool_)
    for sides in product((slice(None, -1), slice(1, None)), repeat=good.ndim):
        cells &= good[sides]
    return cells


def without_points(axes: Axes, points: Floats) -> Table:
    """Return the cells of two axes that hold none of the points (K, 2), neither inside nor on their edges."""
    inside = [
        (axis[:-1, None] <= column) & (column <= axis[1:, None])
        for axis, column in zip(map(np.array, axes), points.T, strict=True)
    ]
    return np.asarray(inside[0].astype(np.float64) @ inside[1].T == 0)


def without_triangles(axes: Axes, triangles: Floats) -> Table:
    """Return the cells of two axes that none of the triangles (K, 3, 2) touches.

    What is convex has nothing in common where a line parallel to an edge of the one or the other lies between them.
    """
    (x_low, x_high), (y_low, y_high) = ((np.array(axis[:-1]), np.array(axis[1:])) for axis in axes)
    middles = np.stack(np.meshgrid((x_low + x_high) / 2, (y_low + y_high) / 2, indexing="ij"), axis=-1)
    halves = np.stack(np.meshgrid((x_high - x_low) / 2, (y_high - y_low) / 2, indexing="ij"), axis=-1)
    free = np.ones(middles.shape[:2], np.bool_)
    for corners in triangles:
        edges = corners - np.roll(corners, 1, axis=0)
        across = np.vstack([np.eye(2), edges[:, ::-1] * [1, -1]])
        shadow, centre, reach = corners @ across.T, middles @ across.T, halves @ np.abs(across).T
        apart = (centre + reach < shadow.min(axis=0)) | (centre - reach > shadow.max(axis=0))
        free &= apart.any(axis=2)
    return free
