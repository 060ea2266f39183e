"""Corruptions: the contract that all keep, and agreement with the published generator's images."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_robustness.errors import ParameterError
from pytest_robustness.transforms import CORRUPTIONS, corrupt

if TYPE_CHECKING:
    from pathlib import Path

every_corruption = pytest.mark.parametrize("name", CORRUPTIONS)
every_shape = pytest.mark.parametrize("shape", [(12, 28, 28), (12, 1, 28, 28), (12, 3, 32, 24), (12, 8, 8)])

SIDES = {"translate": 4, "rotate": 2, "shear": 2}
NOISY = ("shot_noise", "impulse_noise")
FIXED = tuple(name for name in CORRUPTIONS if name not in SIDES and name not in NOISY)


def some_images(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


@every_corruption
@every_shape
def test_input_is_unchanged_and_shares_no_memory(name, shape):
    images = some_images(shape)
    images.setflags(write=False)
    corrupted = corrupt(images, name)
    assert not np.shares_memory(corrupted, images)
    np.testing.assert_array_equal(images, some_images(shape))


@every_corruption
@every_shape
def test_shape_and_type_are_kept_and_something_changes(name, shape):
    images = some_images(shape)
    corrupted = corrupt(images, name)
    assert (corrupted.shape, corrupted.dtype) == (images.shape, np.uint8)
    assert (corrupted != images).reshape(len(images), -1).any(axis=1).all()


@every_corruption
def test_the_seed_decides(name):
    images = some_images((40, 28, 28))
    np.testing.assert_array_equal(corrupt(images, name, seed=3), corrupt(images, name, seed=3))
    same = np.array_equal(corrupt(images, name, seed=3), corrupt(images, name, seed=4))
    assert same == (name in FIXED)


@every_corruption
@every_shape
def test_noise_follows_the_id_and_not_the_position(name, shape):
    images, ids = some_images(shape), np.arange(100, 112)
    whole = corrupt(images, name, ids=ids)
    order = np.random.default_rng(1).permutation(len(images))
    np.testing.assert_array_equal(corrupt(images[order], name, ids=ids[order]), whole[order])
    singles = [corrupt(images[i : i + 1], name, ids=[100 + i]) for i in range(len(images))]
    np.testing.assert_array_equal(np.concatenate(singles), whole)


@every_corruption
def test_ids_default_to_positions(name):
    images = some_images((20, 28, 28))
    np.testing.assert_array_equal(corrupt(images, name), corrupt(images, name, ids=range(20)))


@pytest.mark.parametrize("name", [*SIDES, *NOISY])
def test_different_ids_meet_different_noise(name):
    same_image = np.repeat(some_images((1, 28, 28)), 64, axis=0)
    distinct = len(np.unique(corrupt(same_image, name), axis=0))
    assert distinct == SIDES.get(name, 64)


@every_corruption
def test_grey_is_alike_with_and_without_a_channel(name):
    images = some_images((6, 28, 28))
    np.testing.assert_array_equal(corrupt(images[:, None], name)[:, 0], corrupt(images, name))


@every_corruption
def test_no_images_give_no_images(name):
    assert corrupt(np.zeros((0, 28, 28), np.uint8), name).shape == (0, 28, 28)


def test_lengths_grow_with_the_image():
    image = np.zeros((1, 56, 56), np.uint8)
    image[0, 28, 28] = 255
    moved = np.argwhere(corrupt(image, "translate")[0])[0] - 28
    assert np.abs(moved).tolist() == [6, 6]
    assert np.count_nonzero(corrupt(image, "stripe")[0, 0]) == 28


@every_corruption
@pytest.mark.parametrize("severity", [1, 0, "high"])
def test_severities_are_refused(name, severity):
    with pytest.raises(ParameterError, match=f"{name} has one level of severity: got {severity!r}; allowed: None"):
        corrupt(some_images((1, 28, 28)), name, severity=severity)


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(ParameterError, match="Did you mean 'shot_noise'"):
        corrupt(some_images((1, 28, 28)), "shot-noise")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 28, 28)), "8-bit images: got 'float64'"),
        (np.zeros((2, 28, 28), np.int64), "8-bit images: got 'int64'"),
        (np.zeros((28, 28), np.uint8), "impossible shape: got \\(28, 28\\)"),
        (np.zeros((2, 28, 28, 3), np.uint8), "Move channels to the front"),
        (np.zeros((2, 0, 28), np.uint8), "impossible shape"),
    ],
)
def test_impossible_images_are_refused(images, message):
    with pytest.raises(ParameterError, match=message):
        corrupt(images, "rotate")


@pytest.mark.parametrize(
    ("ids", "message"), [([1], "got '1 ids'; allowed: 2 ids"), ([0, -1], "out of range"), ([0, 0.5], "integer")]
)
@pytest.mark.parametrize("name", ["brightness", "rotate"])
def test_impossible_ids_are_refused(name, ids, message):
    with pytest.raises(ParameterError, match=message):
        corrupt(some_images((2, 28, 28)), name, ids=ids)


@pytest.fixture(scope="module")
def digits(data_dir: Path) -> np.ndarray:
    with gzip.open(data_dir / "mnist" / "t10k-images-idx3-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)


def published(data_dir: Path, name: str) -> np.ndarray:
    return np.load(data_dir / "mnist_c" / name / "test_images.npy", mmap_mode="r")[..., 0]


@pytest.mark.parametrize("name", FIXED)
def test_fixed_corruptions_are_the_published_pixels(name, digits, data_dir):
    difference = np.abs(corrupt(digits, name).astype(int) - published(data_dir, name))
    # Bilinear sums that end on a half are rounded either way by the order of floating-point operations.
    assert difference.max() <= (1 if name == "scale" else 0)
    assert (difference > 0).mean() <= 0.001


@pytest.mark.parametrize("name", SIDES)
def test_movements_are_the_published_pixels_on_one_of_the_sides(name, digits, data_dir):
    reference = published(data_dir, name)[:2000].astype(int)
    nearest = np.full(len(reference), 255)
    sides = np.zeros(len(reference))
    for seed in range(24):  # 2 or 4 sides: none is left out but with probability below 0.75 ** 24 = 0.1 %
        difference = np.abs(corrupt(digits[:2000], name, seed=seed) - reference).max(axis=(1, 2))
        nearest = np.minimum(nearest, difference)
        sides += difference <= 1
    assert (nearest <= 1).mean() >= 0.995
    # All sides are equally likely: 48,000 tries.
    assert sides.sum() / (24 * 2000) == pytest.approx(1 / SIDES[name], abs=0.01)


@pytest.mark.parametrize("name", [*SIDES, *NOISY])
def test_random_corruptions_have_the_published_distribution(name, digits, data_dir):
    corrupted, reference = corrupt(digits, name).astype(float), published(data_dir, name).astype(float)
    assert corrupted.mean() == pytest.approx(reference.mean(), rel=0.01)
    assert corrupted.std() == pytest.approx(reference.std(), rel=0.01)
    assert np.corrcoef(corrupted.mean(axis=0).ravel(), reference.mean(axis=0).ravel())[0, 1] >= 0.999
