"""What is said of a sampled surface: five metrics, and the table that pictures are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.evaluations.base import gather
from pytest_robustness.evaluations.measurement import Part
from pytest_robustness.evaluations.sensitivity.interpolation import interpolator, with_lines
from pytest_robustness.evaluations.sensitivity.mesh import Mesh, grid_mesh, triangle_mesh
from pytest_robustness.evaluations.sensitivity.outcomes import IDENTITY, correct_by_point
from pytest_robustness.evaluations.sensitivity.robust_box import RobustBox, largest_box
from pytest_robustness.evaluations.sensitivity.samplers import axes_of
from pytest_robustness.evaluations.summaries import Estimate, lowest, measured
from pytest_robustness.metrics import binomial_interval, clustered_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.base import Block, Outcome, Subject
    from pytest_robustness.evaluations.measurement import Measurement
    from pytest_robustness.evaluations.sensitivity.box import Axes, Box, Point
    from pytest_robustness.evaluations.sensitivity.evaluation import Sensitivity

    Floats = NDArray[np.float64]

REGULAR = 33
"""Lines along each axis of the grid on which scattered points are looked at."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A surface at P points with the ends of the interval at each."""

    box: Box
    points: list[Point]
    values: Floats
    low: Floats
    high: Floats
    clean: float
    axes: Axes | None
    mesh: Mesh

    def on_grid(self, values: Floats, extra: Point | None = None) -> tuple[Axes, Floats]:
        """Return axes and `values` on them: those of a grid as they are, others interpolated; with lines `extra`."""
        axes = self.axes
        if axes is None:
            axes = tuple(tuple(np.linspace(*ends, REGULAR).tolist()) for ends in self.box.ranges)
        axes = with_lines(axes, extra)
        places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        return axes, interpolator(self.box, np.array(self.points), values, self.axes)(places)


def summarise_surface(
    evaluation: Sensitivity, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
) -> tuple[Measurement, ...]:
    """Return the measurements of a sensitivity, the mean first."""
    points, correct = correct_by_point(outcomes)
    found = sampled(evaluation, points, correct, gather(outcomes, "correct", part=IDENTITY), confidence)
    estimates = _estimates(evaluation, found, correct, confidence)
    details = {"mean": _details(evaluation, found, outcomes)}
    if evaluation.box.holds_identity and evaluation.box.identity is not None:
        robust, estimates["robust_box"] = robust_box(found, evaluation.level)
        ranges = robust.ranges and [list(ends) for ends in robust.ranges]
        details["robust_box"] = {"parameters": list(found.box.names), "ranges": ranges, "level": evaluation.level}
    parts = [
        Part(_name(found.box, point), float(value), float(low), float(high), n=correct.shape[1])
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
            sampled=True,
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
    n = correct.shape[1]
    ends = {int(k): binomial_interval(int(k), n, confidence=confidence) for k in np.unique(correct.sum(axis=1))}
    low, high = np.array([ends[int(k)] for k in correct.sum(axis=1)]).T
    scattered = evaluation.sampler == "learner2d"
    axes = None if scattered else axes_of(dict.fromkeys(points, 0.0))
    mesh = triangle_mesh(np.array(points), evaluation.box) if axes is None else grid_mesh(axes)
    clean = float(unchanged.mean())
    return Sampled(evaluation.box, points, correct.mean(axis=1), low, high, clean, axes, mesh)


def robust_box(found: Sampled, level: float) -> tuple[RobustBox, Estimate]:
    """Return the largest box around the identity, and its share of the whole with a bracket.

    The bracket asks the same of the lower and of the upper ends of the intervals at the points.
    """
    identity = found.box.identity or ()
    boxes = []
    for values in (found.values, found.low, found.high):
        axes, grid = found.on_grid(values, identity)
        boxes.append(largest_box(axes, grid >= level, identity))
    value, low, high = boxes
    return value, Estimate(value.share, low.share, high.share)


def _estimates(
    evaluation: Sensitivity, found: Sampled, correct: NDArray[np.bool_], confidence: float
) -> dict[str, Estimate]:
    # The weights sum to 1 but for rounding.
    by_image = (found.mesh.weights(len(found.points)) @ correct).clip(0.0, 1.0)
    worst = lowest(found.values.tolist(), n=correct.shape[1], confidence=confidence)
    return {
        "mean": Estimate(float(by_image.mean()), *clustered_interval(by_image, confidence=confidence)),
        "worst": worst,
        "area": found.mesh.area_above(found.values, found.low, found.high, evaluation.level),
        "max_drop": Estimate(found.clean - worst.value, found.clean - worst.high, found.clean - worst.low),
    }


def _details(evaluation: Sensitivity, found: Sampled, outcomes: Mapping[Block, Outcome]) -> dict[str, Any]:
    axes, grid = found.on_grid(found.values)
    box = found.box
    details: dict[str, Any] = {
        "parameters": list(box.names),
        "units": [_unit(evaluation, name) for name in box.names],
        "axes": [list(axis) for axis in axes],
        "accuracy": grid.tolist(),
        "level": float(evaluation.level),
        "identity": list(box.identity) if box.identity is not None else None,
        "clean": found.clean,
        "sampler": evaluation.sampler,
        "estimated_error": evaluation.estimated_error(outcomes),
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


def _unit(evaluation: Sensitivity, name: str) -> str:
    return next(t.parameters[name].unit for t in evaluation.transforms() if name in t.parameters)


def _name(box: Box, point: Sequence[float]) -> str:
    return ", ".join(f"{name}={value:.3g}" for name, value in zip(box.names, point, strict=True))
