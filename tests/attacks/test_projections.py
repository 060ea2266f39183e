from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog

from pytest_robustness.attacks.projections import to_hyperplane

PIXELS = st.floats(0, 1, width=32) | st.sampled_from([0.0, 1.0])
SLOPES = st.floats(-4, 4, width=32).map(lambda value: value if abs(value) > 1e-3 else 0.0)
POINTS = arrays(np.float32, (3, 12), elements=PIXELS)
NORMALS = arrays(np.float32, (3, 12), elements=SLOPES)
GAPS = arrays(np.float32, (3,), elements=st.floats(-20, 20, width=32))


def moved(points, slopes, gaps, norm):
    found = to_hyperplane(*(torch.from_numpy(part) for part in (points, slopes, gaps)), norm)
    return found.numpy().astype(np.float64)


@given(st.sampled_from(["linf", "l2"]), POINTS, NORMALS, GAPS)
def test_moves_end_on_the_plane_or_in_the_nearest_corner(norm, points, slopes, gaps):
    moves = moved(points, slopes, gaps, norm)
    assert (points + moves).min() >= -1e-7
    assert (points + moves).max() <= 1 + 1e-7
    ways = np.sign(slopes * gaps[:, None])
    reach = (np.abs(slopes) * np.where(ways > 0, 1 - points, points)).sum(axis=1)
    gained = (moves * slopes).sum(axis=1)
    np.testing.assert_allclose(gained, np.sign(gaps) * np.minimum(np.abs(gaps), reach), atol=2e-5)


@given(st.sampled_from(["linf", "l2"]), POINTS, NORMALS, GAPS)
def test_no_move_is_shorter(norm, points, slopes, gaps):
    """The conditions of Karush, Kuhn and Tucker: a pixel moves by t * speed, or as far as it has room."""
    moves = moved(points, slopes, gaps, norm)
    ways = np.sign(slopes * gaps[:, None])
    room = np.where(ways > 0, 1 - points, points) * (ways != 0)
    speed = (ways != 0) * (1.0 if norm == "linf" else np.abs(slopes))
    length = np.abs(moves)
    assert (moves * ways >= 0).all()
    time = np.divide(length, speed, where=speed > 0, out=np.zeros_like(length)).max(axis=1, keepdims=True)
    np.testing.assert_allclose(length, np.minimum(room, time * speed), atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_linf_moves_are_as_short_as_those_of_a_linear_programme(seed):
    random = np.random.default_rng(seed)
    points = random.random((1, 30), dtype=np.float32).round(1)
    slopes = random.normal(size=(1, 30)).astype(np.float32)
    gaps = np.array([6.0], dtype=np.float32)
    equal = np.eye(30)
    best = linprog(
        np.r_[np.zeros(30), 1],
        A_ub=np.c_[np.r_[equal, -equal], -np.ones(60)],
        b_ub=np.zeros(60),
        A_eq=np.r_[slopes[0], 0][None],
        b_eq=gaps,
        bounds=[*zip(-points[0], 1 - points[0], strict=True), (0, None)],
    )
    assert np.abs(moved(points, slopes, gaps, "linf")).max() == pytest.approx(best.fun, rel=1e-5)


def test_two_sets_of_points_share_their_planes():
    random = np.random.default_rng(0)
    points = torch.from_numpy(random.random((2, 4, 9), dtype=np.float32))
    slopes = torch.from_numpy(random.normal(size=(4, 9)).astype(np.float32))
    gaps = torch.from_numpy(random.normal(size=(2, 4)).astype(np.float32))
    both = to_hyperplane(points, slopes, gaps, "l2")
    for part in (0, 1):
        torch.testing.assert_close(both[part], to_hyperplane(points[part], slopes, gaps[part], "l2"))
