"""From the outcomes of blocks to what is known at each point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.base import Block, Outcome
    from pytest_robustness.evaluations.sensitivity.box import Point

    Outcomes = Mapping[Block, Outcome]

IDENTITY, SURFACE = "identity", "surface"
"""Parts: the unchanged images, and the points."""

UNCHANGED = "unchanged"
"""Which samples an own function leaves as they are, where its parameters have their defaults."""


def known_points(outcomes: Outcomes) -> dict[Point, float]:
    """Return the accuracy at each point, in the order of the points."""
    right: dict[tuple[Point, ...], NDArray[np.int64]] = {}
    samples: dict[tuple[Point, ...], int] = {}
    for block, outcome in outcomes.items():
        if block.part == SURFACE:
            correct = outcome.arrays["correct"]
            right[block.points] = right.get(block.points, 0) + np.count_nonzero(correct, axis=1)
            samples[block.points] = samples.get(block.points, 0) + correct.shape[1]
    found: dict[Point, tuple[int, int]] = {}
    for points, counts in right.items():
        for point, count in zip(points, counts.tolist(), strict=True):
            # Where points are left one by one, several blocks hold the same one.
            before, n = found.get(point, (0, 0))
            found[point] = before + count, n + samples[points]
    return {point: count / n for point, (count, n) in sorted(found.items())}


def correct_by_point(outcomes: Outcomes) -> tuple[list[Point], NDArray[np.bool_]]:
    """Return the points in their order, and which samples are right at each, (points, samples)."""
    rows: dict[Point, list[tuple[int, NDArray[Any]]]] = {}
    for block, outcome in outcomes.items():
        if block.part == SURFACE:
            for point, row in zip(block.points, outcome.arrays["correct"], strict=True):
                rows.setdefault(point, []).append((block.start, row))
    points = sorted(rows)
    joined = [np.concatenate([row for _, row in sorted(rows[point], key=lambda entry: entry[0])]) for point in points]
    return points, np.stack(joined)
