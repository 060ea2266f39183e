"""What holds for every common corruption."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_sample_images

from pytest_robustness.errors import ParameterError
from pytest_robustness.transforms.common import COMMON, SEVERITIES, corrupt_common

WITHOUT_NOISE = {"defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression"}


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """Sixty RGB patches of 32 x 32 from one of scikit-learn's photographs."""
    photo = load_sample_images().images[0].transpose(2, 0, 1)
    return np.stack([photo[:, 40 * i : 40 * i + 32, 60 * j : 60 * j + 32] for i in range(6) for j in range(10)])


def noise_images(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_the_names_are_those_of_the_suite_in_its_order():
    # Hendrycks and Dietterich, ICLR 2019, figure 1: noise, blur, weather, digital.
    assert list(COMMON) == [
        *("gaussian_noise", "shot_noise", "impulse_noise"),
        *("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
        *("snow", "frost", "fog", "brightness"),
        *("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
    ]
    assert SEVERITIES == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("name", COMMON)
@settings(max_examples=5)
@given(
    severity=st.sampled_from(SEVERITIES),
    shape=st.tuples(st.sampled_from([(), (1,), (3,)]), st.tuples(st.integers(28, 40), st.integers(28, 40))),
    ids=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4, unique=True),
    data=st.data(),
)
def test_an_image_does_not_depend_on_its_batch(name, severity, shape, ids, data):
    channels, size = shape
    images = noise_images((len(ids), *channels, *size))
    before = images.copy()
    whole = corrupt_common(images, name, severity=severity, seed=3, ids=ids)
    assert (whole.shape, whole.dtype) == (images.shape, np.uint8)
    assert np.array_equal(images, before)
    order = data.draw(st.permutations(range(len(ids))))
    shuffled = corrupt_common(images[order], name, severity=severity, seed=3, ids=[ids[k] for k in order])
    assert np.array_equal(shuffled, whole[order])
    alone = corrupt_common(images[:1], name, severity=severity, seed=3, ids=ids[:1])
    assert np.array_equal(alone, whole[:1])


@pytest.mark.parametrize("name", COMMON)
def test_one_image_of_many_is_the_image_alone(name, monkeypatch):
    images = noise_images((70, 1, 28, 28))
    whole = corrupt_common(images, name, severity=3)
    monkeypatch.setattr("pytest_robustness.transforms.common.corruptions._CHUNK", 16 * 784)
    assert np.array_equal(corrupt_common(images, name, severity=3), whole)
    assert np.array_equal(corrupt_common(images[33:34], name, severity=3, ids=[33]), whole[33:34])


@pytest.mark.parametrize("name", COMMON)
def test_noise_follows_the_seed_and_the_id(name):
    images = np.repeat(noise_images((1, 3, 32, 32)), 2, axis=0)
    found = corrupt_common(images, name, severity=3)
    alike = name in WITHOUT_NOISE
    assert np.array_equal(found[0], found[1]) == alike
    assert np.array_equal(found, corrupt_common(images, name, severity=3, seed=1)) == alike
    assert np.array_equal(found, corrupt_common(images, name, severity=3))


@pytest.mark.parametrize("name", COMMON)
def test_grey_images_with_and_without_a_channel_are_the_same(name):
    images = noise_images((3, 30, 34))
    flat = corrupt_common(images, name, severity=4)
    assert np.array_equal(corrupt_common(images[:, None], name, severity=4)[:, 0], flat)


def mean_changes(images, name):
    found = [corrupt_common(images, name, severity=level).astype(int) - images for level in SEVERITIES]
    return [float(np.abs(change).mean()) for change in found]


@pytest.mark.parametrize("name", sorted(set(COMMON) - {"glass_blur", "motion_blur", "frost", "elastic_transform"}))
def test_a_higher_severity_changes_more(name, photos):
    for images in (photos, photos[:, :1]):
        assert (np.diff(mean_changes(images, name)) > 0).all()


def test_the_levels_of_the_release_that_are_no_higher_than_the_one_before(photos):
    # Each follows from the constants of the release. The third and the fourth trace differ only where the weight is
    # below exp(-18); two passes of glass displace more than one, but a stronger blur hides what they displaced; frost
    # loses weight against the image; and the affine map of the elastic transform shrinks from level to level.
    motion = mean_changes(photos, "motion_blur")
    assert (np.diff(motion) > -1e-3).all()
    assert motion[0] < motion[1] < motion[2] < motion[4]
    assert motion[2] == pytest.approx(motion[3], abs=1e-3)
    glass = mean_changes(photos, "glass_blur")
    assert max(glass[:3]) < min(glass[3:])
    frost = mean_changes(photos, "frost")
    assert frost[0] == min(frost)
    assert (np.diff(mean_changes(photos, "elastic_transform")) < 0).all()


@pytest.mark.parametrize("name", COMMON)
def test_larger_images_are_corrupted_as_much(name, photos):
    # Lengths grow with the images: on twice as many pixels of the same scene, the change is about as large.
    small, large = photos[::6], photos[::6].repeat(2, axis=2).repeat(2, axis=3)
    before, after = (np.mean(mean_changes(images, name)) for images in (small, large))
    assert before / 2 < after < before * 2


def test_no_images_are_no_images():
    for name in COMMON:
        assert corrupt_common(np.zeros((0, 3, 32, 32), np.uint8), name).shape == (0, 3, 32, 32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "fogg"}, "unknown common corruption.*Did you mean 'fog'"),
        ({"name": "spatter"}, "unknown common corruption"),
        ({"severity": 0}, "severity is out of range.*1, 2, 3, 4 or 5"),
        ({"severity": 6}, "severity is out of range"),
        ({"severity": True}, "severity is out of range"),
        ({"severity": None}, "severity is out of range"),
        ({"severity": [1, 2]}, "severity is out of range"),
        ({"images": np.zeros((2, 32, 32))}, "8-bit images.*float64"),
        ({"images": np.zeros((2, 2, 32, 32), np.uint8)}, "impossible shape"),
        ({"images": np.zeros((32, 32), np.uint8)}, "impossible shape"),
        ({"images": np.zeros((2, 27, 32), np.uint8)}, "too small.*27 x 32.*at least 28 x 28"),
        ({"ids": [1]}, "one id for each image"),
        ({"ids": [1, -1]}, "sample id is out of range"),
        ({"seed": "a"}, "seed must be an integer"),
    ],
)
def test_mistakes_are_named(change, message):
    arguments = {"images": np.zeros((2, 32, 32), np.uint8), "name": "fog", **change}
    with pytest.raises(ParameterError, match=message):
        corrupt_common(arguments.pop("images"), arguments.pop("name"), **arguments)
