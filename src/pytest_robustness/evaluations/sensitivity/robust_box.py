"""The largest box around the identity in which the accuracy holds a level."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_robustness.evaluations.sensitivity.box import Axes, Point, Range


class RobustBox(NamedTuple):
    """Its share of the whole box, and its ranges; no ranges where the identity itself is below the level."""

    share: float
    ranges: tuple[Range, ...] | None


def largest_box(axes: Axes, above: NDArray[np.bool_], identity: Point) -> RobustBox:
    """Return the largest axis-parallel box around the identity whose grid points are all above.

    Parameters
    ----------
    axes : tuple of tuple of float
        Of a grid that the identity lies on.
    above : ndarray of bool, shape (len(axis) for axis in axes)
    identity : tuple of float
    """
    # One axis is two, of which the second has a single value.
    table = above.reshape(len(axes[0]), -1)
    second = axes[1] if len(axes) == 2 else (0.0,)
    row = axes[0].index(identity[0])
    column = second.index(identity[1]) if len(axes) == 2 else 0
    if not table[row, column]:
        return RobustBox(0.0, None)
    lefts, rights = _reach(table, column)
    whole = _length(axes[0], 0, -1) * _length(second, 0, -1)
    best, ranges = -1.0, (0, 0, 0, 0)
    for top in _upwards(table[:, column], row):
        left, right = int(lefts[top : row + 1].max()), int(rights[top : row + 1].min())
        for bottom in range(row, len(table)):
            if not table[bottom, column]:
                break
            left, right = max(left, int(lefts[bottom])), min(right, int(rights[bottom]))
            share = _length(axes[0], top, bottom) * _length(second, left, right) / whole
            if share > best:
                best, ranges = share, (top, bottom, left, right)
    top, bottom, left, right = ranges
    found = [(axes[0][top], axes[0][bottom]), (second[left], second[right])][: len(axes)]
    return RobustBox(best, tuple(found))


def _reach(table: NDArray[np.bool_], column: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how far to the left and to the right of the column each row is above without a gap."""
    to_left, to_right = ~table[:, column::-1], ~table[:, column:]
    left = np.where(to_left.any(axis=1), to_left.argmax(axis=1), column + 1)
    right = np.where(to_right.any(axis=1), to_right.argmax(axis=1), table.shape[1] - column)
    return column - left + 1, column + right - 1


def _upwards(above: NDArray[np.bool_], row: int) -> list[int]:
    """Return the row and those before it, as long as they are above."""
    rows = []
    for number in range(row, -1, -1):
        if not above[number]:
            break
        rows.append(number)
    return rows


def _length(axis: tuple[float, ...], start: int, stop: int) -> float:
    return axis[stop] - axis[start] if len(axis) > 1 else 1.0
