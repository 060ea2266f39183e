from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pytest_robustness.attacks.balls import BALLS, Cube, L0Ball, L2Ball, LinfBall

SHAPE = (3, 1, 2, 4)
RADII = st.floats(0, 1) | st.sampled_from([0.0, 0.1, 0.3, 8 / 255, 1 / 3, 1.0, 2.0, 5.0, 9.0, 1e-9, 1e-30, 5e-324])
PIXELS = st.floats(0, 1, width=32) | st.sampled_from([0.0, 1.0])
IMAGES = arrays(np.float32, SHAPE, elements=PIXELS)
POINTS = arrays(np.float32, SHAPE, elements=st.floats(-4, 4, width=32))
GRADIENTS = arrays(np.float32, SHAPE, elements=st.floats(-1e6, 1e6, width=32))
NORMS = st.sampled_from(sorted(BALLS))
ids = np.arange(3)


def distances(moved: np.ndarray, clean: np.ndarray, norm: str, dtype: type) -> np.ndarray:
    if norm == "l0":
        return (moved != clean).any(axis=1).reshape(len(clean), -1).sum(axis=1).astype(dtype)
    difference = (moved.astype(dtype) - clean.astype(dtype)).reshape(len(clean), -1)
    return np.abs(difference).max(axis=1) if norm == "linf" else np.linalg.norm(difference, axis=1)


def assert_allowed(moved: torch.Tensor, clean: np.ndarray, norm: str, eps: float) -> None:
    found = moved.numpy()
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    assert (distances(found, clean, norm, np.float64) <= eps).all()
    if norm == "linf":  # a maximum of rounded differences; a sum of rounded squares would say nothing
        assert (distances(found, clean, norm, np.float32).astype(np.float64) <= eps).all()


@given(NORMS, IMAGES, POINTS, RADII)
def test_projected_points_are_inside_to_the_bit(norm, clean, points, eps):
    ball = BALLS[norm].around(torch.from_numpy(clean), eps)
    projected = ball.project(torch.from_numpy(points))
    assert_allowed(projected, clean, norm, eps)
    assert torch.equal(ball.project(projected), projected)


@given(NORMS, IMAGES, GRADIENTS, RADII, st.floats(0, 2))
def test_steps_stay_inside(norm, clean, gradient, eps, size):
    ball = BALLS[norm].around(torch.from_numpy(clean), eps)
    assert_allowed(ball.ascend(torch.from_numpy(clean), torch.from_numpy(gradient), size), clean, norm, eps)


@given(NORMS, IMAGES, RADII, st.integers(0, 2**63))
def test_random_points_are_inside(norm, clean, eps, seed):
    ball = BALLS[norm].around(torch.from_numpy(clean), eps)
    assert_allowed(ball.random(ids, seed=seed, stream="test", index=0), clean, norm, eps)


@given(NORMS, IMAGES, RADII)
def test_the_centre_is_inside_and_is_not_moved(norm, clean, eps):
    centre = torch.from_numpy(clean)
    assert torch.equal(BALLS[norm].around(centre, eps).project(centre), centre)


@given(NORMS, IMAGES, GRADIENTS, RADII)
def test_a_zero_gradient_stays_where_it_is(norm, clean, gradient, eps):
    gradient[1] = 0
    ball = BALLS[norm].around(torch.from_numpy(clean), eps)
    moved = ball.ascend(torch.from_numpy(clean), torch.from_numpy(gradient), eps)
    assert np.array_equal(moved[1].numpy(), clean[1])


@given(IMAGES, st.floats(1e-6, 1))
def test_linf_corners_are_the_outermost_allowed_floats(clean, eps):
    ball = LinfBall.around(torch.from_numpy(clean), eps)
    radius = float(np.float32(eps))
    if radius > eps:
        radius = float(np.nextafter(np.float32(eps), np.float32(0)))
    upper, lower = ball.upper.numpy(), ball.lower.numpy()
    beyond = np.nextafter(upper, np.float32(2)).astype(np.float64)
    assert ((beyond > 1) | (beyond > clean.astype(np.float64) + radius)).all()
    beyond = np.nextafter(lower, np.float32(-1)).astype(np.float64)
    assert ((beyond < 0) | (beyond < clean.astype(np.float64) - radius)).all()


@given(IMAGES, POINTS, st.floats(1e-4, 2))
def test_l2_projection_goes_straight_to_the_sphere(clean, points, eps):
    inside = np.clip(points, 0, 1).astype(np.float64)
    difference = (inside - clean).reshape(3, -1)
    length = np.linalg.norm(difference, axis=1)
    moved = L2Ball.around(torch.from_numpy(clean), eps).project(torch.from_numpy(points)).numpy()
    expected = difference * np.minimum(1, eps / np.maximum(length, 1e-300))[:, None]
    # Each pixel is rounded, and the radius is smaller by what that can add up to: 1e-6 of it, 3e-8 a pixel.
    np.testing.assert_allclose((moved.astype(np.float64) - clean).reshape(3, -1), expected, atol=2e-7, rtol=2e-4)


