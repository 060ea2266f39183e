"""From the accuracies known so far to the points to evaluate next; each sampler is one plain function."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import ParameterError, check_number, unknown_name
from pytest_robustness.evaluations.sensitivity.tensor import LEAST_LINES, estimated_error, refined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.sensitivity.box import Axes, Box, Point

    Known = Mapping[Point, float]

ANISOTROPY = {("gamma", "brightness"): 4.0}
"""How much finer a plain grid is along its second axis; else 1. Accuracy bends faster in brightness than in gamma."""


def tensor_points(box: Box, known: Known, limit: int) -> list[Point]:
    """Return the points that are new on the refined grid."""
    axes = axes_of(known) if known else box.start()
    if known:
        axes = refined(box, axes, grid_values(axes, known), limit)
    return [point for point in product(*axes) if point not in known]


def grid_points(box: Box, known: Known, limit: int) -> list[Point]:
    """Return the points of an even grid, all at once; where it begins at a jump, with a line for the limit there."""
    if known:
        return []
    # The jump itself is a line more than the even ones.
    more = [int(jump) for jump in box.jumps]
    if len(box.names) == 1:
        lengths = [limit]
    else:
        rows = round(math.sqrt(limit / ANISOTROPY.get((box.names[0], box.names[1]), 1.0)))
        # Lines enough along both, where the points are.
        fewest = min(LEAST_LINES[2], math.isqrt(limit))
        rows = min(max(fewest + more[0], rows), limit // (fewest + more[1]))
        lengths = [rows, limit // rows]
    starts = box.start()
    axes: list[list[float]] = []
    for i, ((low, high), n) in enumerate(zip(box.ranges, lengths, strict=True)):
        jump = [low] if box.jumps[i] else []
        axes.append([*jump, *np.linspace(starts[i][len(jump)], high, n - len(jump)).tolist()])
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


def least_points(box: Box, sampler: str) -> int:
    """Return how many points a sampler begins with at least."""
    if sampler == "grid":
        return math.prod(2 + int(jump) for jump in box.jumps)
    return math.prod(len(axis) for axis in box.start()) if sampler == "tensor" else 2 ** len(box.names)


def is_last_round(points: Known, sampler: str, limit: int) -> bool:
    """Return whether a sampler will ask for no more points, whatever the accuracies at those that it has."""
    if sampler == "tensor":
        axes = axes_of(points)
        size = math.prod(len(axis) for axis in axes)
        return all(size + size // len(axis) > limit for axis in axes)
    return sampler == "grid" or len(points) >= limit


SAMPLERS: dict[str, Callable[[Box, Known, int], list[Point]]] = {
    "tensor": tensor_points,
    "learner2d": learner_points,
    "grid": grid_points,
}


def check_sampling(
    box: Box, sampler: str, points: object, *, tolerance: object, seconds: object, level: object
) -> None:
    """Refuse what no sampler can do in a box.

    Raises
    ------
    ParameterError
        For an unknown sampler, too few points for the first round, and numbers out of range.
    """
    if sampler not in tuple(SAMPLERS):
        raise unknown_name("sampler", sampler, SAMPLERS)
    if sampler == "learner2d" and len(box.names) != 2:
        raise ParameterError("learner2d samples two parameters", got=list(box.names), mend="Use 'tensor'.")
    check_number("points", points, minimum=1, whole=True)
    if int(points) < (least := least_points(box, sampler)):  # type: ignore[call-overload]
        tensor = "It begins with both ends, the value that changes nothing or the middle, and both sides of a jump."
        raise ParameterError(
            f"too few points for {sampler}",
            got=points,
            allowed=f"{least} or more in this box",
            mend=tensor if sampler == "tensor" else "",
        )
    check_number("level", level, minimum=0.0)
    if float(level) > 1:  # type: ignore[arg-type]
        raise ParameterError("level is out of range", got=level, allowed="an accuracy, 0 to 1")
    for name, limit in (("tolerance", tolerance), ("seconds", seconds)):
        if limit is not None:
            check_number(name, limit, minimum=0.0, above=True)
            if sampler == "grid":
                raise ParameterError(f"{name} ends a sampling in rounds; a grid has one", mend="Give points.")
