"""The accuracy surface over gamma and brightness."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.errors import ParameterError, check_number
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, blocks_of, gather
from pytest_robustness.evaluations.measurement import Measurement, Part
from pytest_robustness.evaluations.summaries import Estimate, lowest, measured
from pytest_robustness.metrics import binomial_interval, clustered_interval
from pytest_robustness.transforms import gamma_brightness

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

IDENTITY = (1.0, 0.0)
"""Gamma and brightness that change nothing."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Sensitivity(Evaluation):
    """Accuracy over a box of gamma and brightness, ``I -> clip(I ** gamma + b, 0, 1)`` with ``0 ** 0 = 1``.

    Parameters
    ----------
    gamma, brightness : (float, float)
        Ends of the ranges. Gamma is not negative.
    points : int
        About as many points are evaluated, on a grid four times as fine in brightness as in gamma: the accuracy bends
        faster there.
    level : float
        Accuracy above which a point counts for the metric ``area``.

    Notes
    -----
    Metrics: ``mean`` (weighted by area: the mean of the bilinear interpolant, not of the points), ``worst``, ``area``
    (share of the box where the interpolant is at least `level`) and ``max_drop`` (accuracy of the unchanged images
    minus the worst).
    """

    family = "sensitivity"

    gamma: Range = (0.5, 2.0)
    brightness: Range = (-0.2, 0.2)
    points: int = field(default=100, metadata={"quiet": True})
    level: float = 0.9

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        object.__setattr__(self, "gamma", _checked_range("gamma", self.gamma, minimum=0.0))
        object.__setattr__(self, "brightness", _checked_range("brightness", self.brightness, minimum=-1.0))
        check_number("points", self.points, minimum=4, whole=True)
        check_number("level", self.level, minimum=0.0)
        if self.level > 1:
            raise ParameterError("level is out of range", got=self.level, allowed="an accuracy, 0 to 1")

    def grid(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the values of gamma and of brightness on the axes of the grid."""
        rows = max(2, round(math.sqrt(self.points) / 2))
        columns = max(2, self.points // rows)
        return np.linspace(*self.gamma, rows), np.linspace(*self.brightness, columns)

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Evaluate every sample at every point of the grid, a row of one gamma at a time, and at the identity."""
        if outcomes:
            return []
        gammas, shifts = self.grid()
        n = len(subject.dataset)
        rows = [tuple((float(g), float(b)) for b in shifts) for g in gammas]
        blocks = [block for g, row in enumerate(rows) for block in blocks_of(n, _row(g), row)]
        return [*blocks_of(n, "identity", (IDENTITY,)), *blocks]

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Classify the samples of a block at each of its points."""
        samples = subject.samples(block)
        surface = [
            subject.classifier.predict(gamma_brightness(samples.images, *point), batch_size=subject.batch_size)
            for point in block.points
        ]
        return {"correct": np.stack(surface) == samples.labels}

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce to the area-weighted mean, the worst point, the area above the level, and the largest drop."""
        gammas, shifts = self.grid()
        # Axes: gamma, brightness, sample.
        correct = np.stack([gather(outcomes, "correct", part=_row(g), axis=1) for g in range(len(gammas))])
        surface = correct.mean(axis=2)
        n = correct.shape[2]
        bounds = [[binomial_interval(value * n, n, confidence=confidence) for value in row] for row in surface]
        parts = [
            Part(f"gamma={g:.3g}, brightness={b:.3g}", float(surface[i, j]), *bounds[i][j], n=n)
            for i, g in enumerate(gammas)
            for j, b in enumerate(shifts)
        ]
        # The weights sum to 1 but for rounding.
        by_image = np.tensordot(bilinear_weights(gammas, shifts), correct, axes=2).clip(0.0, 1.0)
        mean = Estimate(float(by_image.mean()), *clustered_interval(by_image, confidence=confidence))
        worst = lowest(surface.ravel().tolist(), n=n, confidence=confidence)
        clean = float(gather(outcomes, "correct", part="identity", axis=1).mean())
        low, high = np.moveaxis(np.array(bounds), 2, 0)
        estimates = {
            "mean": mean,
            "worst": worst,
            "area": area_above(surface, low, high, self.level),
            "max_drop": Estimate(clean - worst.value, clean - worst.high, clean - worst.low),
        }
        details = {
            "gamma": gammas.tolist(),
            "brightness": shifts.tolist(),
            "accuracy": surface.tolist(),
            "level": float(self.level),
        }
        return tuple(
            measured(
                self,
                subject,
                outcomes,
                metric,
                estimate,
                confidence=confidence,
                parts=parts if metric in {"mean", "worst"} else (),
                details=details if metric == "mean" else None,
            )
            for metric, estimate in estimates.items()
        )


def bilinear_weights(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights, shape (len(x), len(y)) with sum 1, that turn grid values into the mean of what lies between.

    Between four grid points lies their bilinear interpolant.
    """
    weights: NDArray[np.float64] = np.outer(_trapezoid(x), _trapezoid(y))
    return weights


def area_above(
    surface: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], level: float, *, refine: int = 16
) -> Estimate:
    """Return the share of a uniform grid where the bilinear interpolant is at least `level`, with a bracket.

    The bracket counts the cells whose four corners are above by the lower ends of their intervals, and those with a
    corner that is above by the upper ends. The intervals are those of single points, and what happens between the
    points of a cell is not known: the bracket is a guide, not a bound.
    """
    steps = (np.arange(refine) + 0.5) / refine
    u, v = steps[:, None], steps[None, :]
    a, b, c, d = (corner[..., None, None] for corner in _corners(surface))
    inside = a * (1 - u) * (1 - v) + b * u * (1 - v) + c * (1 - u) * v + d * u * v >= level
    surely = np.minimum.reduce(_corners(low)) >= level
    possibly = np.maximum.reduce(_corners(high)) >= level
    return Estimate(float(inside.mean()), float(surely.mean()), float(possibly.mean()))


def _corners(grid: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [grid[:-1, :-1], grid[1:, :-1], grid[:-1, 1:], grid[1:, 1:]]


def _trapezoid(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.zeros(len(axis))
    widths = np.diff(axis)
    weights[:-1] += widths / 2
    weights[1:] += widths / 2
    share: NDArray[np.float64] = weights / weights.sum()
    return share


def _row(index: int) -> str:
    return f"row {index}"


def _checked_range(name: str, value: object, *, minimum: float) -> Range:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ParameterError(f"{name} must be a range", got=value, allowed="two numbers, for instance (0.5, 2.0)")
    low, high = value
    check_number(f"the lower end of {name}", low, minimum=minimum)
    check_number(f"the upper end of {name}", high, minimum=minimum)
    if not low < high:
        raise ParameterError(f"the range of {name} is empty", got=value, allowed="the lower end first")
    return float(low), float(high)
