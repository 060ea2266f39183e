"""The largest box around the identity: by cells, and a bracket that holds that of the surface itself."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.datasets import as_dataset
from pytest_robustness.evaluations import Sensitivity
from pytest_robustness.evaluations.base import Outcome, Subject
from pytest_robustness.evaluations.sensitivity.cells import with_corners, without_points, without_triangles
from pytest_robustness.evaluations.sensitivity.robust_box import largest_box, widest_box


def lines(rng, cells):
    return tuple(np.cumsum(rng.random(cells + 1) + 0.1).tolist())


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10_000), st.integers(1, 9), st.booleans())
def test_the_largest_box_is_that_of_a_search_of_all(rows, columns, seed, dense, on_a_line):
    rng = np.random.default_rng(seed)
    axes = lines(rng, rows), lines(rng, columns)
    cells = rng.random((rows, columns)) < dense / 10
    identity = tuple(float(rng.choice(a) if on_a_line else rng.uniform(a[0], a[-1])) for a in axes)
    found = largest_box(axes, cells, identity)
    best = 0.0
    for top, bottom in product(range(rows + 1), repeat=2):
        for left, right in product(range(columns + 1), repeat=2):
            inside = axes[0][top] <= identity[0] <= axes[0][bottom] and axes[1][left] <= identity[1] <= axes[1][right]
            if top < bottom and left < right and inside and cells[top:bottom, left:right].all():
                best = max(best, (axes[0][bottom] - axes[0][top]) * (axes[1][right] - axes[1][left]))
    whole = (axes[0][-1] - axes[0][0]) * (axes[1][-1] - axes[1][0])
    assert found.share == pytest.approx(best / whole)
    assert (found.ranges is None) == (best == 0)
    if found.ranges is not None:
        assert all(low <= value <= high for value, (low, high) in zip(identity, found.ranges, strict=True))


@given(st.integers(0, 10_000))
def test_boxes_shrink_as_the_level_rises(seed):
    values = np.random.default_rng(seed).random((5, 6)).round(1)
    axes = tuple(tuple(map(float, range(n))) for n in values.shape)
    levels = np.linspace(0, 1, 11)
    shares = [largest_box(axes, with_corners(values >= level), (2.0, 3.0)).share for level in levels]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1.0
    points = np.array(list(product(*axes)))
    ranges = [(axis[0], axis[-1]) for axis in axes]
    widest = [widest_box(ranges, points[values.ravel() < level], (2.0, 3.0)) for level in levels]
    assert widest == sorted(widest, reverse=True)
    assert all(low <= high for low, high in zip(shares, widest, strict=True))


def test_boxes_on_one_axis():
    axis = (0.0, 1.0, 3.0, 4.0)
    cells = with_corners(np.array([True, True, True, False]))
    assert largest_box((axis,), cells, (1.0,)) == (0.75, ((0.0, 3.0),))
    # Up to 4, which is bad itself: what lies between 3 and 4 is not known.
    assert widest_box([(0.0, 4.0)], np.array([[4.0]]), (1.0,)) == 1.0
    assert widest_box([(0.0, 4.0)], np.array([[3.0], [0.5]]), (1.0,)) == 2.5 / 4
    assert widest_box([(0.0, 4.0)], np.array([[1.0]]), (1.0,)) == 0.0


@given(st.integers(0, 6), st.integers(0, 10_000), st.booleans())
def test_the_widest_box_is_that_of_a_search_of_all(count, seed, aligned):
    rng = np.random.default_rng(seed)
    bad = rng.integers(0, 6, (count, 2)).astype(float) if aligned else rng.uniform(0, 5, (count, 2))
    identity = tuple(rng.integers(0, 6, 2).astype(float)) if aligned else tuple(rng.uniform(0, 5, 2))
    found = widest_box([(0.0, 5.0), (0.0, 5.0)], bad, identity)
    best = 0.0
    sides = [sorted({0.0, 5.0, *bad[:, i].tolist()}) for i in range(2)]
    for (top, bottom), (left, right) in product(*(product(side, repeat=2) for side in sides)):
        if not (top <= identity[0] <= bottom and left <= identity[1] <= right):
            continue
        # Closed where it shrinks by nothing: a box a little smaller must hold the identity and no bad point.
        down = [(x, y) for x, y in bad if _holds(x, top, bottom, identity[0]) and _holds(y, left, right, identity[1])]
        if not down:
            best = max(best, (bottom - top) * (right - left))
    assert found == pytest.approx(best / 25)


def _holds(value, low, high, kept):
    """Return whether every interval that is nearly (low, high) and holds `kept` has a value in it."""
    return low < value < high or value == kept


def test_cells_are_judged_by_what_touches_them():
    axes = (0.0, 1.0, 2.0), (0.0, 1.0, 2.0)
    points = np.array([[0.5, 0.5], [1.0, 1.5]])
    assert without_points(axes, points).tolist() == [[False, False], [True, False]]
    slanting = np.array([[[0.1, 1.05], [0.95, 1.95], [0.1, 1.95]]])
    assert without_triangles(axes, slanting).tolist() == [[True, False], [True, True]]
    # Its hull of sides reaches into the cell of the corner, the triangle does not.
    across = np.array([[[0.5, 1.6], [1.6, 0.5], [1.9, 1.9]]])
    assert without_triangles(axes, across).tolist() == [[True, False], [False, False]]
    assert without_triangles(axes, np.empty((0, 3, 2))).all()


@given(st.integers(0, 10_000))
def test_what_a_triangle_touches_is_what_its_points_lie_in(seed):
    rng = np.random.default_rng(seed)
    axes = lines(rng, 3), lines(rng, 3)
    corners = np.stack([rng.uniform(axis[0], axis[-1], 3) for axis in axes], axis=-1)
    inside = rng.dirichlet((1, 1, 1), 400) @ corners
    assert not (without_triangles(axes, corners[None]) & ~without_points(axes, inside)).any()


class Sloping(Sensitivity):
    """Classifies no images: a share of those at each point is right, which falls off from the identity."""

    def run_block(self, subject, block):
        order = (np.random.default_rng(3).permutation(2000)[block.start : block.stop] + 0.5) / 2000
        if block.part == "identity":
            return {"correct": order < 0.97}
        return {"correct": np.stack([order < accuracy(*point) for point in block.points])}


def accuracy(gamma, brightness):
    return 0.97 - 0.15 * (gamma - 1) ** 2 - 1.2 * np.abs(brightness) ** 1.5


@pytest.mark.parametrize("sampler", ["tensor", "grid", "learner2d"])
@pytest.mark.parametrize("points", [16, 60, 250])
def test_the_bracket_holds_the_box_of_the_surface_itself(sampler, points):
    level, box = 0.85, {"gamma": (0.5, 2.0), "brightness": (-0.3, 0.3)}
    data = as_dataset((np.zeros((2000, 1, 2, 2), np.uint8), np.zeros(2000, np.int64)))
    evaluation, subject, outcomes = Sloping(**box, points=points, sampler=sampler, level=level), None, {}
    subject = Subject(None, data, 0, 500)
    while blocks := evaluation.plan(subject, outcomes):
        outcomes |= {block: Outcome(evaluation.run_block(subject, block)) for block in blocks}
    found = {m.metric: m for m in evaluation.summarise(subject, outcomes, confidence=0.95)}["robust_box"]
    # The corners of a box are its worst points: its share is known for each upper gamma.
    above = np.linspace(1, 2, 2001)
    below = np.maximum(0.5, 2 - above)
    room = np.maximum(0, (0.97 - 0.15 * np.maximum(above - 1, 1 - below) ** 2 - level) / 1.2) ** (2 / 3)
    truth = ((above - below) * 2 * np.minimum(room, 0.3)).max() / (1.5 * 0.6)
    assert 0.2 < truth < 0.5
    assert found.low <= truth <= found.high
    assert found.low <= found.value <= found.high
    # With many points it says something.
    assert points < 250 or found.high - found.low < 0.4
    ranges = found.details["ranges"]
    if ranges is not None:
        (left, right), (down, up) = ranges
        assert found.value == pytest.approx((right - left) * (up - down) / 0.9)


def test_where_the_unchanged_images_fail_there_is_no_box():
    data = as_dataset((np.zeros((2000, 1, 2, 2), np.uint8), np.zeros(2000, np.int64)))
    evaluation, subject, outcomes = Sloping(points=30, sampler="grid", level=0.99), Subject(None, data, 0, 500), {}
    while blocks := evaluation.plan(subject, outcomes):
        outcomes |= {block: Outcome(evaluation.run_block(subject, block)) for block in blocks}
    found = {m.metric: m for m in evaluation.summarise(subject, outcomes, confidence=0.95)}["robust_box"]
    assert (found.low, found.value, found.high) == (0.0, 0.0, 0.0)
    assert found.details["ranges"] is None