def test_l2_uses_a_radius_that_is_small_beside_the_spacing_of_floats():
    # Floats below 1 are 6e-8 apart: 28 x 28 roundings to the nearest would be as long as a tenth of this radius.
    clean = torch.full((1, 1, 28, 28), 0.9)
    moved = L2Ball.around(clean, 1e-5).project(clean - 0.1)
    length = float((moved.double() - clean.double()).norm())
    assert 0.8e-5 < length <= 1e-5


def test_l2_keeps_clear_of_the_rounding_of_a_sum():
    # One half is a float, so that nothing is rounded towards the centre here.
    clean = torch.zeros(1, 1, 2, 2)
    moved = L2Ball.around(clean, 0.5).project(clean + torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    assert 0.5 - 1e-6 < float(moved.max()) < 0.5


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.2), ("l2", 0.2), ("l0", 4)])
def test_noise_belongs_to_the_sample(norm, eps, images):
    ball = BALLS[norm].around(torch.from_numpy(images), eps)
    order = np.random.default_rng(0).permutation(len(images))
    all_of_them = ball.random(np.arange(60), seed=5, stream="s", index=1)
    shuffled = ball.keep(torch.from_numpy(order)).random(order, seed=5, stream="s", index=1)
    assert torch.equal(shuffled, all_of_them[order])
    for change in ({"seed": 6}, {"stream": "t"}, {"index": 2}):
        other = ball.random(np.arange(60), **{"seed": 5, "stream": "s", "index": 1, **change})
        assert not torch.equal(other, all_of_them)


def test_linf_starts_are_uniform_and_l2_starts_fill_the_ball():
    clean = torch.full((400, 1, 2, 2), 0.5)
    linf = LinfBall.around(clean, 0.25).random(np.arange(400), seed=0, stream="s", index=0).numpy()
    # Uniform on [0.25, 0.75]: mean 1/2, standard deviation 0.5 / sqrt(12) = 0.1443; 1,600 draws.
    assert abs(linf.mean() - 0.5) < 0.015
    assert abs(linf.std() - 0.1443) < 0.008
    l2 = L2Ball.around(clean, 0.25).random(np.arange(400), seed=0, stream="s", index=0).numpy()
    lengths = np.linalg.norm((l2 - 0.5).reshape(400, -1), axis=1) / 0.25
    # In 4 dimensions the share of the volume within r is r ** 4, so that r ** 4 is uniform.
    assert abs((lengths**4).mean() - 0.5) < 0.06
    assert lengths.max() <= 1


COLOURED = arrays(np.float32, (3, 2, 3, 3), elements=PIXELS)


@given(COLOURED, COLOURED, st.integers(0, 12))
def test_l0_keeps_the_pixels_that_changed_most(clean, points, eps):
    moved = L0Ball.around(torch.from_numpy(clean), eps).project(torch.from_numpy(points)).numpy()
    change = np.abs(points.astype(np.float64) - clean).max(axis=1).reshape(3, 9)
    taken = (moved == points).all(axis=1).reshape(3, 9)
    restored = (moved == clean).all(axis=1).reshape(3, 9)
    assert (taken | restored).all()
    assert ((moved != clean).any(axis=1).reshape(3, 9).sum(axis=1) <= eps).all()
    for row in range(3):
        least = min(change[row][~restored[row]], default=np.inf)
        assert max(change[row][restored[row] & ~taken[row]], default=0) <= least
        if eps >= 9:
            assert taken[row].all()


def test_l0_counts_a_change_that_is_smaller_than_float32_can_square():
    clean = torch.zeros(1, 1, 2, 2)
    moved = L0Ball.around(clean, 1).project(torch.tensor([[[[0.0, 0.0], [1e-40, 0.0]]]]))
    assert int((moved != 0).sum()) == 1


def test_l0_starts_change_as_many_pixels_as_allowed():
    clean = torch.full((200, 3, 4, 4), 0.5)
    moved = L0Ball.around(clean, 5).random(np.arange(200), seed=0, stream="s", index=0)
    changed = (moved != clean).any(dim=1)
    assert (changed.flatten(1).sum(dim=1) == 5).all()
    # Each of 16 pixels is one of the five in 62.5 of 200 draws on average, with a standard deviation of 6.6.
    assert (changed.sum(dim=0) - 62.5).abs().max() < 26


@given(COLOURED, COLOURED, st.integers(0, 2**63))
def test_the_cube_allows_every_image(clean, points, seed):
    cube = Cube(torch.from_numpy(clean))
    assert torch.equal(cube.project(torch.from_numpy(points)), torch.from_numpy(points))
    assert_allowed(cube.project(torch.from_numpy(points * 8 - 4)), clean, "linf", 1.0)
    assert_allowed(cube.ascend(torch.from_numpy(clean), torch.from_numpy(points), 0.5), clean, "linf", 0.5 + 1e-7)
    start = cube.random(ids, seed=seed, stream="s", index=0)
    assert_allowed(start, clean, "linf", 1.0)
    rows = torch.tensor([2, 0])
    assert torch.equal(cube.keep(rows).random(ids[[2, 0]], seed=seed, stream="s", index=0), start[rows])
