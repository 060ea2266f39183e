"""The largest box around the identity in which the accuracy holds a level."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.sensitivity.box import Axes, Point, Range

    Floats = NDArray[np.float64]


class RobustBox(NamedTuple):
    """Its share of the whole box, and its ranges; no ranges where there is no such box."""

    share: float
    ranges: tuple[Range, ...] | None


NONE = RobustBox(0.0, None)


def largest_box(axes: Axes, cells: NDArray[np.bool_], identity: Point) -> RobustBox:
    """Return the largest axis-parallel box around the identity that is made of good cells only.

    Parameters
    ----------
    axes : tuple of tuple of float
        The lines between the cells.
    cells : ndarray of bool, shape (len(axis) - 1 for axis in axes)
        Which cells are good.
    identity : tuple of float
        Somewhere in the box or on its edge.
    """
    # One axis is two, of which the second has a single cell.
    table = cells.reshape(len(cells), -1)
    rows, columns = np.array(axes[0]), np.array(axes[1] if len(axes) == 2 else (0.0, 1.0))
    at = identity if len(axes) == 2 else (identity[0], 0.5)
    (above, below), (left, right) = _lines_around(rows, at[0]), _lines_around(columns, at[1])
    best, ranges = 0.0, None
    for top in range(above, -1, -1):
        for bottom in range(max(below, top + 1), len(rows)):
            good = np.asarray(table[top:bottom].all(axis=0))
            if not good[left:right].all():
                break
            first = left - _run(good[:left][::-1])
            last = right + _run(good[right:])
            share = (rows[bottom] - rows[top]) * (columns[last] - columns[first])
            if share > best:
                best, ranges = share, ((rows[top], rows[bottom]), (columns[first], columns[last]))
    if ranges is None:
        return NONE
    found = tuple((float(low), float(high)) for low, high in ranges)
    return RobustBox(float(best / (np.ptp(rows) * np.ptp(columns))), found[: len(axes)])


def widest_box(ranges: Sequence[Range], bad: Floats, identity: Point) -> float:
    """Return the share of the largest axis-parallel box around the identity that has no bad point inside it.

    Bad points may lie on its edge, but not where the identity lies on this edge: any box around the identity that
    holds no bad point is at most as large.

    Parameters
    ----------
    ranges : sequence of (float, float)
        Of the whole box.
    bad : ndarray, shape (K, D)
        Points that no box may hold.
    identity : tuple of float
    """
    (x_low, x_high), (y_low, y_high) = [*ranges, (-0.5, 0.5)][:2]
    x, y = [*identity, 0.0][:2]
    points = np.hstack([bad, np.zeros((len(bad), 1))])[:, :2]
    if ((points[:, 0] == x) & (points[:, 1] == y)).any():
        return 0.0
    on_line = points[points[:, 0] == x][:, 1]
    base = max([y_low, *on_line[on_line < y]]), min([y_high, *on_line[on_line > y]])
    best = 0.0
    rights = _sides(points[points[:, 0] > x], y, x_high, base)
    for left, lower, upper in _sides(points[points[:, 0] < x] * [-1, 1], y, -x_low, base):
        heights = np.minimum(rights[:, 2], upper) - np.maximum(rights[:, 1], lower)
        best = max(best, float((heights * (rights[:, 0] + left)).max()))
    return best / ((x_high - x_low) * (y_high - y_low))


def _sides(points: Floats, y: float, end: float, base: tuple[float, float]) -> Floats:
    """Return where a box may end on one side, with the lower and upper edge that it then has at most, (K, 3)."""
    lower, upper = base
    found: list[tuple[float, float, float]] = []
    for x, height in points[np.lexsort((points[:, 1], points[:, 0]))]:
        if not found or found[-1][0] != x:
            found.append((x, lower, upper))
        if height == y:
            return np.array(found)
        lower, upper = (max(lower, height), upper) if height < y else (lower, min(upper, height))
    return np.array([*found, (end, lower, upper)])


def _lines_around(lines: Floats, value: float) -> tuple[int, int]:
    """Return the last line at or before a value, and the first at or behind it."""
    return bisect_right(lines, value) - 1, bisect_left(lines, value)


def _run(good: NDArray[np.bool_]) -> int:
    """Return how many are good before the first that is not."""
    return len(good) if good.all() else int(good.argmin())
