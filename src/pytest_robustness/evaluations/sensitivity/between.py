"""How far the mean over a box may lie from that of the interpolant: an estimate of what the points do not show.

No number of points says what lies between them. The estimate has two parts: what is seen (how much the surface bends at
the points, and what the mean would be with half of the lines or points), and what could not be seen: `SAG`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.evaluations.sensitivity.interpolation import interpolator
from pytest_robustness.evaluations.sensitivity.mesh import triangle_mesh, unit_square
from pytest_robustness.evaluations.sensitivity.tensor import LEAST_LINES, coarsest, estimated_error, trapezoid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.sensitivity.box import Axes, Box, Point

    Floats = NDArray[np.float64]

FEW = 0.05
"""Error of the mean from which on the points are called few."""

SAG = 4.0
"""Second derivative, in units of the axis, that is allowed for along an axis unseen by its ends and one line between:
that of an accuracy that falls by one half over the axis and rises again. It is less in proportion where more lines
look. Surfaces that rise and fall several times can bend more: see `LEAST_LINES`."""

MARGIN = 1.5
"""Times what was seen: where a surface jumps, half of the lines show little more than what all of them miss."""


def mean_error(box: Box, points: Floats, values: Floats, axes: Axes | None) -> float:
    """Estimate how far the mean of the interpolant may lie from the mean of the surface itself.

    Parameters
    ----------
    box : Box
    points : ndarray, shape (P, D)
        In the order of ``itertools.product(*axes)`` where there are axes.
    values : ndarray, shape (P,)
    axes : tuple of tuple of float, optional
        Of the grid that the points lie on; None for scattered points.

    Returns
    -------
    float
        At most 1. An estimate, not a bound: a hole that falls between all points is not seen.
    """
    if axes is None:
        return min(1.0, _of_triangles(box, points, values))
    return min(1.0, _of_grid(box, axes, values.reshape([len(axis) for axis in axes])))


def few_points(box: Box, points: Sequence[Point], axes: Axes | None, between: float = 0.0) -> str:
    """Return why nothing should pass by so few points; empty where there are enough.

    Parameters
    ----------
    box : Box
    points : sequence of Point
    axes : tuple of tuple of float, optional
        Of the grid that the points lie on; None for scattered points, whose number a square grid would have.
    between : float
        The `mean_error`, where it is known.
    """
    if between > FEW:
        return f"few points: what lies between them may move the mean by {between:.2g}; give more points"
    lines = coarsest(box, axes) if axes is not None else math.isqrt(len(points))
    if lines >= LEAST_LINES[len(box.names)]:
        return ""
    return f"few points: {lines} values of a parameter do not show what lies between them; give more points"


def _of_grid(box: Box, axes: Axes, table: Floats) -> float:
    """Return the larger of two estimates of what was seen, and what an unseen parabola along each axis makes.

    A parabola with second derivative s lies h ** 2 s / 12 from its chord, in the mean over an interval of length h.
    """
    for i, axis in enumerate(axes):
        # The jump is an edge without area.
        if box.jumps[i] and len(axis) > 2:
            axes = (*axes[:i], axis[1:], *axes[i + 1 :])
            table = np.delete(table, 0, axis=i)
    smooth = type(box)(box.names, box.ranges, box.identity, (False,) * len(axes))
    seen = max(estimated_error(smooth, axes, table), sum(_change(axes, table, i) for i in range(len(axes))))
    widths = [np.diff(axis) / (axis[-1] - axis[0]) for axis in axes]
    return MARGIN * seen + SAG / 12 * float(sum((width**3).sum() / max(1, len(width) - 1) for width in widths))


def _change(axes: Axes, table: Floats, i: int) -> float:
    """Return how much the mean changes where every second line of an axis is left out, the ends excepted."""
    axis, lines = axes[i], np.moveaxis(table, i, 0)
    for other in reversed([trapezoid(axis) for j, axis in enumerate(axes) if j != i]):
        lines = lines @ other
    whole = float(trapezoid(axis) @ lines)
    changes = [0.0]
    for start in (1, 2):
        kept = sorted({0, *range(start, len(axis), 2), len(axis) - 1})
        changes.append(abs(float(trapezoid(tuple(axis[k] for k in kept)) @ lines[kept]) - whole))
    return max(changes)


def _of_triangles(box: Box, points: Floats, values: Floats) -> float:
    """Return the same for scattered points: half of those that are no corners of the box are left out in turn.

    The interpolant of a triangle with the edges e lies sum |e| ** 2 s / 24 from a paraboloid, in the mean.
    """
    mesh, scaled = triangle_mesh(points, box), unit_square(points, box)
    weights = mesh.weights(len(points))
    corner = ((scaled == 0) | (scaled == 1)).all(axis=1)
    inner = np.flatnonzero(~corner)
    seen = [0.0]
    for start in (0, 1):
        left = inner[start::2]
        kept = np.setdiff1d(np.arange(len(points)), left)
        if len(left) == 0 or len(kept) < 3:
            continue
        coarse = float(triangle_mesh(points[kept], box).weights(len(kept)) @ values[kept])
        missed = np.abs(interpolator(box, points[kept], values[kept], None)(points[left]) - values[left])
        # On an edge of the box, rounding can take a point out of all triangles.
        known = np.isfinite(missed)
        share = weights[left][known]
        between = float(share @ missed[known] / share.sum()) / 3 if known.any() else 0.0
        seen += [abs(coarse - float(weights @ values)), between]
    edges = sum(((scaled[mesh.corners[:, a]] - scaled[mesh.corners[:, a - 1]]) ** 2).sum(axis=1) for a in range(3))
    # As many points on a grid would have so many lines between the ends of each axis.
    lines = max(1.0, float(np.sqrt(len(points))) - 2)
    return MARGIN * max(seen) + SAG / 24 / lines * float(mesh.sizes @ edges)
