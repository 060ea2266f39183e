"""Movements against scipy's interpolation and against what is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from pytest_robustness.transforms.geometric import rotate, scale, shear, translate, warp


def some_images(shape: tuple[int, ...] = (3, 9, 12)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def reference_warp(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    centre = (np.array(image.shape) - 1) / 2
    y, x = (axis - middle for axis, middle in zip(np.mgrid[: image.shape[0], : image.shape[1]], centre, strict=True))
    source = (matrix[1][0] * x + matrix[1][1] * y + centre[0], matrix[0][0] * x + matrix[0][1] * y + centre[1])
    return map_coordinates(image.astype(float), source, order=1, mode="grid-constant", cval=0)


@given(st.tuples(*[st.floats(-2, 2)] * 4))
def test_warp_is_bilinear_interpolation_with_black_outside(entries):
    matrix = (entries[:2], entries[2:])
    images = some_images().astype(np.float64)
    expected = [reference_warp(image, matrix) for image in images]
    np.testing.assert_allclose(warp(images, matrix), expected, atol=1e-9)


def test_bytes_are_rounded_and_not_cut():
    images = some_images()
    floats = rotate(images.astype(np.float64), 0.3)
    np.testing.assert_array_equal(rotate(images, 0.3), np.rint(floats))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 5, 7), (2, 3, 5, 7), (0, 5, 7), (5, 7)])
def test_type_and_shape_are_kept(dtype, shape):
    moved = rotate(some_images(shape).astype(dtype), 1.0)
    assert moved.dtype == dtype
    assert moved.shape == shape
    assert moved.flags.c_contiguous


@pytest.mark.parametrize("unmoved", [lambda x: rotate(x, 0), lambda x: scale(x, 1), lambda x: shear(x, 0)])
def test_identities(unmoved):
    np.testing.assert_array_equal(unmoved(some_images()), some_images())


@pytest.mark.parametrize("quarters", [-1, 1, 2, 3])
def test_quarter_turns_are_counter_clockwise(quarters):
    images = some_images((2, 8, 8))
    np.testing.assert_array_equal(rotate(images, quarters * math.pi / 2), np.rot90(images, quarters, axes=(1, 2)))


def test_scale_shrinks_the_content():
    white = np.full((1, 30, 30), 255, np.uint8)
    assert scale(white, 0.5).mean() / 255 == pytest.approx(0.25, rel=0.01)
    assert (scale(white, 2.0) == 255).all()


def test_shear_moves_rows_by_the_sine_and_shortens_by_the_cosine():
    image = np.zeros((1, 21, 21))
    image[0, 5, 10] = 1.0
    row, column = np.argwhere(shear(image, 0.4)[0] > 0.3).mean(axis=0) - 10
    # The point (x, y) = (0, -5) about the centre comes from (x' - sin y', cos y').
    assert row == pytest.approx(-5 / math.cos(0.4), abs=0.5)
    assert column == pytest.approx(-5 * math.tan(0.4), abs=0.5)


@given(st.integers(-14, 14), st.integers(-14, 14))
def test_translate_is_a_roll_with_black_coming_in(down, right):
    images = some_images()
    padded = np.pad(images, ((0, 0), (14, 14), (14, 14)))
    rolled = np.roll(padded, (down, right), axis=(1, 2))[:, 14:-14, 14:-14]
    np.testing.assert_array_equal(translate(images, down, right), rolled)


def test_each_image_is_warped_alike_alone_and_in_a_batch():
    images = some_images((50, 28, 28))
    whole = rotate(images, 0.4)
    np.testing.assert_array_equal(whole, np.concatenate([rotate(images[i : i + 1], 0.4) for i in range(50)]))
