"""Arrays as people have them: layouts, dtypes, labels, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.datasets import as_dataset
from pytest_robustness.errors import DatasetError

GREY = np.random.default_rng(0).integers(0, 256, (6, 5, 7), dtype=np.uint8)
RGB = np.random.default_rng(1).integers(0, 256, (6, 3, 5, 7), dtype=np.uint8)
SQUARE = np.random.default_rng(2).integers(0, 256, (6, 1, 8, 8), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize(
    ("given_images", "expected"),
    [
        (GREY, GREY[:, None]),
        (GREY[:, None], GREY[:, None]),
        (GREY[..., None], GREY[:, None]),
        (RGB, RGB),
        (RGB.transpose(0, 2, 3, 1), RGB),
        (SQUARE.reshape(6, 64), SQUARE),
        (GREY.tolist(), GREY[:, None]),
        (torch.from_numpy(RGB), RGB),
    ],
    ids=["NHW", "N1HW", "NHW1", "N3HW", "NHW3", "ND", "list", "tensor"],
)
def test_layouts(given_images: object, expected: np.ndarray) -> None:
    data = as_dataset((given_images, LABELS))
    assert data.images.dtype == np.uint8
    assert np.array_equal(data.images, expected)
    assert data.ids.tolist() == list(range(6))
    assert (data.name, data.population, data.labelled) == ("arrays", 6, True)


def test_channels_come_first_where_both_readings_are_possible() -> None:
    assert as_dataset((np.full((2, 3, 9, 3), 7, np.uint8), [0, 1])).shape == (3, 9, 3)


@given(size=st.tuples(st.integers(1, 4), st.integers(2, 6), st.integers(2, 6)), seed=st.integers(0, 99))
def test_channels_last_and_first_are_the_same_data(size: tuple[int, int, int], seed: int) -> None:
    n, height, width = size
    images = np.random.default_rng(seed).random((n, 3, height, width), dtype=np.float32)
    # With three columns the channels-last array could be read channels first only if it had 1 or 3 rows.
    if height in (1, 3):
        return
    labels = np.zeros(n, int)
    assert as_dataset((images, labels)) == as_dataset((images.transpose(0, 2, 3, 1), labels))


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64, np.uint16, ">i4"])
def test_integers_of_any_width_are_grey_levels(dtype: object) -> None:
    data = as_dataset((GREY.astype(dtype), LABELS))
    assert data == as_dataset((GREY, LABELS))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f8"])
def test_floats_become_float32(dtype: object) -> None:
    data = as_dataset(((GREY > 99).astype(dtype) / 2, LABELS))
    assert data.images.dtype == np.float32
    assert np.array_equal(data.images, ((GREY > 99) / 2).astype(np.float32)[:, None])


def test_booleans_are_black_and_white() -> None:
    data = as_dataset((GREY > 99, LABELS))
    assert np.array_equal(data.images[:, 0], (GREY > 99) * 255)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32, torch.float64, torch.bfloat16])
def test_tensors(dtype: torch.dtype) -> None:
    images = torch.tensor([[[0, 1], [1, 0]], [[1, 1], [0, 0]]]).to(dtype)
    data = as_dataset((images if images.is_floating_point() else images * 255, torch.tensor([0, 1], dtype=torch.int32)))
    assert np.array_equal(data.pixels()[:, 0], [[[0, 1], [1, 0]], [[1, 1], [0, 0]]])
    assert data.labels.dtype == np.int64


def test_a_tensor_with_gradient_is_read() -> None:
    assert as_dataset((torch.zeros(1, 2, 2, requires_grad=True), [0])).shape == (1, 2, 2)


def test_the_given_arrays_are_left_alone() -> None:
    images, labels = GREY.copy(), LABELS.copy()
    data = as_dataset((images, labels))
    images[0] = 0
    labels[0] = 9
    assert data == as_dataset((GREY, LABELS))
    assert images.flags.writeable


def bad(value: float, at: tuple[int, ...] = (3, 1, 1)) -> np.ndarray:
    images = np.full((6, 5, 7), 0.5)
    images[at] = value
    return images


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (bad(np.nan), "not finite.*first in image 3"),
        (bad(np.inf, (2, 0, 0)), "not finite.*first in image 2"),
        (GREY.astype(float), "looks like 0..255: pass uint8, or divide by 255"),
        (bad(-0.42), r"got '-0\.42 to 0\.5'.*normalised"),
        (bad(1.2), r"got '0\.5 to 1\.2'; allowed: floats in \[0, 1\]"),
        (GREY.astype(int) - 1, "integer pixel values are out of range"),
        (GREY.astype(int) * 2, "integer pixel values are out of range: got '0 to"),
        ((GREY > 99).astype(np.uint8), "only 0 and 1"),
        (np.zeros((6, 4, 5, 7)), r"shape that cannot be read: got \(6, 4, 5, 7\)"),
        (np.zeros((6, 10)), r"got \(6, 10\).* D a square"),
        (np.zeros((0, 5, 7)), "there are no images"),
        (np.zeros((6, 0, 7)), "there are no images"),
        (np.float64(3.0), "shape that cannot be read"),
        ([[1, 2], [3]], "images cannot be read as an array"),
        (np.full((6, 2, 2), "x"), "images are not numbers"),
        (np.full((6, 2, 2), 1j), "images are not numbers"),
        (object(), "images are not numbers"),
    ],
)
def test_images_that_are_refused(images: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        as_dataset((images, LABELS))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.eye(3)[LABELS], r"labels have an unusable shape: got \(6, 3\).*argmax"),
        (LABELS[:, None], "ravel"),
        (LABELS.astype(float), "labels are not integers: got 'dtype float64'"),
        (LABELS > 0, "labels are not integers"),
        (LABELS - 1, "a label is negative: got '-1 at index 0'"),
        (LABELS[:5], "6 images and 5 labels"),
        (list("abcabc"), "labels are not numbers"),
        (3, "labels have an unusable shape"),
    ],
)
def test_labels_that_are_refused(labels: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        as_dataset((GREY, labels))
