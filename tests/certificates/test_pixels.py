from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_robustness.certificates.pixels import levels_of, unit_floats
from pytest_robustness.errors import ClassifierError, DatasetError


def image(*pixels: Any, dtype: Any) -> Any:
    return np.array(pixels, dtype=dtype).reshape(1, 1, 1, -1)


def test_more_than_a_half_is_white() -> None:
    assert levels_of(image(0, 127, 128, 255, dtype=np.uint8), 1, binarise=True).ravel().tolist() == [0, 0, 1, 1]
    assert levels_of(image(0, 0.5, 0.51, 1, dtype=np.float32), 1, binarise=True).ravel().tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("levels", [1, 3, 5, 51, 255])
def test_levels_of_bytes(levels: int) -> None:
    steps = np.arange(levels + 1)
    assert levels_of(image(*(steps * (255 // levels)), dtype=np.uint8), levels).ravel().tolist() == steps.tolist()


@pytest.mark.parametrize("levels", [1, 2, 3, 7, 100, 254, 255])
def test_levels_of_floats(levels: int) -> None:
    steps = np.arange(levels + 1)
    for dtype in (np.float32, np.float64):
        assert levels_of(image(*(steps / levels), dtype=dtype), levels).ravel().tolist() == steps.tolist()
    assert np.array_equal(
        unit_floats(levels_of(image(*(steps / levels), dtype=np.float64), levels), levels).ravel(),
        (steps / levels).astype(np.float32),
    )


@pytest.mark.parametrize(
    ("pixels", "levels", "says"),
    [
        (image(0, 128, dtype=np.uint8), 1, r"levels=1: got 128; allowed: 0 or 1 \(0 or 255 in bytes\).*binarise=True"),
        (image(0, 0.4, dtype=np.float32), 2, r"got 0\.4.*allowed: multiples of 1/2"),
        (image(1, 85, dtype=np.uint8), 3, "got 1; allowed: multiples of 1/3"),
    ],
)
def test_grey_pixels_are_refused(pixels: Any, levels: int, says: str) -> None:
    with pytest.raises(DatasetError, match=says):
        levels_of(pixels, levels)


@pytest.mark.parametrize(
    "pixels", [np.zeros((0, 1, 2, 2)), np.zeros((2, 2)), np.full((1, 1, 2, 2), 1.5), np.full((1, 1, 2, 2), np.nan)]
)
def test_what_is_no_image_is_refused(pixels: Any) -> None:
    for read in (lambda: levels_of(pixels, 1, binarise=True), lambda: unit_floats(pixels)):
        with pytest.raises(ClassifierError):
            read()
