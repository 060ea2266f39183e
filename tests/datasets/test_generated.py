"""Outliers that are made here: seeded by image, and what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_robustness.datasets.generated import FONTS, GENERATORS, LETTERS, generate
from pytest_robustness.errors import DatasetError

MNIST_SHAPE = (1, 28, 28)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 24), (1, 8, 8), (1, 1, 1), (3, 200, 300)])
@pytest.mark.parametrize("name", GENERATORS)
def test_shape_and_dtype(name: str, shape: tuple[int, int, int]) -> None:
    images = generate(name, 3, shape, seed=0)
    assert (images.shape, images.dtype) == ((3, *shape), np.uint8)


@pytest.mark.parametrize("name", GENERATORS)
def test_a_smaller_set_is_the_start_of_a_larger_one(name: str) -> None:
    assert np.array_equal(generate(name, 4, MNIST_SHAPE, seed=5), generate(name, 9, MNIST_SHAPE, seed=5)[:4])


@pytest.mark.parametrize("name", GENERATORS)
def test_seeds_and_images_differ(name: str) -> None:
    images = np.concatenate([generate(name, 20, MNIST_SHAPE, seed=seed) for seed in (0, 1)])
    assert len({image.tobytes() for image in images}) == 40


@pytest.mark.parametrize("name", GENERATORS)
def test_two_channels_are_refused(name: str) -> None:
    with pytest.raises(DatasetError, match="allowed: 1 or 3 channels"):
        generate(name, 1, (2, 28, 28), seed=0)


def test_uniform_noise_has_every_grey_level_alike() -> None:
    images = generate("uniform-noise", 500, MNIST_SHAPE, seed=0)
    counts = np.bincount(images.ravel(), minlength=256)
    # chi-square with 255 degrees of freedom: mean 255, sd 22.6.
    chi_square = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
    assert 255 - 5 * 22.6 < chi_square < 255 + 5 * 22.6


def test_gaussian_noise_is_clipped_at_one_deviation() -> None:
    images = generate("gaussian-noise", 500, MNIST_SHAPE, seed=0)
    # P(Z < -1) = .15866; black and white take in half a grey level more (.0009).
    assert np.mean(images == 0) == pytest.approx(0.1590, abs=0.003)
    assert np.mean(images == 255) == pytest.approx(0.1590, abs=0.003)
    # E[clip] = 1/2; sd of a standard normal clipped at +-1 is sqrt(1 - 2 phi(1)) = .71843, halved.
    assert images.mean() / 255 == pytest.approx(0.5, abs=0.003)
    assert images.std() / 255 == pytest.approx(0.71843 / 2, abs=0.003)


def test_pixels_of_noise_are_independent() -> None:
    for name in ("uniform-noise", "gaussian-noise"):
        images = generate(name, 500, MNIST_SHAPE, seed=0).astype(float)
        right = np.corrcoef(images[..., :-1].ravel(), images[..., 1:].ravel())[0, 1]
        between = np.corrcoef(images[:-1].ravel(), images[1:].ravel())[0, 1]
        assert abs(right) < 0.01
        assert abs(between) < 0.01


def test_letters_are_white_on_black_and_of_the_size_of_mnist_digits() -> None:
    images = generate("letters", 300, MNIST_SHAPE, seed=0)[:, 0]
    assert images[:, [0, -1]].max() == 0
    assert images[:, :, [0, -1]].max() == 0
    assert (images.reshape(300, -1).max(axis=1) > 150).all()
    for image in images:
        rows, columns = (np.flatnonzero((image > 0).any(axis=axis)) for axis in (1, 0))
        larger = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
        assert 20 <= larger <= 22  # 20 pixels, anywhere between two
        assert abs((rows[0] + rows[-1]) / 2 - 13.5) <= 2.6
        assert abs((columns[0] + columns[-1]) / 2 - 13.5) <= 2.6
    # MNIST digits have a mean of .13; letters are about as much ink.
    assert 0.08 < images.mean() / 255 < 0.25


def test_letters_have_smooth_edges_and_all_channels_alike() -> None:
    images = generate("letters", 50, (3, 28, 28), seed=0)
    assert len(np.unique(images)) > 100
    assert np.array_equal(images[:, 0], images[:, 1])
    assert np.array_equal(images[:, 0], images[:, 2])
    assert np.array_equal(images[:, :1], generate("letters", 50, MNIST_SHAPE, seed=0))


def test_letters_are_many_and_none_is_a_digit() -> None:
    assert len(set(LETTERS)) == len(LETTERS) == 48
    assert not set(LETTERS) & set("IOlo0123456789")
    assert len(set(FONTS)) == len(FONTS) == 11


def test_photo_patches_are_parts_of_the_photographs() -> None:
    from sklearn.datasets import load_sample_images

    photos = load_sample_images().images
    # At the size of the photograph there is one patch for each of the two.
    whole = generate("photo-patches", 8, (3, 427, 640), seed=0)
    for image in whole:
        assert any(np.array_equal(image.transpose(1, 2, 0), photo) for photo in photos)
    assert len({image.tobytes() for image in whole}) == 2


def test_a_photo_patch_is_the_mean_over_squares_of_a_photograph() -> None:
    from sklearn.datasets import load_sample_images

    photos = load_sample_images().images
    # At half of the photograph's size the zoom is 1 or 2, and there are few places for a patch at zoom 2.
    shape = (3, 213, 320)
    found = 0
    for image in generate("photo-patches", 12, shape, seed=0):
        for photo in photos:
            for top in (0, 1):
                squares = photo[top : top + 426].reshape(213, 2, 320, 2, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
                found += np.array_equal(np.round(squares), image)
    assert found > 0


def test_photo_patches_are_grey_or_coloured_and_have_contrast() -> None:
    colour = generate("photo-patches", 200, (3, 28, 28), seed=0).astype(float)
    grey = generate("photo-patches", 200, MNIST_SHAPE, seed=0).astype(float)
    luma = 0.299 * colour[:, 0] + 0.587 * colour[:, 1] + 0.114 * colour[:, 2]
    assert np.abs(luma - grey[:, 0]).max() < 1.001  # the same patches; either is rounded once
    assert np.mean(grey.reshape(200, -1).std(axis=1) > 20) > 0.95
    # Photographs are smooth: neighbours resemble each other, as they do not in noise.
    assert np.corrcoef(grey[..., :-1].ravel(), grey[..., 1:].ravel())[0, 1] > 0.8


def test_images_larger_than_the_photographs_are_refused() -> None:
    with pytest.raises(DatasetError, match="up to 427 x 640"):
        generate("photo-patches", 1, (1, 428, 28), seed=0)
