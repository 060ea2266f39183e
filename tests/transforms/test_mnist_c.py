"""The corruptions beside the images that the published generator made of the MNIST test set."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_robustness import load_classifier
from pytest_robustness.metrics import binomial_interval
from pytest_robustness.transforms import MNIST_C, corrupt, lines
from pytest_robustness.transforms.blur import motion_blur

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_robustness import Classifier

FIXED = ("scale", "brightness", "stripe", "canny_edges")
RANDOM = tuple(name for name in MNIST_C if name not in FIXED)
SIDES = {"translate": 4, "rotate": 2, "shear": 2}


def published(data_dir: Path, name: str, kind: str = "images") -> np.ndarray:
    values = np.load(data_dir / "mnist_c" / name / f"test_{kind}.npy", mmap_mode="r")
    return values[..., 0] if kind == "images" else values


@pytest.fixture(scope="module")
def digits(data_dir: Path) -> np.ndarray:
    return np.array(published(data_dir, "identity"))


@pytest.fixture(scope="module")
def corrupted(digits) -> Callable[[str], np.ndarray]:
    return cache(lambda name: corrupt(digits, name))


@pytest.fixture(scope="module")
def lenet() -> Classifier:
    return load_classifier("example_models.lenet5:load")


def test_identity_is_the_published_identity(digits):
    np.testing.assert_array_equal(corrupt(digits, "identity"), digits)


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


@pytest.mark.parametrize(
    ("name", "ink", "kinds"),
    [("dotted_line", partial(lines._dots, 28, 28), (27, 27)), ("zigzag", partial(lines._zigzag, 28, 28), (27, 10))],
)
def test_published_lines_are_among_ours_to_the_pixel(name, ink: Callable, kinds, digits, data_dir):
    reference = published(data_dir, name)
    inks = np.array([ink(a, b) for a in range(kinds[0]) for b in range(kinds[1])])
    for i in range(0, 10_000, 50):
        drawn = digits[i] + np.minimum(inks, 255 - digits[i])
        assert (drawn == reference[i]).all(axis=(1, 2)).any()


def test_published_motion_is_among_ours_to_99_9_percent_of_the_pixels(digits, data_dir):
    directions = np.radians(np.linspace(-45, 45, 3601))
    steps = np.arange(21)
    ends = [np.ceil(part(directions)[:, None] * steps - 0.5) for part in (np.sin, np.cos)]
    directions = directions[np.unique(np.concatenate(ends, axis=1), axis=0, return_index=True)[1]]
    assert 340 <= len(directions) <= 350
    differences = []
    for i in range(0, 10_000, 200):
        blurred = motion_blur(np.repeat(digits[i : i + 1], len(directions), axis=0), directions, radius=10, sigma=3)
        difference = np.abs(blurred.astype(int) - published(data_dir, "motion_blur")[i])
        differences.append(min(difference, key=np.count_nonzero))
    assert np.max(differences) <= 1
    assert np.mean(np.array(differences) == 0) >= 0.999


@pytest.mark.parametrize("name", RANDOM)
def test_random_corruptions_have_the_published_distribution(name, corrupted, data_dir):
    ours, reference = corrupted(name).astype(np.float32), published(data_dir, name).astype(np.float32)
    # Within an image, fog is one cloud: the mean of 10,000 images has a standard error of 0.35 % there, and less else.
    assert ours.mean() == pytest.approx(reference.mean(), rel=0.01 if name == "fog" else 0.005)
    assert ours.std() == pytest.approx(reference.std(), rel=0.005)
    assert np.corrcoef(ours.mean(axis=0).ravel(), reference.mean(axis=0).ravel())[0, 1] >= 0.999
    assert np.corrcoef(ours.std(axis=0).ravel(), reference.std(axis=0).ravel())[0, 1] >= 0.99


@pytest.mark.parametrize("name", RANDOM)
def test_a_network_is_as_accurate_as_on_the_published_images(name, corrupted, data_dir, lenet):
    labels = published(data_dir, name, "labels")
    right = (lenet.predict(np.array(published(data_dir, name))[:, None]) == labels).sum()
    ours = lenet.predict(corrupted(name)[:, None]) == labels
    low, high = binomial_interval(right, len(labels), confidence=0.95)
    assert low <= ours.mean() <= high
