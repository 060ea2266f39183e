"""Sampled points with the cells between them: what is linear in the accuracies, and what is not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.evaluations.summaries import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_robustness.evaluations.sensitivity.box import Axes, Box, Point

    Floats = NDArray[np.float64]

FINE = 16
"""Into how many parts the side of a cell is cut where the interpolant inside it is looked at."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """Cells that fill the box: segments, rectangles or triangles, with an interpolant in each.

    Parameters
    ----------
    corners : ndarray of int, shape (C, K)
        The points at the corners of each cell.
    sizes : ndarray, shape (C,)
        Share of the box in each cell.
    blend : ndarray, shape (S, K)
        Weights of the corners at S places spread evenly over a cell: the linear or bilinear interpolant.
    """

    corners: NDArray[np.int64]
    sizes: Floats
    blend: Floats

    def weights(self, points: int) -> Floats:
        """Return weights (P,) with sum 1 that turn accuracies into the mean of the interpolant over the box."""
        share = np.repeat(self.sizes / self.corners.shape[1], self.corners.shape[1])
        weights: Floats = np.bincount(self.corners.ravel(), share, minlength=points).astype(np.float64)
        return weights

    def surely(self, low: Floats, level: float) -> NDArray[np.bool_]:
        """Return the cells (C,) whose corners are all at least `level` by the lower ends of their intervals."""
        return np.asarray((low[self.corners] >= level).all(axis=1))

    def possibly(self, high: Floats, level: float) -> NDArray[np.bool_]:
        """Return the cells (C,) with a corner that is at least `level` by the upper end of its interval."""
        return np.asarray((high[self.corners] >= level).any(axis=1))

    def holding(self, points: Floats, place: Point) -> NDArray[np.bool_]:
        """Return the cells (C,) that hold a place, on their edges too; of triangles those whose frames do."""
        corners = points[self.corners]
        return np.asarray(((corners.min(axis=1) <= place) & (place <= corners.max(axis=1))).all(axis=1))

    def area_above(self, values: Floats, low: Floats, high: Floats, level: float) -> Estimate:
        """Return the share of the box where the interpolant is at least `level`, with a bracket.

        The bracket counts the cells that are `surely` above, and those that are `possibly`. What happens
        between the points of a cell is not known: the bracket is a guide, not a bound.
        """
        inside = (values[self.corners] @ self.blend.T >= level).mean(axis=1)
        parts = self.surely(low, level), inside, self.possibly(high, level)
        surely_share, share, possible_share = (float(np.clip((self.sizes * part).sum(), 0.0, 1.0)) for part in parts)
        return Estimate(share, min(surely_share, share), max(possible_share, share))


def grid_mesh(axes: Axes) -> Mesh:
    """Return the cells of a grid of one or two axes, its points in the order of ``itertools.product``."""
    lengths = [len(axis) for axis in axes]
    numbers = np.arange(np.prod(lengths)).reshape(lengths)
    lower = [slice(None, -1), slice(1, None)]
    corners = [numbers[tuple(lower[side] for side in sides)].ravel() for sides in product((0, 1), repeat=len(axes))]
    sizes = np.ones(1)
    for axis in axes:
        widths = np.diff(axis)
        sizes = np.outer(sizes, widths / widths.sum()).ravel()
    steps = (np.arange(FINE) + 0.5) / FINE
    sides = np.stack([1 - steps, steps], axis=1)
    blend = sides if len(axes) == 1 else np.einsum("ai,bj->abij", sides, sides).reshape(FINE**2, 4)
    return Mesh(np.stack(corners, axis=1), sizes, blend)


def triangle_mesh(points: Floats, box: Box) -> Mesh:
    """Return the triangles of Delaunay between points (P, 2), in a box scaled to the unit square."""
    from scipy.spatial import Delaunay

    scaled = unit_square(points, box)
    corners = Delaunay(scaled).simplices.astype(np.int64)
    a, b, c = (scaled[corners[:, i]] for i in range(3))
    doubled = np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    # The centres of the small triangles that lie as the large one does: spread evenly enough for a share.
    places = [(i + 1 / 3, j + 1 / 3) for i in range(FINE) for j in range(FINE - i)]
    blend = np.array([(i, j, FINE - i - j) for i, j in places]) / FINE
    return Mesh(corners, doubled / doubled.sum(), blend)


def unit_square(points: Floats, box: Box) -> Floats:
    """Return points scaled to the unit square, where both parameters have the same weight."""
    scaled: Floats = (points - np.array([low for low, _ in box.ranges])) / box.widths()
    return scaled
