from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from pytest_robustness.evaluations.sheets import adversarial_sheet, coloured, overlay, saliency_sheet, sheet_picture

GREY = np.random.default_rng(0).random((3, 1, 6, 5)).astype(np.float32)


def test_pictures_of_images():
    assert coloured(GREY).shape == (3, 6, 5, 3)
    np.testing.assert_array_equal(coloured(GREY)[..., 1], np.rint(GREY[:, 0] * 255))
    rgb = np.random.default_rng(1).random((2, 3, 4, 4)).astype(np.float32)
    np.testing.assert_array_equal(coloured(rgb), np.rint(rgb.transpose(0, 2, 3, 1) * 255))
    # Two channels are no colours: their mean is shown.
    np.testing.assert_array_equal(coloured(rgb[:, :2])[..., 2], np.rint(rgb[:, :2].astype(float).mean(axis=1) * 255))


def test_large_images_are_averaged():
    large = np.zeros((1, 1, 100, 96))
    large[:, :, :3] = 1.0
    found = coloured(large)
    assert found.shape == (1, 33, 32, 3)
    assert (found[0, 0] == 255).all()
    assert not found[0, 1:].any()


def test_an_overlay_is_brightest_where_saliency_is():
    saliency = np.zeros((3, 6, 5))
    saliency[:, 2, 3] = [1.0, 1e-9, 0.0]
    saliency[:, 4, 4] = [-5.0, 0.0, 0.0]  # what speaks against the class is not shown
    found = overlay(GREY, saliency)
    assert found[0, 2, 3].tolist() == found[1, 2, 3].tolist() == [255, 115, 0]
    quiet = np.rint(GREY[:, 0] * 0.45 * 255)
    assert (found[2, ..., 0] == quiet[2]).all()
    assert found[0, 4, 4, 0] == quiet[0, 4, 4]


def test_rows_of_an_adversarial_sheet():
    moved = GREY.copy()
    moved[0, 0, 0, 0] = GREY[0, 0, 0, 0] + 0.1
    moved[0, 0, 1, 1] = GREY[0, 0, 1, 1] - 0.05
    rows = adversarial_sheet(GREY, moved)
    assert list(rows) == ["original", "adversarial", "difference"]
    difference = rows["difference"][0, ..., 0].astype(float)
    assert (difference[0, 0], difference[1, 1], difference[3, 3]) == pytest.approx((255, 64, 128), abs=1)
    assert (rows["difference"][1] == 128).all()  # unchanged is grey
    saliency = np.ones((3, 6, 5))
    assert list(adversarial_sheet(GREY, moved, clean_saliency=saliency, adversarial_saliency=saliency)) == [
        "original", "its saliency", "adversarial", "its saliency now", "difference",
    ]  # fmt: skip


def test_a_sheet_is_one_picture():
    rows = saliency_sheet(GREY, np.abs(GREY[:, 0]).astype(float), 1 - GREY)
    found = sheet_picture(rows, ["a", "b", "c"])
    assert (found["names"], found["captions"]) == (["original", "saliency", "masked"], ["a", "b", "c"])
    assert (found["width"], found["height"], found["columns"]) == (5, 6, 3)
    page = np.asarray(Image.open(BytesIO(base64.b64decode(found["png"]))))
    assert page.shape == (18, 15, 3)
    for row, name in enumerate(rows):
        for column in range(3):
            tile = page[6 * row : 6 * row + 6, 5 * column : 5 * column + 5]
            np.testing.assert_array_equal(tile, rows[name][column])
