"""Transforms with parameters: identities, limits, agreement with the plain functions, and the user's own."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from pytest_robustness.errors import DatasetError, ParameterError
from pytest_robustness.transforms import gamma_brightness
from pytest_robustness.transforms.geometric import rotate, scale, shear, translate
from pytest_robustness.transforms.parametric import PARAMETERS, TRANSFORMS, own_transform

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (5, 1, 9, 11), dtype=np.uint8)
COLORS = RNG.integers(0, 256, (5, 3, 9, 11), dtype=np.uint8)
UNIT = (BYTES / np.float32(255)).astype(np.float32)

WITHIN = {
    "rotation": (-3.0, 3.0),
    "translation_x": (-15.0, 15.0),
    "translation_y": (-15.0, 15.0),
    "scale": (0.2, 5.0),
    "shear": (-1.2, 1.2),
    "blur": (0.0, 4.0),
    "saturation": (0.0, 5.0),
    "gamma": (0.0, 10.0),
    "brightness": (-1.0, 1.0),
    "contrast": (0.0, 5.0),
    "occlusion": (0.0, 12.0),
    "gaussian_noise": (0.0, 1.0),
    "salt_and_pepper": (0.0, 1.0),
}


def test_each_parameter_has_one_transform_and_an_identity():
    assert set(WITHIN) == set(PARAMETERS)
    assert all(TRANSFORMS[t.name] is t for t in PARAMETERS.values())
    assert all(parameter.identity is not None for t in TRANSFORMS.values() for parameter in t.parameters.values())
    assert sum(len(t.parameters) for t in TRANSFORMS.values()) == len(PARAMETERS)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_identity_changes_nothing(name):
    images = COLORS if TRANSFORMS[name].colors else BYTES
    unit = (images / np.float32(255)).astype(np.float32)
    np.testing.assert_allclose(TRANSFORMS[name].apply(images), unit, atol=1e-6)
    np.testing.assert_allclose(TRANSFORMS[name].apply(unit), unit, atol=1e-6)


@given(st.data(), st.sampled_from(sorted(WITHIN)))
def test_images_stay_images(data, name):
    transform = PARAMETERS[name]
    value = data.draw(st.floats(*WITHIN[name]))
    images = COLORS if transform.colors else data.draw(st.sampled_from([BYTES, COLORS]))
    before = images.copy()
    changed = transform.apply(images, **{name: value})
    assert changed.dtype == np.float32
    assert changed.shape == images.shape
    assert changed.min() >= 0
    assert changed.max() <= 1
    np.testing.assert_array_equal(images, before)


@given(st.floats(0, 10), st.floats(-1, 1))
def test_gamma_and_brightness_are_those_of_the_study(gamma, brightness):
    transform = TRANSFORMS["gamma_brightness"]
    exact = np.clip(np.power(BYTES / 255.0, gamma) + brightness, 0, 1)
    np.testing.assert_allclose(transform.apply(BYTES, gamma=gamma, brightness=brightness), exact, atol=1e-6)
    table = transform.curve(np.arange(256) / 255.0, {"gamma": gamma, "brightness": brightness})
    np.testing.assert_allclose(table[BYTES], exact, atol=1e-12)
    same = gamma_brightness(UNIT, gamma, brightness)
    np.testing.assert_array_equal(transform.apply(UNIT, gamma=gamma, brightness=brightness), same)


def test_zero_to_the_power_of_zero_is_one():
    black = np.zeros((1, 1, 2, 2), np.uint8)
    assert (TRANSFORMS["gamma_brightness"].apply(black, gamma=0.0) == 1).all()
    assert (TRANSFORMS["gamma_brightness"].apply(black, gamma=1e-6) == 0).all()
    assert PARAMETERS["gamma"].parameters["gamma"].jumps == (0.0,)


@pytest.mark.parametrize(
    ("values", "plain"),
    [
        ({"rotation": 0.4}, lambda images: rotate(images, 0.4)),
        ({"shear": 0.4}, lambda images: shear(images, 0.4)),
        ({"scale": 0.7}, lambda images: scale(images, 0.7)),
        ({"translation_x": 3.0}, lambda images: translate(images, 0, 3)),
        ({"translation_y": -2.0}, lambda images: translate(images, -2, 0)),
        ({"blur": 1.3}, lambda images: ndimage.gaussian_filter(images, (0, 0, 1.3, 1.3), mode="nearest")),
        ({"contrast": 0.5}, lambda images: 0.25 + images / 2),
    ],
    ids=("rotation", "shear", "scale", "translation_x", "translation_y", "blur", "contrast"),
)
def test_against_the_plain_functions(values, plain):
    (name,) = values
    np.testing.assert_allclose(PARAMETERS[name].apply(BYTES, **values), plain(UNIT), atol=1e-6)


def test_half_a_pixel_is_the_mean_of_two():
    moved = TRANSFORMS["geometry"].apply(UNIT, translation_x=1.5)
    both = (translate(UNIT, 0, 1) + translate(UNIT, 0, 2)) / 2
    np.testing.assert_allclose(moved, both, atol=1e-6)


def test_noise_belongs_to_the_image():
    for name, value in (("gaussian_noise", 0.2), ("salt_and_pepper", 0.3), ("occlusion", 4.0)):
        transform = PARAMETERS[name]
        whole = transform.apply(BYTES, seed=3, ids=[7, 1, 5, 2, 9], **{name: value})
        part = transform.apply(BYTES[[3, 1]], seed=3, ids=[2, 1], **{name: value})
        np.testing.assert_array_equal(whole[[3, 1]], part)
        other = transform.apply(BYTES, seed=4, ids=[7, 1, 5, 2, 9], **{name: value})
        assert (whole != other).any()


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_salt_and_pepper_adds_to_less(a, b):
    transform, grey = TRANSFORMS["salt_and_pepper"], np.full((4, 1, 8, 8), 0.5, np.float32)
    few, many = (transform.apply(grey, salt_and_pepper=amount) for amount in sorted((a, b)))
    assert (many[few != 0.5] == few[few != 0.5]).all()


def test_an_occlusion_covers_what_it_says():
    white = np.ones((200, 1, 40, 40), np.float32)
    covered = (1 - TRANSFORMS["occlusion"].apply(white, occlusion=5.5)).sum(axis=(1, 2, 3))
    # Those in the middle are covered whole: 5.5 ** 2 pixels; at the edge a part of the square lies outside.
    assert covered.max() == pytest.approx(5.5**2, abs=1e-3)
    assert (covered > 0).all()


def test_without_saturation_colours_are_grey():
    grey = TRANSFORMS["saturation"].apply(COLORS, saturation=0.0)
    assert np.ptp(grey, axis=1).max() < 1e-6


def test_errors():
    with pytest.raises(ParameterError, match="rotation is out of range: got 8; allowed: -7 to 7 radians"):
        TRANSFORMS["geometry"].apply(BYTES, rotation=8)
    with pytest.raises(ParameterError, match="geometry has no such parameter: got 'angle'"):
        TRANSFORMS["geometry"].apply(BYTES, angle=1)
    with pytest.raises(DatasetError, match="three channels, red, green and blue: got '1 channel'"):
        TRANSFORMS["saturation"].apply(BYTES, saturation=2)
    with pytest.raises(DatasetError, match="batches of images"):
        TRANSFORMS["contrast"].apply(BYTES[0], contrast=2)


def test_registered_transforms_travel_by_name():
    for transform in TRANSFORMS.values():
        assert pickle.loads(pickle.dumps(transform)) is transform


def test_own_transforms():
    def dimmed(images, by=0.0, *, tint=1.0, ids=None):
        assert ids is not None
        return np.clip(images - by, 0, 1) * tint

    transform = own_transform(dimmed, ["by"])
    assert transform.identity == {"by": 0.0}
    np.testing.assert_allclose(transform.apply(UNIT, by=0.25), np.clip(UNIT - 0.25, 0, 1))
    np.testing.assert_allclose(own_transform(lambda images, **many: images, ["a"]).apply(BYTES, a=3.0), UNIT)
    as_bytes = own_transform(lambda images, by: (images * 255).astype(np.uint8), ["by"])
    assert as_bytes.apply(BYTES, by=1.0).max() <= 1
    assert as_bytes.identity == {"by": None}
    with pytest.raises(ParameterError, match="by has no value that is known to change nothing"):
        as_bytes.apply(BYTES)


@pytest.mark.parametrize(
    ("function", "names", "message"),
    [
        (3, ["a"], "transform must be a function"),
        (lambda images: images, ["a"], "has no such parameter: got 'a'; allowed: none"),
        (lambda images, b: images, ["images", "b"], "takes the images as images: got .a range of images"),
        (lambda: 3, ["a"], "has no such parameter"),
        (lambda images, a, b: images, ["a"], "Give a range for b"),
    ],
)
def test_functions_that_are_no_transforms(function, names, message):
    with pytest.raises(ParameterError, match=message):
        own_transform(function, names)
