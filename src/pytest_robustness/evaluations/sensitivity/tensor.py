"""The tensor sampler: a grid that is refined in the axis, and there in the interval, where the accuracy bends.

Every accuracy that was computed stays on the grid. Surfaces over gamma and brightness bend much more along one axis
than along the other, and for the whole length of it: there a grid of unequal axes has a fraction of the error that
triangles have which know no direction.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_robustness.evaluations.sensitivity.box import Axes, Box

    Floats = NDArray[np.float64]

WIDE = 0.003
"""What an interval of the length of its axis counts for, even where nothing bends; it shrinks as its square."""

CLOSE = 0.5
"""Intervals that promise at least this share of what the best one does are cut in the same round."""

GROWTH = 0.25
"""By which share the points may grow in a round: its results are needed to choose the next well."""


LEAST_LINES = {1: 9, 2: 4}
"""Values of each of so many parameters before anything is judged by them: fewer can all lie on the crests of waves."""


class Cut(NamedTuple):
    """An interval that could be cut in two: what that promises for each point it costs."""

    gain: float
    axis: int
    middle: float


def refined(box: Box, axes: Axes, values: Floats, limit: int) -> Axes:
    """Return the axes of the next round; the same ones where no cut fits into the limit.

    Parameters
    ----------
    box : Box
    axes : tuple of tuple of float
        Of the grid so far, ascending.
    values : ndarray, shape (len(axis) for axis in axes)
        The accuracies.
    limit : int
        Points that the grid may have.
    """
    cuts = sorted(_cuts(box, axes, values), reverse=True)
    lines = _lines(box, axes)
    cuts = sorted(cuts, key=lambda cut: lines[cut.axis] >= LEAST_LINES[len(axes)])  # what is too coarse comes first
    chosen: list[list[float]] = [list(axis) for axis in axes]
    most = values.size * (1 + GROWTH)
    done = False
    for cut in cuts:
        size = np.prod([len(axis) + (i == cut.axis) for i, axis in enumerate(chosen)])
        if size > limit or (done and (size > most or cut.gain < CLOSE * cuts[0].gain)):
            continue
        chosen[cut.axis].append(cut.middle)
        done = True
    return tuple(tuple(sorted(axis)) for axis in chosen)


def coarsest(box: Box, axes: Axes) -> int:
    """Return the number of lines of the axis that has the fewest; the two of a jump are one."""
    return min(_lines(box, axes))


def _lines(box: Box, axes: Axes) -> list[int]:
    return [len(axis) - int(jump) for axis, jump in zip(axes, box.jumps, strict=True)]


def estimated_error(box: Box, axes: Axes, values: Floats) -> float:
    """Estimate the mean absolute error of the interpolant between the points, from how it bends at them."""
    return float(sum(_errors(box, axes, values, i)[1].sum() for i in range(len(axes))))


def _cuts(box: Box, axes: Axes, values: Floats) -> list[Cut]:
    cuts = []
    for i, axis in enumerate(axes):
        inner, errors = _errors(box, axes, values, i)
        widths = np.diff(inner) / (axis[-1] - axis[0])
        cost = values.size / len(axis)
        promised = (errors + WIDE * widths**2) / cost
        cuts += [Cut(float(gain), i, (a + b) / 2) for gain, (a, b) in zip(promised, pairwise(inner), strict=True)]
    return cuts


def _errors(box: Box, axes: Axes, values: Floats, i: int) -> tuple[tuple[float, ...], Floats]:
    """Return an axis without its jump, and the share of the mean error that each of its intervals has.

    A parabola with second derivative f'' lies h ** 2 |f''| / 12 from its chord, in the mean over an interval of h.
    """
    table = np.moveaxis(values, i, 0).reshape(len(axes[i]), -1)
    if len(axes) == 2:
        table = table * trapezoid(axes[1 - i]) * len(axes[1 - i])  # so that plain means are weighted by area
    start = 1 if box.jumps[i] and len(axes[i]) > 2 else 0
    inner, table = axes[i][start:], table[start:]
    widths = np.diff(inner)
    slopes = np.diff(table, axis=0) / widths[:, None]
    if len(widths) == 1:
        # Nothing is known of what lies between two points but how far they are apart.
        return inner, np.abs(np.diff(table, axis=0)).mean(axis=1) / 12
    bends = np.abs(np.diff(slopes, axis=0)) / ((widths[:-1] + widths[1:]) / 2)[:, None]
    at_ends = (np.vstack([bends[:1], bends]) + np.vstack([bends, bends[-1:]])) / 2
    return inner, at_ends.mean(axis=1) * widths**3 / 12 / (axes[i][-1] - axes[i][0])


def trapezoid(axis: tuple[float, ...]) -> Floats:
    """Return the weights of the trapezoid rule along an axis, with sum 1."""
    widths = np.diff(axis)
    weights = np.zeros(len(axis))
    weights[:-1] += widths / 2
    weights[1:] += widths / 2
    share: Floats = weights / weights.sum()
    return share
