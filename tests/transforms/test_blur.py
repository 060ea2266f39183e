"""Blur against plain loops over one image, and against what is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from pytest_robustness.transforms.blur import glass_blur, glass_choices, glass_steps, motion_blur, motion_weights


def some_images(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def plain_glass_blur(image: np.ndarray, choices: np.ndarray, sigma: float, reach: int, passes: int) -> np.ndarray:
    height, width = image.shape
    seen = np.floor(gaussian_filter1d(image / 255.0, sigma, axis=0, mode="nearest") * 255)
    left = iter(choices.tolist())
    for _ in range(passes):
        for row in range(height - reach, reach, -1):
            for column in range(width - reach, reach, -1):
                partner = next(left) - (2 * reach) ** 2
                if partner >= 0:
                    other = row + partner // (2 * reach) - reach, column + partner % (2 * reach) - reach
                    seen[row, column], seen[other] = seen[other], seen[row, column]
    assert next(left, None) is None
    return np.rint(gaussian_filter1d(seen / 255.0, sigma, axis=0, mode="nearest") * 255)


@pytest.mark.parametrize(("sigma", "reach", "passes"), [(0.7, 1, 2), (0.9, 2, 1), (1.1, 3, 2)])
@pytest.mark.parametrize("size", [(12, 9), (8, 15)])
def test_glass_blur_swaps_as_a_plain_loop_does(sigma, reach, passes, size):
    images = some_images((5, *size))
    steps = glass_steps(*size, reach, passes)
    choices = np.random.default_rng(1).integers(0, glass_choices(reach), (5, steps))
    ours = glass_blur(images, choices.astype(np.uint16), sigma=sigma, reach=reach, passes=passes)
    for image, own, found in zip(images, choices, ours, strict=True):
        np.testing.assert_array_equal(found, plain_glass_blur(image, own, sigma, reach, passes))


def test_glass_blur_has_the_published_number_of_swaps_and_swaps_every_second_time():
    # Mu and Gilmer's generator goes twice over rows and columns 27 to 2, with partners 0 or 1 pixel up and left.
    assert glass_steps(28, 28, 1, 2) == 2 * 26 * 26
    assert glass_choices(1) == 8


def test_glass_moves_columns_only_by_swaps():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, :, 10] = 255
    unswapped = np.zeros((1, glass_steps(28, 28, 1, 2)), np.uint8)
    np.testing.assert_array_equal(glass_blur(image, unswapped, sigma=0.7, reach=1, passes=2), image)


def test_glass_blur_swaps_all_channels_together():
    images = np.repeat(some_images((4, 1, 10, 10)), 3, axis=1)
    choices = np.random.default_rng(2).integers(0, 8, (4, glass_steps(10, 10, 1, 2)), np.uint8)
    colours = glass_blur(images, choices, sigma=0.7, reach=1, passes=2)
    grey = glass_blur(images[:, 0], choices, sigma=0.7, reach=1, passes=2)
    np.testing.assert_array_equal(colours, np.repeat(grey[:, None], 3, axis=1))


def plain_motion_blur(image: np.ndarray, radians: float, radius: int, sigma: float) -> np.ndarray:
    height, width = image.shape
    steps = range(2 * radius + 1)
    weights = [math.exp(-(i**2) / (2 * sigma**2)) for i in steps]
    blurred = np.zeros(image.shape)
    for row in range(height):
        for column in range(width):
            for i, weight in zip(steps, weights, strict=True):
                y = row + math.ceil(i * math.sin(radians) - 0.5)
                x = column + math.ceil(i * math.cos(radians) - 0.5)
                blurred[row, column] += weight * image[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]
    return blurred / sum(weights)


@given(st.lists(st.floats(-math.pi, math.pi), min_size=1, max_size=3), st.integers(1, 6), st.floats(0.3, 8))
def test_motion_blur_is_a_weighted_sum_cut_to_whole_numbers(directions, radius, sigma):
    images = some_images((len(directions), 9, 11))
    ours = motion_blur(images, np.array(directions), radius=radius, sigma=sigma)
    for image, radians, found in zip(images, directions, ours, strict=True):
        exact = plain_motion_blur(image, radians, radius, sigma)
        assert (found <= exact + 1e-3).all()
        assert (found > exact - 1 - 1e-3).all()


@given(st.integers(1, 40), st.floats(0.1, 40))
def test_motion_weights_are_half_a_gaussian_that_keeps_white_white(radius, sigma):
    weights = motion_weights(radius, sigma)
    assert weights.sum() == 2**24
    exact = np.exp(-(np.arange(2 * radius + 1) ** 2) / (2 * sigma**2))
    np.testing.assert_allclose(weights / 2**24, exact / exact.sum(), atol=1e-5)
    white = np.full((2, 8, 8), 255, np.uint8)
    np.testing.assert_array_equal(motion_blur(white, np.array([0.3, -2.0]), radius=radius, sigma=sigma), white)


@pytest.mark.parametrize("shape", [(6, 12, 12), (6, 1, 12, 12), (6, 3, 12, 12), (0, 12, 12)])
def test_motion_blur_takes_each_image_its_own_way(shape):
    images = some_images(shape)
    radians = np.linspace(-1, 1, len(images))
    whole = motion_blur(images, radians, radius=3, sigma=1.0)
    singles = [motion_blur(images[[i]], radians[[i]], radius=3, sigma=1.0) for i in range(len(images))]
    np.testing.assert_array_equal(whole, np.concatenate([images[:0], *singles]))
