"""Edges against Canny's method written down pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, sobel

from pytest_robustness.transforms.edges import canny_edges


def some_images(shape: tuple[int, ...]) -> np.ndarray:
    """Return blurred noise of low to high contrast: edges of every direction and strength."""
    contrast = np.geomspace(15, 400, shape[0]).reshape(-1, 1, 1)
    blurred = gaussian_filter(np.random.default_rng(0).normal(size=shape), (0,) * (len(shape) - 2) + (1.5, 1.5))
    return np.clip(127 + contrast * blurred, 0, 255).astype(np.uint8)


def plain_canny(grey: np.ndarray, sigma: float) -> np.ndarray:
    height, width = grey.shape
    inside = gaussian_filter(np.ones(grey.shape), sigma, mode="constant")
    blurred = gaussian_filter(grey, sigma, mode="constant") / inside
    down, right = sobel(blurred, axis=0) * sigma, sobel(blurred, axis=1) * sigma
    strength = np.hypot(down, right)
    thin = np.zeros(grey.shape, bool)
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            if strength[row, column] < 0.1:
                continue
            # Where the gradient leaves the square of the eight neighbours.
            longest = max(abs(down[row, column]), abs(right[row, column]))
            dy, dx = down[row, column] / longest, right[row, column] / longest
            ways = [strength_between(strength, row + way * dy, column + way * dx) for way in (1, -1)]
            thin[row, column] = max(ways) <= strength[row, column]
    found = thin & (strength >= 0.2)
    reached = list(zip(*np.nonzero(found), strict=True))
    while reached:
        row, column = reached.pop()
        for near in [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]:
            if thin[near] and not found[near]:
                found[near] = True
                reached.append(near)
    return found


def strength_between(strength: np.ndarray, y: float, x: float) -> float:
    top, left = math.floor(y), math.floor(x)
    weights = {(top, left): (1 - y + top) * (1 - x + left), (top + 1, left): (y - top) * (1 - x + left)}
    weights |= {(top, left + 1): (1 - y + top) * (x - left), (top + 1, left + 1): (y - top) * (x - left)}
    return sum(weight * strength[place] for place, weight in weights.items() if weight)


@pytest.mark.parametrize(("size", "sigma"), [((28, 28), 1.0), ((9, 40), 1.0), ((40, 33), 1.7)])
def test_edges_are_those_of_the_method(size, sigma):
    images = some_images((6, *size))
    found = canny_edges(images, sigma=sigma)
    assert set(np.unique(found)) == {0, 255}
    expected = [plain_canny(image / 255, sigma) for image in images]
    # A difference of the last digit of a float decides a pixel or two.
    assert ((found > 0) != expected).mean() <= 0.001


def test_edges_do_not_reach_into_other_images():
    images = some_images((12, 28, 28))
    whole = canny_edges(images)
    np.testing.assert_array_equal(whole, np.concatenate([canny_edges(images[[i]]) for i in range(12)]))


def test_a_disc_has_one_round_edge():
    y, x = np.mgrid[:28, :28] - 13.5
    disc = np.where(np.hypot(y, x) < 8, 255, 0).astype(np.uint8)[None]
    edge = canny_edges(disc)[0] > 0
    distance = np.hypot(y, x)[edge]
    assert 7 < distance.min() < distance.max() < 9
    assert 2 * math.pi * 8 * 0.8 < edge.sum() < 2 * math.pi * 8 * 1.3


def test_weak_edges_need_a_strong_one():
    # Beside a step of height h, blurred by sigma 1, Sobel's filter gives 4 h (Phi(1.5) - Phi(-0.5)) = 2.5 h: 0.2 where
    # h is 20.4 of 255.
    ramp = np.zeros((2, 28, 28), np.uint8)
    ramp[:, :, 14:] = np.array([18, 23]).reshape(2, 1, 1)
    weak, strong = canny_edges(ramp)
    assert not weak.any()
    assert strong[1:-1].any(axis=1).all()


def test_colours_have_the_edges_of_their_luma():
    grey = some_images((4, 28, 28))
    colours = np.repeat(grey[:, None], 3, axis=1)
    edges = canny_edges(grey)
    alike = canny_edges(colours) == edges[:, None]
    assert alike.mean() >= 0.999
    # Blue counts little: an edge of 100 in blue alone is one of 7.2 in the luma.
    blue = np.zeros((1, 3, 28, 28), np.uint8)
    blue[:, 2, :, 14:] = 100
    assert not canny_edges(blue).any()
    assert canny_edges(np.roll(blue, -1, axis=1)).any()


def test_nothing_has_no_edges():
    flat = np.full((2, 10, 10), 77, np.uint8)
    assert not canny_edges(flat).any()
    assert canny_edges(flat[:0]).shape == (0, 10, 10)
