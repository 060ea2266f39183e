"""From the accuracies known so far to the points to evaluate next; each sampler is one plain function."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.evaluations.sensitivity.tensor import estimated_error, refined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.sensitivity.box import Axes, Box, Point

    Known = Mapping[Point, float]

ANISOTROPY = {("gamma", "brightness"): 4.0}
"""How much finer a plain grid is along its second axis; else 1. Accuracy bends faster in brightness than in gamma."""


def tensor_points(box: Box, known: Known, limit: int) -> list[Point]:
    """Return the points that are new on the refined grid."""
    axes = axes_of(known) if known else _within(box.start(), limit)
    if known:
        axes = refined(box, axes, grid_values(axes, known), limit)
    return [point for point in product(*axes) if point not in known]


def grid_points(box: Box, known: Known, limit: int) -> list[Point]:
    """Return the points of an even grid, all at once; where it begins at a jump, with the limit there in place of it.

    The points of the jump itself lie on an edge without area: they come on top.
    """
    if known:
        return []
    if len(box.names) == 1:
        lengths = [max(2, limit)]
    else:
        rows = max(2, round(math.sqrt(limit / ANISOTROPY.get((box.names[0], box.names[1]), 1.0))))
        lengths = [rows, max(2, limit // rows)]
    starts = box.start()
    axes: list[list[float]] = []
    for i, ((low, high), n) in enumerate(zip(box.ranges, lengths, strict=True)):
        jump = [low] if box.jumps[i] else []
        axes.append([*jump, *np.linspace(starts[i][len(jump)], high, n).tolist()])
    return list(product(*axes))


def learner_points(box: Box, known: Known, limit: int) -> list[Point]:
    """Return the points that the Learner2D of python-adaptive asks for next.

    It is told all that is known, in the order of the points, and asked for a quarter as many again: so it depends on
    what is known only, and the points of a round can be evaluated anywhere.
    """
    room = limit - len(known)
    if room <= 0:
        return []
    learner = told_learner(box, known)
    asked, _ = learner.ask(min(room, max(4, len(known) // 4)))
    return [(float(x), float(y)) for x, y in asked]


def told_learner(box: Box, known: Known) -> Any:
    """Return a Learner2D over the box that was told what is known."""
    from adaptive import Learner2D

    learner = Learner2D(None, bounds=box.ranges)
    points = sorted(known)
    learner.tell_many(points, [known[point] for point in points])
    return learner


def axes_of(known: Known) -> Axes:
    """Return the axes of the grid that points lie on."""
    columns = zip(*known, strict=True)
    return tuple(tuple(sorted(set(column))) for column in columns)


def grid_values(axes: Axes, known: Known) -> NDArray[np.float64]:
    """Return accuracies in the shape of the grid."""
    return np.array([known[point] for point in product(*axes)]).reshape([len(axis) for axis in axes])


def estimate(box: Box, known: Known, sampler: str) -> float:
    """Estimate the mean absolute error between the points; for ``learner2d``, return the loss of the learner itself."""
    if sampler == "learner2d":
        return float(told_learner(box, known).loss())
    axes = axes_of(known)
    return estimated_error(box, axes, grid_values(axes, known))


def _within(axes: Axes, limit: int) -> Axes:
    """Return the first axes, without their inner values where the limit does not hold them all."""
    if math.prod(len(axis) for axis in axes) <= limit:
        return axes
    return tuple((axis[0], axis[-1]) for axis in axes)


SAMPLERS: dict[str, Callable[[Box, Known, int], list[Point]]] = {
    "tensor": tensor_points,
    "learner2d": learner_points,
    "grid": grid_points,
}
