"""Functions that are not pure are found out, whatever they are; pure ones are left in peace."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.errors import ParameterError
from pytest_robustness.transforms import sample_normal
from pytest_robustness.transforms.parametric import (
    TRANSFORMS,
    check_pure,
    own_transform,
    stay_unchanged,
    telling_images,
)

IMAGES = np.random.default_rng(0).integers(20, 200, (12, 1, 6, 6), dtype=np.uint8)
IDS = np.arange(100, 112)


def check(function, amount=0.3):
    some = telling_images(IMAGES)
    transform = own_transform(function, ["amount"])
    check_pure(transform, IMAGES[some], [{"amount": amount}], seed=3, ids=IDS[some])


def noise_of_numpy(images, amount):
    return np.clip(images + amount * np.random.normal(size=images.shape), 0, 1)  # noqa: NPY002


def noise_of_python(images, amount):
    return np.clip(images + amount * random.random(), 0, 1)


def noise_of_its_own(images, amount, rng=np.random.default_rng()):  # noqa: B008
    return np.clip(images + amount * rng.normal(size=images.shape), 0, 1)


def noise_by_place(images, amount, seed):
    return np.clip(images + amount * np.random.default_rng(seed).normal(size=images.shape), 0, 1)


def seeded_globally(images, amount):
    np.random.seed(0)  # noqa: NPY002
    return noise_of_numpy(images, amount)


def stretched_over_the_batch(images, amount):
    low, high = images.min(), images.max()
    return (1 - amount) * images + amount * (images - low) / (high - low)


def centred_over_the_batch(images, amount):
    return np.clip(images - amount * images.mean(), 0, 1)


class Fading:
    """Darker with every call."""

    def __init__(self):
        self.calls = 0

    def __call__(self, images, amount):
        self.calls += 1
        return images * (1 - amount) ** self.calls


class Reused:
    """Returns the same array again and again, and keeps what it is given."""

    def __init__(self):
        self.kept = None

    def __call__(self, images, amount):
        before = images if self.kept is None or len(self.kept) != len(images) else self.kept
        self.kept = images
        return before * (1 - amount)


CALL, PLACE, OTHERS = "from call to call", "on its place in the batch", "on the others in the batch"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (noise_of_numpy, rf"noise_of_numpy makes something else .* {CALL}, and draws from the global random state"),
        (noise_of_python, f"noise_of_python .* {CALL}, and draws from the global"),
        (noise_of_its_own, f"noise_of_its_own .* {CALL}: got .*arguments seed and ids"),
        (noise_by_place, f"noise_by_place .* {PLACE}.*sample_normal"),
        (seeded_globally, f"seeded_globally .* {PLACE}, and draws from the global"),
        (stretched_over_the_batch, rf"stretched_over_the_batch .* {OTHERS}.*axis=\(1, 2, 3\)"),
        (centred_over_the_batch, f"centred_over_the_batch .* {OTHERS}"),
        (Fading(), rf"Fading\(\) .* {CALL}"),
        (Reused(), rf"Reused\(\) .* {PLACE}"),
    ],
)
def test_what_is_not_pure_is_refused(function, message):
    state = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with pytest.raises(ParameterError, match=message):
            check(function)
    finally:
        np.random.set_state(state[0])  # noqa: NPY002
        random.setstate(state[1])


def test_a_batch_is_told_by_its_extremes_even_where_most_images_are_alike():
    # All but the last have a black and a white pixel: stretching over the batch does nothing to the first few.
    images = np.random.default_rng(1).uniform(size=(400, 1, 5, 5)).astype(np.float32)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = 0, 1
    images[399] = images[399] * 0.5 + 0.2
    assert {399} <= set(telling_images(images).tolist())
    some = telling_images(images)
    transform = own_transform(stretched_over_the_batch, ["amount"])
    with pytest.raises(ParameterError, match=OTHERS):
        check_pure(transform, images[some], [{"amount": 1.0}], seed=0, ids=some)


def stretched(images, amount):
    low, high = (f(images, axis=(1, 2, 3), keepdims=True) for f in (np.min, np.max))
    return (1 - amount) * images + amount * (images - low) / (high - low)


def writes_into_its_copy(images, amount):
    images *= 1 - amount
    return images


def noise_by_id(images, amount, seed, ids):
    return np.clip(images + amount * sample_normal(seed, "mine", ids, images.shape[1:]), 0, 1)


@given(st.sampled_from([stretched, writes_into_its_copy, noise_by_id]), st.floats(0, 1))
def test_pure_functions_pass(function, amount):
    before = IMAGES.copy()
    check(function, amount)
    np.testing.assert_array_equal(IMAGES, before)


@pytest.mark.parametrize("name", [name for name, transform in TRANSFORMS.items() if not transform.colors])
def test_the_transforms_of_the_package_pass(name):
    transform = TRANSFORMS[name]
    values = {key: (parameter.identity or 0.0) + 0.3 for key, parameter in transform.parameters.items()}
    check_pure(transform, IMAGES, [values], seed=1, ids=IDS)


def test_a_function_that_cannot_take_one_image_is_refused_too():
    with pytest.raises(ParameterError, match="changes the shape of the images"):
        check(lambda images, amount: np.squeeze(images) * amount)


@pytest.mark.parametrize("count", [1, 3, 500, 700])
def test_a_few_images_are_looked_at(count):
    found = telling_images(np.zeros((count, 1, 2, 2), np.uint8))
    assert len(set(found.tolist())) == len(found) == min(count, 8)


def test_unchanged_is_within_half_a_level():
    def shifted(images, by):
        return np.clip(images + by, 0, 1)

    transform = own_transform(shifted, ["by"])
    for by, same in ((0.0, True), (1 / 510, True), (1 / 500, False), (0.1, False)):
        assert stay_unchanged(transform, IMAGES, {"by": by}, seed=0, ids=IDS).tolist() == [same] * 12
    rounded = own_transform(lambda images, by: np.rint(images * 255).astype(np.uint8), ["by"])
    assert stay_unchanged(rounded, IMAGES / np.float32(255), {"by": 1.0}, seed=0, ids=IDS).all()
