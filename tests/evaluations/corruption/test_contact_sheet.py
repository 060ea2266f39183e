from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from pytest_robustness.datasets import as_dataset, load_dataset, load_mnist_c
from pytest_robustness.evaluations.corruption.contact_sheet import contact_sheet, sheet_details
from pytest_robustness.transforms import corrupt
from pytest_robustness.transforms.common import corrupt_common


def images(n, *shape, classes=10, seed=0):
    generator = np.random.default_rng(seed)
    return as_dataset((generator.integers(0, 256, (n, *shape), dtype=np.uint8), generator.integers(0, classes, n)))


def test_rows_are_corruptions_and_columns_images():
    data = images(200, 1, 28, 30)
    sheet = contact_sheet(data, "mnist-c-generated", ["shear", "fog"], 7)
    assert (sheet.shape, sheet.dtype) == ((3, 28, 8, 30), np.uint8)
    first = [int(np.flatnonzero(data.labels == label)[0]) for label in range(8)]  # one of each class
    shown = data.images[first]
    assert np.array_equal(sheet[0].swapaxes(0, 1), shown[:, 0])
    for row, name in ((1, "shear"), (2, "fog")):
        assert np.array_equal(sheet[row].swapaxes(0, 1), corrupt(shown, name, seed=7, ids=data.ids[first])[:, 0])


def test_few_classes_are_filled_up_and_few_images_are_all():
    data = images(30, 1, 28, 28, classes=2)
    sheet = contact_sheet(data, "common", ["contrast"], 0)
    assert sheet.shape == (2, 28, 8, 28)
    assert len({sheet[0, :, k].tobytes() for k in range(8)}) == 8
    assert contact_sheet(data.take(slice(3)), "common", ["contrast"], 0).shape == (2, 28, 3, 28)


def test_the_middle_level_unless_told():
    data = images(9, 1, 28, 28, classes=1)
    shown = data.images[:8]
    for severity, level in ((None, 3), (5, 5)):
        sheet = contact_sheet(data, "common", ["contrast"], 0, severity=severity)
        assert np.array_equal(sheet[1].swapaxes(0, 1), corrupt_common(shown, "contrast", severity=level)[:, 0])


@pytest.mark.parametrize(
    ("shape", "tile"), [((1, 28, 28), (28, 28)), ((3, 96, 64), (48, 32)), ((3, 100, 100), (33, 33))]
)
def test_a_sheet_is_a_small_picture(shape, tile):
    data = images(10, *shape)
    names = ["fog", "snow"]
    sheet = contact_sheet(data, "common", names, 0)
    details = sheet_details(sheet, names)
    columns = details["columns"]
    assert details["names"] == ["as it is", *names]
    assert (details["height"], details["width"]) == tile
    picture = Image.open(io.BytesIO(base64.b64decode(details["png"])))
    assert picture.size == (columns * tile[1], 3 * tile[0])
    assert picture.mode == ("L" if shape[0] == 1 else "P")
    pixels = np.asarray(picture)
    if picture.mode == "L":
        assert np.array_equal(pixels.reshape(sheet.shape), sheet)
    else:  # random colours, of which a palette has but 256
        near = np.asarray(picture.convert("RGB")).reshape(sheet.shape)
        assert np.abs(near.astype(int) - sheet).mean() < 20


def test_larger_images_are_averaged_down():
    data = images(2, 1, 96, 96, classes=1)
    sheet = contact_sheet(data, "common", [], 0)
    means = data.images[:, 0].reshape(2, 48, 2, 48, 2).mean(axis=(2, 4))
    assert np.array_equal(sheet[0].swapaxes(0, 1), np.rint(means))


def test_images_of_floats_are_shown_as_bytes():
    data = as_dataset((np.full((2, 1, 28, 28), 0.5, np.float32), np.array([0, 1])))
    assert (contact_sheet(data, "common", [], 0) == 128).all()


def test_the_published_files(data_dir):
    data = load_dataset("mnist", n=50, seed=2)
    sheet = contact_sheet(data, "mnist-c", ["zigzag"], 0)
    at = int(np.flatnonzero(data.labels == data.labels.min())[0])
    published = load_mnist_c("zigzag", like=data.take([at])).images[0, 0]
    assert np.array_equal(sheet[1, :, 0], published)
    assert len(sheet_details(sheet, ["zigzag"])["png"]) < 10_000
