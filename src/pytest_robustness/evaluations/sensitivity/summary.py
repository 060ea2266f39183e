"""What is said of a sampled surface: five metrics, and the table that pictures are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.evaluations.base import gather
from pytest_robustness.evaluations.measurement import Part
from pytest_robustness.evaluations.sensitivity.between import few_points, mean_error
from pytest_robustness.evaluations.sensitivity.cells import with_corners, without_points, without_triangles
from pytest_robustness.evaluations.sensitivity.drop import largest_drop
from pytest_robustness.evaluations.sensitivity.interpolation import interpolator, with_lines
from pytest_robustness.evaluations.sensitivity.mesh import Mesh, grid_mesh, triangle_mesh
from pytest_robustness.evaluations.sensitivity.outcomes import IDENTITY, UNCHANGED, correct_by_point
from pytest_robustness.evaluations.sensitivity.robust_box import NONE, RobustBox, largest_box, widest_box
from pytest_robustness.evaluations.sensitivity.samplers import axes_of
from pytest_robustness.evaluations.summaries import Estimate, lowest, measured
from pytest_robustness.metrics import binomial_interval, clustered_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.base import Block, Outcome, Subject
    from pytest_robustness.evaluations.measurement import Measurement
    from pytest_robustness.evaluations.sensitivity.box import Axes, Box, Point
    from pytest_robustness.evaluations.sensitivity.evaluation import Sensitivity

    Floats = NDArray[np.float64]

BRACKETS = ("area", "robust_box")
"""Metrics whose ends are not those of an interval: from what is surely there to what possibly is."""

OF_POINTS = ("worst", "max_drop")
"""Metrics of single points, and not of what lies between them."""

REGULAR = 33
"""Lines along each axis of the grid on which scattered points are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """A surface at P points.

    Parameters
    ----------
    box : Box
    points : list of Point
    values : ndarray, shape (P,)
        The accuracies.
    low, high : ndarray, shape (P,)
        Ends of the interval at each point, by itself.
    least, most : ndarray, shape (P,)
        Ends of intervals that hold at all points together (Bonferroni).
    clean, clean_least, clean_most : float
        Accuracy of the unchanged images, and the ends of an interval like those of the points.
    axes : Axes, optional
        Of the grid that the points lie on.
    mesh : Mesh
    """

    box: Box
    points: list[Point]
    values: Floats
    low: Floats
    high: Floats
    least: Floats
    most: Floats
    clean: float
    clean_least: float
    clean_most: float
    axes: Axes | None
    mesh: Mesh

    def on_grid(self, values: Floats, extra: Point | None = None) -> tuple[Axes, Floats]:
        """Return axes and `values` on them: those of a grid as they are, others interpolated; with lines `extra`."""
        axes = with_lines(self.axes or self.regular_axes(), extra)
        places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        return axes, interpolator(self.box, np.array(self.points), values, self.axes)(places)

    def regular_axes(self) -> Axes:
        """Return the axes on which scattered points are looked at."""
        return tuple(tuple(np.linspace(*ends, REGULAR).tolist()) for ends in self.box.ranges)


def summarise_surface(
    evaluation: Sensitivity, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
) -> tuple[Measurement, ...]:
    """Return the measurements of a sensitivity, the mean first."""
    points, correct = correct_by_point(outcomes)
    unchanged = gather(outcomes, "correct", part=IDENTITY)
    found = sampled(evaluation, points, correct, unchanged, confidence)
    estimates = _estimates(found, correct, unchanged, evaluation.level, confidence)
    details = {"mean": _details(evaluation, found, outcomes)}
    if evaluation.box.holds_identity and not _stays_unchanged(outcomes):
        details["mean"] |= {"identity": None, "without": {"robust_box": _changed_by_defaults(evaluation)}}
    elif evaluation.box.holds_identity and evaluation.box.identity is not None:
        robust, estimates["robust_box"] = robust_box(found, evaluation.level)
        estimates["area"] = _area_around(found, estimates, evaluation.level)
        ranges = robust.ranges and [list(ends) for ends in robust.ranges]
        details["robust_box"] = {"parameters": list(found.box.names), "ranges": ranges, "level": evaluation.level}
    few = few_points(found.box, points, found.axes)
    moved = few_points(found.box, points, found.axes, details["mean"]["between"])
    parts = [
        Part(found.box.named(point), float(value), float(low), float(high), n=correct.shape[1])
        for point, value, low, high in zip(points, found.values, found.low, found.high, strict=True)
    ]
    return tuple(
        measured(
            evaluation,
            subject,
            outcomes,
            metric,
            estimate,
            confidence=confidence,
            parts=parts if metric in {"mean", "worst"} else (),
            details=details.get(metric),
            warnings=_warnings(evaluation, details["mean"]) if metric == "mean" else (),
            doubts=filter(None, [few if metric in OF_POINTS else moved]),
            sampled=True,
            bracket=metric in BRACKETS,
        )
        for metric, estimate in estimates.items()
    )


def sampled(
    evaluation: Sensitivity,
    points: list[Point],
    correct: NDArray[np.bool_],
    unchanged: NDArray[np.bool_],
    confidence: float,
) -> Sampled:
    """Return the surface with its cells and its intervals."""
    n, together = correct.shape[1], 1 - (1 - confidence) / len(points)
    counts = correct.sum(axis=1)
    low, high = _intervals(counts, n, confidence)
    least, most = _intervals(counts, n, together)
    clean_least, clean_most = binomial_interval(int(unchanged.sum()), n, confidence=together)
    scattered = evaluation.sampler == "learner2d"
    axes = None if scattered else axes_of(dict.fromkeys(points, 0.0))
    return Sampled(
        box=evaluation.box,
        points=points,
        values=correct.mean(axis=1),
        low=low,
        high=high,
        least=least,
        most=most,
        clean=float(unchanged.mean()),
        clean_least=clean_least,
        clean_most=clean_most,
        axes=axes,
        mesh=triangle_mesh(np.array(points), evaluation.box) if axes is None else grid_mesh(axes),
    )


