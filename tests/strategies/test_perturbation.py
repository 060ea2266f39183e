"""A perturbation is a value: it prints as its code, keeps what images are, and measures its distance from nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.errors import DatasetError, ParameterError
from pytest_robustness.strategies import Perturbation, own_transform, perturbations, towards
from pytest_robustness.strategies.table import NAMED, RANGES
from pytest_robustness.transforms import gamma_brightness
from pytest_robustness.transforms.geometric import rotate
from pytest_robustness.transforms.parametric import PARAMETERS

IMAGES = np.random.default_rng(0).random((3, 1, 9, 8)).astype(np.float32)


@given(change=perturbations(), kind=st.sampled_from(["uint8", "float32", "float64"]), flat=st.booleans())
def test_shape_type_and_range_are_kept(change, kind, flat):
    images = (IMAGES * 255).round().astype(np.uint8) if kind == "uint8" else IMAGES.astype(kind)
    images = images[:, 0] if flat else images
    before = images.copy()
    changed = change(images)
    assert changed.shape == images.shape
    assert changed.dtype == images.dtype
    assert changed.min() >= 0
    assert changed.max() <= (255 if kind == "uint8" else 1)
    assert not np.shares_memory(changed, images)
    np.testing.assert_array_equal(images, before)


@given(change=perturbations())
def test_it_prints_as_the_code_that_makes_it(change):
    again = eval(repr(change), {"Perturbation": Perturbation})
    assert again == change
    assert hash(again) == hash(change)
    np.testing.assert_array_equal(again(IMAGES, ids=[4, 5, 6]), change(IMAGES, ids=[4, 5, 6]))


@given(change=perturbations("gaussian_noise", "salt_and_pepper", "occlusion", "rotation"))
def test_noise_belongs_to_the_id(change):
    whole = change(IMAGES, ids=[7, 3, 5])
    np.testing.assert_array_equal(change(IMAGES[1:2], ids=[3]), whole[1:2])
    np.testing.assert_array_equal(change(IMAGES[::-1], ids=[5, 3, 7]), whole[::-1])


@pytest.mark.parametrize("name", NAMED)
def test_at_the_identity_nothing_changes(name):
    still = {parameter: limits[2] for parameter, limits in NAMED[name].parameters.items()}
    change = Perturbation([(name, still)])
    assert change == Perturbation([(name, {})]) == Perturbation()
    assert repr(change) == "Perturbation()"
    assert change.magnitude == 0
    np.testing.assert_array_equal(change(IMAGES), IMAGES)
    if not NAMED[name].colors:
        # The identity is that of the transform itself too, not only left out here.
        applied = NAMED[name].apply(IMAGES, seed=0, ids=[0, 1, 2], **still)
        np.testing.assert_allclose(applied, IMAGES, atol=1e-6)


def test_every_parameter_has_a_range_inside_its_limits():
    assert RANGES.keys() == PARAMETERS.keys()
    for name, (low, high) in RANGES.items():
        parameter = PARAMETERS[name].parameters[name]
        assert parameter.low <= low <= parameter.identity <= high <= parameter.high
        assert low < high


def test_steps_are_applied_in_their_order():
    change = Perturbation([("rotation", {"rotation": 0.5}), ("brightness", {"brightness": 0.25})])
    expected = gamma_brightness(rotate(IMAGES, 0.5), 1.0, 0.25)
    np.testing.assert_allclose(change(IMAGES), expected, atol=1e-6)
    other = Perturbation([("brightness", {"brightness": 0.25}), ("rotation", {"rotation": 0.5})])
    assert change != other
    assert np.abs(other(IMAGES) - change(IMAGES)).max() > 0.1


def test_eight_bit_images_are_rounded_once():
    images = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    darker, brighter = ("brightness", {"brightness": -0.1}), ("gamma", {"gamma": 0.5})
    expected = np.rint(255 * np.sqrt(np.clip(images / 255 - 0.1, 0, 1)))
    assert np.abs(Perturbation([darker, brighter])(images) - expected).max() == 0


def test_the_magnitude_is_the_sum_of_shares_of_the_way_to_the_far_end():
    assert Perturbation([("brightness", {"brightness": -0.25})]).magnitude == 0.25
    assert Perturbation([("gamma", {"gamma": 5.5})]).magnitude == 0.5
    assert Perturbation([("gamma", {"gamma": 0})]).magnitude == pytest.approx(1 / 9)
    both = Perturbation([("rotation", {"rotation": math.pi / 2}), ("brightness", {"brightness": 0.25})])
    assert both.magnitude == pytest.approx(0.75)


def test_the_seed_is_part_of_it():
    step = ("gaussian_noise", {"gaussian_noise": 0.1})
    assert repr(Perturbation([step], seed=3)) == "Perturbation([('gaussian_noise', {'gaussian_noise': 0.1})], seed=3)"
    assert Perturbation([step], seed=3) != Perturbation([step])
    assert np.abs(Perturbation([step], seed=3)(IMAGES) - Perturbation([step])(IMAGES)).max() > 0.01


def test_towards_an_image():
    target = np.random.default_rng(1).random((3, 1, 9, 8)).astype(np.float32)
    np.testing.assert_array_equal(Perturbation([(towards(target), {"strength": 1})])(IMAGES), target)
    half = Perturbation([(towards(target, text="goal"), {"strength": 0.5})])
    np.testing.assert_allclose(half(IMAGES), (IMAGES + target) / 2, atol=1e-6)
    assert repr(half) == "Perturbation([(towards(goal), {'strength': 0.5})])"
    assert half.magnitude == 0.5
    whole = np.full((1, 9, 8), 255, np.uint8)
    np.testing.assert_array_equal(Perturbation([(towards(whole), {"strength": 1})])(IMAGES), np.ones_like(IMAGES))
    with pytest.raises(ParameterError, match="target has another shape"):
        half(IMAGES[:2])


def moved(images, shift=0.0):
    return np.clip(images + shift / 10, 0, 1)


def test_an_own_transform():
    change = Perturbation([(own_transform(moved, shift=(-2, 4)), {"shift": 2})])
    np.testing.assert_allclose(change(IMAGES), np.clip(IMAGES + 0.2, 0, 1), atol=1e-6)
    assert repr(change) == "Perturbation([(own_transform(moved, shift=(-2.0, 4.0, 0.0)), {'shift': 2.0})])"
    np.testing.assert_array_equal(eval(repr(change))(IMAGES), change(IMAGES))
    assert change.magnitude == 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Perturbation([("rotaton", {})]), "unknown transform: got 'rotaton'.*Did you mean 'rotation'"),
        (lambda: Perturbation([("rotation", {"angle": 1})]), "unknown parameter of the transform.*got 'angle'"),
        (lambda: Perturbation([("brightness", {"brightness": 2})]), "out of range: got 2; allowed: -1 to 1"),
        (lambda: Perturbation([("brightness", {"brightness": math.nan})]), "out of range: got nan"),
        (lambda: Perturbation([("brightness", {"brightness": True})]), "out of range: got True"),
        (lambda: Perturbation(["rotation"]), "a step must be a transform with its values"),
        (lambda: Perturbation([("rotation", 0.3)]), "no mapping: got 0.3"),
        (lambda: Perturbation(seed=-1), "seed is out of range"),
        (lambda: own_transform(moved), "needs a range to be searched: got 'moved'"),
        (lambda: own_transform("moved", shift=(0, 1)), "must be a function"),
        (lambda: own_transform(moved, slip=(0, 1)), "no such parameter: got 'slip'"),
        (lambda: own_transform(moved, shift=(3, 0)), "the range of shift is empty"),
        (lambda: own_transform(moved, shift=(1, 3)), "does not hold 0, which changes nothing"),
        (lambda: own_transform(moved, shift=(0, math.inf)), "must be a range"),
        (lambda: own_transform(moved, shift=3), "must be a range: got 3"),
        (lambda: own_transform(lambda images, k: images, k=(0, 1)), "the value of k that changes nothing is not known"),
        (lambda: own_transform(moved, seed=(0, 1)), "seed is no parameter of a transform"),
    ],
)
def test_what_is_no_perturbation(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[0, 0], "impossible shape"),
        (IMAGES * 2, "outside"),
        (IMAGES - np.nan, "outside"),
        ((IMAGES * 255).astype(np.int64), "type that holds no pixels: got 'int64'"),
    ],
)
def test_what_are_no_images(images, message):
    with pytest.raises(ParameterError, match=message):
        Perturbation([("brightness", {"brightness": 0.1})])(images)


def test_one_id_for_each_image():
    with pytest.raises(ParameterError, match="one id for each image"):
        Perturbation([("brightness", {"brightness": 0.1})])(IMAGES, ids=[1])


def test_colours_for_grey_images():
    with pytest.raises(DatasetError, match="three channels"):
        Perturbation([("saturation", {"saturation": 0.5})])(IMAGES)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda images: images[:, :, 1:], "changes the shape"),
        (lambda images: images + 1, "leaves the range"),
        (lambda images: images * np.nan, "not finite"),
        (lambda images: None, "no pixels|shape"),
        (lambda images: 1 / 0, "failed: ZeroDivisionError"),
    ],
)
def test_what_a_function_must_not_return(result, message):
    change = own_transform(lambda images, shift=0.0: result(images), shift=(0, 1))
    with pytest.raises(ParameterError, match=message):
        Perturbation([(change, {"shift": 0.5})])(IMAGES)
