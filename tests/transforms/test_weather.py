"""Fog against the diamond-square algorithm written down point by point, and mud in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_robustness.transforms.plasma import corners, side_over
from pytest_robustness.transforms.weather import fog, fog_side, spatter


def plain_map(numbers: np.ndarray, side: int, decay: float) -> np.ndarray:
    """Return one map: the middle of every square first, then of every diamond, with the sides of the map joined."""
    noise = iter(np.asarray(numbers).view(np.int16) / 2**15)
    points = np.zeros((side, side))
    step, amplitude = side, 1.0
    while step > 1:
        half = step // 2
        places = [(row, column) for row in range(0, side, step) for column in range(0, side, step)]
        for down, right, around in (
            (half, half, [(-half, -half), (-half, half), (half, -half), (half, half)]),
            (0, half, [(0, -half), (0, half), (-half, 0), (half, 0)]),
            (half, 0, [(0, -half), (0, half), (-half, 0), (half, 0)]),
        ):
            for row, column in places:
                y, x = row + down, column + right
                mean = sum(points[(y + dy) % side, (x + dx) % side] for dy, dx in around) / 4
                points[y, x] = mean + amplitude * next(noise)
        step, amplitude = half, amplitude / decay**2
    return (points - points.min()) / (points.max() - points.min())


@pytest.mark.parametrize("decay", [1.4, 2.0])
@pytest.mark.parametrize(("side", "height", "width"), [(16, 16, 16), (32, 5, 12), (64, 9, 28), (2, 1, 2)])
def test_fog_is_the_corner_of_a_plasma_fractal(side, height, width, decay):
    numbers = np.random.default_rng(0).integers(0, 65536, (3, side * side), dtype=np.uint16)
    maps = corners(numbers, height, width, decay)
    assert maps.shape == (3, height, width)
    for own, found in zip(numbers, maps, strict=True):
        np.testing.assert_allclose(found, plain_map(own, side, decay)[:height, :width], atol=1e-5)


def test_maps_reach_from_zero_to_one():
    numbers = np.random.default_rng(0).integers(0, 65536, (20, 64 * 64), dtype=np.uint16)
    maps = corners(numbers, 64, 64, 1.4)
    np.testing.assert_array_equal(maps.min(axis=(1, 2)), 0)
    np.testing.assert_array_equal(maps.max(axis=(1, 2)), 1)


@pytest.mark.parametrize(("size", "side"), [((28, 28), 256), ((256, 8), 256), ((8, 257), 512), ((1024, 30), 1024)])
def test_maps_are_large_enough(size, side):
    assert fog_side(*size) == side


def test_maps_have_the_side_that_is_needed():
    sides = [side_over(*shape, least=32) for shape in ((28, 28), (32, 32), (33, 28), (28, 200))]
    assert sides == [32, 32, 64, 256]


@pytest.mark.parametrize("brightest", [255, 100, 0])
def test_fog_is_scaled_to_the_brightest_pixel(brightest):
    images = np.zeros((1, 3, 28, 28), np.uint8)
    images[0, 1, 5, 6] = brightest
    numbers = np.random.default_rng(3).integers(0, 65536, (1, 65536), dtype=np.uint16)
    x, m, f = images / 255, brightest / 255, corners(numbers, 28, 28, 1.4)[:, None]
    expected = np.minimum(255 * (x + 3 * f) * m / (m + 3), 255)
    assert np.abs(fog(images, numbers, thickness=3.0, decay=1.4) - expected).max() <= 0.5 + 1e-3


def mud(images: np.ndarray, normal: np.ndarray) -> np.ndarray:
    return spatter(images, normal, mean=0.65, deviation=0.3, blur=(1.0, 1.0), threshold=0.65, edge=(1.5, 1.5))


@pytest.mark.parametrize("shape", [(2, 28, 28), (2, 3, 28, 28)])
def test_everything_nothing_and_half_is_mud(shape):
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    everywhere = np.ones((2, 28, 28))
    np.testing.assert_array_equal(mud(images, everywhere), np.full(shape, 63))
    np.testing.assert_array_equal(mud(images, -everywhere), images)
    everywhere[:, :, 14:] = -1
    half = mud(images, everywhere)
    # A Gaussian of sigma 1.5 leaves 1 - Phi(-d / 1.5) at d pixels within the edge: 0.63 at 0.5, 0.84 at 1.5. Its sum
    # over pixels is a little less.
    np.testing.assert_array_equal(half[..., 13:], images[..., 13:])
    np.testing.assert_array_equal(half[..., :6], 63)
    assert np.abs(half[..., 12] - (0.1587 * images[..., 12] + 0.8413 * 63)).max() <= 2


def test_mud_covers_what_the_noise_says():
    normal = np.random.default_rng(0).standard_normal((200, 28, 28))
    covered = (mud(np.zeros((200, 28, 28), np.uint8), normal) > 0).mean()
    # Of the black pixels of the MNIST test set, the published generator covers 13.8 %.
    assert 0.12 < covered < 0.15
