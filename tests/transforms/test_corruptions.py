"""Corruptions: the contract that all keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_robustness.errors import ParameterError
from pytest_robustness.transforms import CORRUPTIONS, MNIST_C, corrupt, corruptions

every_corruption = pytest.mark.parametrize("name", CORRUPTIONS)
every_shape = pytest.mark.parametrize("shape", [(12, 28, 28), (12, 1, 28, 28), (12, 3, 32, 24), (12, 8, 8)])

FIXED = ("identity", "scale", "brightness", "stripe", "canny_edges")
UNGRADED = ("identity", "stripe", "dotted_line", "zigzag", "canny_edges")
GRADED = tuple(name for name in CORRUPTIONS if name not in UNGRADED)

DISTINCT = {
    **dict.fromkeys(("shot_noise", "impulse_noise", "glass_blur", "fog", "spatter"), (64, 64)),
    "translate": (4, 4),
    "rotate": (2, 2),
    "shear": (2, 2),
    # 346 directions, 729 lines and 270 zigzags: some of 64 are alike.
    "motion_blur": (45, 63),
    "dotted_line": (55, 64),
    "zigzag": (45, 63),
}
"""Bounds of the number of different results of 64 equal images."""


def some_images(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def smooth_images(n: int) -> np.ndarray:
    """Return images with shapes in them: white discs on black, with soft edges."""
    centre = np.random.default_rng(0).uniform(9, 19, (n, 2, 1, 1))
    y, x = np.mgrid[:28, :28][:, None] - centre.swapaxes(0, 1)
    return np.rint(255 / (1 + np.exp(2 * (np.hypot(y, x) - 6)))).astype(np.uint8)


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
    assert corrupted.flags.c_contiguous
    changed = (corrupted != images).reshape(len(images), -1).any(axis=1)
    assert not changed.any() if name == "identity" else changed.all()


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


@every_corruption
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32), ids=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=9), data=st.data())
def test_results_depend_neither_on_the_batch_nor_on_the_order(name, seed, ids, data):
    images = np.random.default_rng(len(ids)).integers(0, 256, (len(ids), 3, 12, 9)).astype(np.uint8)
    whole = corrupt(images, name, seed=seed, ids=ids)
    order = data.draw(st.permutations(range(len(ids))))
    cut = data.draw(st.integers(0, len(ids)))
    parts = [corrupt(images[part], name, seed=seed, ids=[ids[i] for i in part]) for part in (order[:cut], order[cut:])]
    np.testing.assert_array_equal(np.concatenate(parts), whole[order])


@every_corruption
def test_results_do_not_depend_on_how_many_are_worked_on_together(name, monkeypatch):
    images = some_images((30, 16, 16))
    whole = corrupt(images, name)
    monkeypatch.setattr(corruptions, "PIXELS_TOGETHER", 7 * 256)
    np.testing.assert_array_equal(corrupt(images, name), whole)


@pytest.mark.parametrize("name", DISTINCT)
def test_different_ids_meet_different_noise(name):
    same_image = np.repeat(some_images((1, 28, 28)), 64, axis=0)
    fewest, most = DISTINCT[name]
    assert fewest <= len(np.unique(corrupt(same_image, name), axis=0)) <= most


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


def test_names_are_those_of_the_paper_in_its_order():
    assert list(CORRUPTIONS) == ["identity", *MNIST_C]
    # Mu and Gilmer 2019, table 1.
    assert list(MNIST_C) == [
        *("shot_noise", "impulse_noise", "glass_blur", "motion_blur", "shear", "scale", "rotate", "brightness"),
        *("translate", "stripe", "fog", "spatter", "dotted_line", "zigzag", "canny_edges"),
    ]


@pytest.mark.parametrize("name", GRADED)
def test_a_higher_severity_changes_more(name):
    images = smooth_images(60)
    changes = [np.abs(corrupt(images, name, severity=level).astype(int) - images).mean() for level in range(1, 6)]
    # The levels of the published generator do not rise everywhere: the fog of level 4 is as thick as that of level 3,
    # only rougher, and the drops of levels 4 and 5 are of another kind than those of 1 to 3.
    rises = {"fog": (0, 1, 3), "spatter": (0, 1, 3), "motion_blur": (0, 1, 2)}.get(name, range(4))
    assert all(changes[step] < changes[step + 1] for step in rises)


@pytest.mark.parametrize(
    ("level", "names"),
    [
        (1, ("glass_blur", "motion_blur")),
        (2, ("shear", "rotate")),
        (3, ("scale", "translate")),
        (4, ("impulse_noise", "spatter")),
        (5, ("shot_noise", "brightness", "fog")),
    ],
)
def test_the_severity_of_mnist_c_is_the_default(level, names):
    images = some_images((20, 28, 28))
    for name in names:
        np.testing.assert_array_equal(corrupt(images, name, severity=level), corrupt(images, name))


@pytest.mark.parametrize("name", UNGRADED)
@pytest.mark.parametrize("severity", [1, 0, "high"])
def test_severities_are_refused_where_there_are_no_levels(name, severity):
    message = f"{name} has one level of severity: got {severity!r}; allowed: None. .* have levels: shot_noise, impulse"
    with pytest.raises(ParameterError, match=message):
        corrupt(some_images((1, 28, 28)), name, severity=severity)


@pytest.mark.parametrize("name", GRADED)
@pytest.mark.parametrize("severity", [0, 6, 2.0, True, "high"])
def test_levels_that_do_not_exist_are_refused(name, severity):
    with pytest.raises(ParameterError, match=f"{name} has no such level.*got {severity!r}; allowed: .* from 1 to 5"):
        corrupt(some_images((1, 28, 28)), name, severity=severity)


@every_corruption
@pytest.mark.parametrize("shape", [(1, 7, 28), (1, 3, 28, 7)])
def test_images_too_small_are_refused(name, shape):
    with pytest.raises(ParameterError, match=r"too small.*got '(7 x 28|28 x 7) pixels'; allowed: at least 8 x 8"):
        corrupt(np.zeros(shape, np.uint8), name)


SHAPES = ("glass_blur", "motion_blur", "fog", "spatter", "dotted_line", "zigzag")


@pytest.mark.parametrize("name", SHAPES)
def test_colours_meet_the_same_weather_blur_and_lines_in_all_channels(name):
    grey = smooth_images(10)
    colours = np.repeat(grey[:, None], 3, axis=1)
    np.testing.assert_array_equal(corrupt(colours, name), np.repeat(corrupt(grey, name)[:, None], 3, axis=1))


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
        (np.zeros((2, 4, 28, 28), np.uint8), "impossible shape"),
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
