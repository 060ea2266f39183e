"""Models whose smallest failing change is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_robustness.datasets import Dataset, as_dataset, load_dataset


def bright(images):
    """Class 1 where the mean brightness is above 0.5, by its logits."""
    mean = np.asarray(images).mean(axis=(1, 2, 3))
    return np.stack([0.5 - mean, mean - 0.5], axis=1)


def pointing_up(images):
    """Labels only: 1 where the upper quarter is brighter than the left and the right one, else 0."""
    pixels = np.asarray(images)[:, 0]
    size = pixels.shape[-1]
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    up, left, right = (pixels[:, side].mean(axis=1) for side in ((-y > abs(x)), (-x > abs(y)), (x > abs(y))))
    return ((up > left) & (up > right)).astype(np.int64)


@pytest.fixture
def greys() -> Dataset:
    """20 images of 8 x 8, of one grey each, from 0.2 to 0.8: class 1 where that is above 0.5."""
    means = np.linspace(0.2, 0.8, 20, dtype=np.float32)
    return as_dataset((np.ones((20, 1, 8, 8), np.float32) * means[:, None, None, None], (means > 0.5).astype(int)))


@pytest.fixture
def spot() -> tuple[np.ndarray, int]:
    """A bright spot straight above the centre of 41 x 41 pixels."""
    y, x = np.mgrid[:41, :41] - 20
    return np.exp(-(x**2 + (y + 12) ** 2) / 8).astype(np.float32)[None], 1


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """The 8 x 8 digits of scikit-learn, the second half."""
    return load_dataset("digits").take(slice(900, None))


@pytest.fixture(scope="session")
def digits_model():
    """A linear model of the first half of the digits."""
    from sklearn.linear_model import LogisticRegression

    data = load_dataset("digits").take(slice(0, 900))
    return LogisticRegression(max_iter=300).fit(data.pixels().reshape(900, -1), data.labels)