def robust_box(found: Sampled, level: float) -> tuple[RobustBox, Estimate]:
    """Return the largest box around the identity, and its share of the whole with a bracket.

    The lower end is the largest box of cells that are surely above, all their corners by the lower ends of their
    intervals; no box can be larger than the upper end without a point in it that is surely below.
    """
    identity, points = found.box.identity or (), np.array(found.points)
    axes, grid = found.on_grid(found.values, identity)
    cells = with_corners(grid >= level)
    if found.axes is None:
        cells &= without_points(axes, points[found.values < level])
        unsure = found.mesh.corners[~found.mesh.surely(found.least, level)]
        sure_axes, sure = axes, without_triangles(axes, points[unsure])
    else:
        sure_axes, sure = found.axes, with_corners((found.least >= level).reshape([len(axis) for axis in found.axes]))
    value = largest_box(axes, cells, identity) if found.clean >= level else NONE
    low = largest_box(sure_axes, sure, identity).share if found.clean_least >= level else 0.0
    high = widest_box(found.box.ranges, points[found.most < level], identity) if found.clean_most >= level else 0.0
    return value, Estimate(value.share, min(low, value.share), max(high, value.share))


def _area_around(found: Sampled, estimates: Mapping[str, Estimate], level: float) -> Estimate:
    """Return the area with what is known of the unchanged images, which a sampler may have left out.

    The cells that hold their point are possibly above where the unchanged images are, and the area is at least as
    large as the robust box may be.
    """
    area, identity = estimates["area"], found.box.identity
    if identity is None or found.clean_most < level:
        return area
    possible = found.mesh.possibly(found.most, level) | found.mesh.holding(np.array(found.points), identity)
    share = min(1.0, float(found.mesh.sizes[possible].sum()))
    return area._replace(high=max(area.high, share, estimates["robust_box"].high))


def _intervals(counts: NDArray[np.int64], n: int, confidence: float) -> tuple[Floats, Floats]:
    ends = {int(k): binomial_interval(int(k), n, confidence=confidence) for k in np.unique(counts)}
    low, high = np.array([ends[int(k)] for k in counts]).T
    return low, high


def _estimates(
    found: Sampled, correct: NDArray[np.bool_], unchanged: NDArray[np.bool_], level: float, confidence: float
) -> dict[str, Estimate]:
    return {
        "mean": _mean(found, correct, confidence),
        "worst": lowest(found.values.tolist(), n=correct.shape[1], confidence=confidence),
        "area": found.mesh.area_above(found.values, found.least, found.most, level),
        "max_drop": largest_drop(unchanged, correct, confidence=confidence),
    }


def _mean(found: Sampled, correct: NDArray[np.bool_], confidence: float) -> Estimate:
    """Return the mean over the area; its interval allows for the images, and for what lies between the points."""
    # The weights sum to 1 but for rounding.
    by_image = (found.mesh.weights(len(found.points)) @ correct).clip(0.0, 1.0)
    low, high = clustered_interval(by_image, confidence=confidence)
    between = _between(found)
    return Estimate(float(by_image.mean()), max(0.0, low - between), min(1.0, high + between))


def _between(found: Sampled) -> float:
    return mean_error(found.box, np.array(found.points), found.values, found.axes)


def _details(evaluation: Sensitivity, found: Sampled, outcomes: Mapping[Block, Outcome]) -> dict[str, Any]:
    axes, grid = found.on_grid(found.values)
    box = found.box
    untried = evaluation.function is not None and not box.holds_identity
    details: dict[str, Any] = {
        "parameters": list(box.names),
        "units": [_unit(evaluation, name) for name in box.names],
        "axes": [list(axis) for axis in axes],
        "accuracy": grid.tolist(),
        "level": float(evaluation.level),
        "identity": list(box.identity) if box.identity is not None and not untried else None,
        "clean": found.clean,
        "sampler": evaluation.sampler,
        "estimated_error": evaluation.estimated_error(outcomes),
        "between": _between(found),
    }
    if found.axes is None:
        details |= {"points": [list(point) for point in found.points], "accuracies": found.values.tolist()}
    return details


def _warnings(evaluation: Sensitivity, details: Mapping[str, Any]) -> list[str]:
    found = []
    if evaluation.seconds is not None:
        found.append("the sampling ended by time: another run may have other points")
    error, tolerance = details["estimated_error"], evaluation.tolerance
    if tolerance is not None and error > tolerance:
        found.append(f"the sampling ended with an estimated error of {error:.2g}, above the tolerance of {tolerance:g}")
    return found


def _stays_unchanged(outcomes: Mapping[Block, Outcome]) -> bool:
    """Return whether all samples are left as they are at the point that is to change nothing, if that was tried."""
    looked_at = [outcome.arrays[UNCHANGED] for outcome in outcomes.values() if UNCHANGED in outcome.arrays]
    return all(bool(array.all()) for array in looked_at)


def _changed_by_defaults(evaluation: Sensitivity) -> str:
    names = " and ".join(evaluation.box.names)
    return (
        f"a known point that changes nothing. The defaults of {names} change the images: give defaults that leave them "
        "as they are"
    )


def _unit(evaluation: Sensitivity, name: str) -> str:
    return next(t.parameters[name].unit for t in evaluation.transforms() if name in t.parameters)
