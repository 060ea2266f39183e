"""Gamma and brightness; the table against the power itself."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.errors import ParameterError
from pytest_robustness.transforms import gamma_brightness, gamma_brightness_table
from pytest_robustness.transforms.photometric import brighten, invert_stripes

GAMMA = st.floats(0, 10)
BRIGHTNESS = st.floats(-1, 1)
LEVELS = np.arange(256, dtype=np.uint8)


@given(GAMMA, BRIGHTNESS)
def test_table_is_the_power_within_1e_6(gamma, brightness):
    exact = np.clip((LEVELS / 255.0) ** gamma + brightness, 0, 1)
    np.testing.assert_allclose(gamma_brightness_table(gamma, brightness), exact, rtol=0, atol=1e-6)


@given(GAMMA, BRIGHTNESS)
def test_bytes_and_floats_agree(gamma, brightness):
    images = LEVELS.reshape(4, 1, 8, 8)
    for dtype in (np.float32, np.float64):
        floats = gamma_brightness((images / 255.0).astype(dtype), gamma, brightness)
        np.testing.assert_allclose(gamma_brightness(images, gamma, brightness), floats, rtol=0, atol=1e-6)


@given(GAMMA, BRIGHTNESS)
def test_monotone_and_within_bounds(gamma, brightness):
    table = gamma_brightness_table(gamma, brightness)
    assert (np.diff(table) >= 0).all()
    assert 0 <= table.min() <= table.max() <= 1


def test_identity():
    np.testing.assert_allclose(gamma_brightness(LEVELS, 1, 0), LEVELS / 255.0, rtol=0, atol=1e-7)


def test_hand_computed():
    changed = gamma_brightness(np.array([0.0, 0.25, 0.5, 1.0]), 2, 0.1)
    np.testing.assert_allclose(changed, [0.1, 0.1625, 0.35, 1.0], atol=1e-7)
    np.testing.assert_allclose(gamma_brightness(np.array([0.0, 0.25, 1.0]), 0.5, -0.6), [0, 0, 0.4], atol=1e-7)


def test_zero_to_the_zero_is_one():
    for black in (np.zeros(3, np.uint8), np.zeros(3)):
        assert (gamma_brightness(black, 0, 0) == 1).all()
        assert (gamma_brightness(black, 1e-9, 0) == 0).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
def test_shape_kept_type_float32_input_untouched(dtype):
    images = np.ones((2, 3, 4, 5), dtype)
    kept = images.copy()
    changed = gamma_brightness(images, 1, -0.25)
    assert changed.shape == images.shape
    assert changed.dtype == np.float32
    assert not np.shares_memory(changed, images)
    np.testing.assert_array_equal(images, kept)


@pytest.mark.parametrize("gamma", [-0.1, np.inf, np.nan, "1", None])
@pytest.mark.parametrize("images", [np.zeros((1, 2, 2), np.uint8), np.zeros((1, 2, 2))])
def test_impossible_gamma(images, gamma):
    with pytest.raises(ParameterError, match="gamma"):
        gamma_brightness(images, gamma, 0)


@pytest.mark.parametrize("brightness", [np.inf, np.nan, "0"])
def test_impossible_brightness(brightness):
    with pytest.raises(ParameterError, match="brightness"):
        gamma_brightness_table(1, brightness)


@pytest.mark.parametrize("dtype", [np.int64, bool, np.complex128, object])
def test_impossible_type_of_pixels(dtype):
    with pytest.raises(ParameterError, match="uint8 in \\[0, 255\\] or floats"):
        gamma_brightness(np.zeros((1, 2, 2), dtype), 1, 0)


@pytest.mark.parametrize("pixel", [-0.01, 1.01, np.nan, np.inf])
def test_floats_out_of_range(pixel):
    with pytest.raises(ParameterError, match="outside"):
        gamma_brightness(np.array([0.5, pixel]), 1, 0)


def test_brighten_grey_rounds_halves_to_even():
    brighter = brighten(np.array([[[0, 1, 2, 127, 128, 255]]], np.uint8), 0.5)
    np.testing.assert_array_equal(brighter, [[[128, 128, 130, 254, 255, 255]]])


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_brighten_keeps_hue_and_saturation(colour):
    hue, saturation, value = colorsys.rgb_to_hsv(*(channel / 255 for channel in colour))
    expected = np.array(colorsys.hsv_to_rgb(hue, saturation, min(1.0, value + 0.5))) * 255
    brighter = brighten(np.array(colour, np.uint8).reshape(1, 3, 1, 1), 0.5).ravel()
    assert np.abs(brighter - expected).max() <= 0.5 + 1e-9


def test_brighten_grey_alike_with_one_and_three_channels():
    grey = LEVELS.reshape(1, 1, 16, 16)
    np.testing.assert_array_equal(brighten(np.repeat(grey, 3, axis=1), 0.5), np.repeat(brighten(grey, 0.5), 3, axis=1))


@pytest.mark.parametrize(("width", "share", "inverted"), [(28, 0.25, 7), (8, 0.25, 2), (3, 0.1, 1), (32, 0.25, 8)])
def test_stripes(width, share, inverted):
    striped = invert_stripes(np.full((2, 5, width), 55, np.uint8), share)
    assert (striped[..., :inverted] == 200).all()
    assert (striped[..., width - inverted :] == 200).all()
    assert (striped[..., inverted : width - inverted] == 55).all()
