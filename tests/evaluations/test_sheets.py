from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from pytest_robustness.evaluations.sheets import (
    adversarial_sheet,
    coloured,
    overlay,
    png_text,
    saliency_sheet,
    sheet_picture,
)

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


def opened(png):
    return np.asarray(Image.open(BytesIO(base64.b64decode(png))).convert("RGB"))


def test_few_colours_and_all_greys_are_kept_to_the_bit():
    random = np.random.default_rng(2)
    few = random.integers(0, 256, (256, 3), np.uint8)[random.integers(0, 256, (40, 50))]
    np.testing.assert_array_equal(opened(png_text(few)), few)
    grey = random.integers(0, 256, (40, 50, 1), np.uint8).repeat(3, axis=2)
    np.testing.assert_array_equal(opened(png_text(grey)), grey)
    np.testing.assert_array_equal(opened(png_text(grey[..., 0])), grey)


def test_many_colours_become_a_palette_that_is_near():
    images = np.random.default_rng(3).random((8, 1, 28, 28)).astype(np.float32)
    saliency = np.random.default_rng(4).random((8, 28, 28))
    page = np.concatenate([*coloured(images), *overlay(images, saliency)])
    assert len(np.unique(page.reshape(-1, 3), axis=0)) > 256
    found = opened(png_text(page))
    assert len(np.unique(found.reshape(-1, 3), axis=0)) <= 256
    far = np.abs(found.astype(int) - page)
    plain = (page == page[..., :1]).all(axis=2)
    assert far[plain].max() <= 2  # greys in steps of 3
    assert far.mean() < 4
    assert len(png_text(page)) < 0.6 * len(_as_it_is(page))


def test_photographs_have_the_whole_palette():
    ramps = np.linspace(0, 1, 40)
    photo = np.stack(np.broadcast_arrays(ramps[:, None], ramps, 1 - ramps[:, None] * ramps)).astype(np.float32)[None]
    (page,) = coloured(photo)
    found = opened(png_text(page))
    assert 200 < len(np.unique(found.reshape(-1, 3), axis=0)) <= 256
    assert np.abs(found.astype(int) - page).mean() < 6


def _as_it_is(page):
    file = BytesIO()
    Image.fromarray(page).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue())


def test_a_sheet_is_one_picture():
    rows = saliency_sheet(GREY, np.abs(GREY[:, 0]).astype(float), 1 - GREY)
    found = sheet_picture(rows, ["a", "b", "c"])
    assert (found["names"], found["captions"]) == (["original", "saliency", "masked"], ["a", "b", "c"])
    assert (found["width"], found["height"], found["columns"]) == (5, 6, 3)
    page = opened(found["png"])
    assert page.shape == (18, 15, 3)
    for row, name in enumerate(rows):
        for column in range(3):
            tile = page[6 * row : 6 * row + 6, 5 * column : 5 * column + 5]
            np.testing.assert_array_equal(tile, rows[name][column])
