from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pytest_robustness.datasets import load_dataset
from pytest_robustness.errors import ParameterError
from pytest_robustness.saliency import (
    as_mask,
    ink_first,
    ink_of,
    masked,
    most_salient_first,
    number_of_pixels,
    pixel_saliency,
)


def test_a_pixel_is_all_its_channels():
    attributions = np.array([[[[1.0, -2.0]], [[-4.0, 0.5]]]])  # one image of two channels, 1 x 2 pixels
    assert pixel_saliency(attributions).tolist() == [[[5.0, 2.5]]]
    assert pixel_saliency(attributions, signed=True).tolist() == [[[-3.0, -1.5]]]


@given(st.integers(0, 2**31), st.integers(0, 12), st.sampled_from([0.0, 0.3, 1.0, "mean", "invert"]))
def test_exactly_so_many_pixels_are_replaced(seed, count, mask):
    rng = np.random.default_rng(seed)
    images = rng.uniform(0.01, 0.29, (5, 3, 3, 4)).astype(np.float32)
    ranks = most_salient_first(rng.integers(0, 4, (5, 3, 4)).astype(float))  # with ties
    assert (np.sort(ranks.reshape(5, 12)) == np.arange(12)).all()
    found = masked(images, ranks < count, mask)
    assert found.dtype == np.float32
    changed = (found != images).all(axis=1)
    assert (changed == (found != images).any(axis=1)).all()
    assert (changed.sum(axis=(1, 2)) == count).all()
    assert (changed == (ranks < count)).all()


def test_what_pixels_are_replaced_by():
    images = np.array([[[[0.25, 0.75]], [[0.0, 1.0]]]], np.float32)
    where = np.array([[[True, False]]])
    assert masked(images, where, 0.5).tolist() == [[[[0.5, 0.75]], [[0.5, 1.0]]]]
    assert masked(images, where, "invert").tolist() == [[[[0.75, 0.75]], [[1.0, 1.0]]]]
    assert masked(np.array([[[[0.2, 0.6]], [[0.0, 1.0]]]], np.float32), where, "mean").tolist() == [
        [[[np.float32(0.4), np.float32(0.6)]], [[0.5, 1.0]]]
    ]
    assert images[0, 0, 0, 0] == 0.25  # the image itself is left alone


def test_among_equals_the_upper_left_pixel_comes_first():
    assert most_salient_first(np.array([[[1.0, 3.0], [3.0, 0.0]]])).tolist() == [[[2, 0], [1, 3]]]
    assert most_salient_first(np.zeros((1, 2, 3))).tolist() == [[[0, 1, 2], [3, 4, 5]]]


@pytest.mark.parametrize(
    ("fraction", "pixels", "count"),
    # 15 % of 28 x 28 is 117.6. As floats, 0.29 * 100 and 0.57 * 100 lie a little below 29 and 57.
    [(0.15, 784, 117), (0.29, 100, 29), (0.57, 100, 57), (0.0, 784, 0), (1.0, 784, 784), (0.999, 9, 8)],
)
def test_whole_pixels(fraction, pixels, count):
    assert number_of_pixels(fraction, pixels) == count


def test_ink_comes_before_the_rest():
    images = np.zeros((2, 2, 4, 4), np.float32)
    images[0, 0, 1] = 0.3
    images[0, 1, 2, 0] = 1 / 255  # any channel, a grey level
    images[0, 1, 3] = 1e-6  # no grey level of a byte
    random, ink = ink_first(images, 0.0, ids=[4, 9], seed=0)
    assert set(ink[0, 1]) | {ink[0, 2, 0]} == set(range(5))
    assert (random[1] == ink[1]).all()  # without ink there is nothing to prefer
    assert (random[0] != ink[0]).any()
    for ranks in (random, ink):
        assert (np.sort(ranks.reshape(2, 16)) == np.arange(16)).all()


def test_random_orders_belong_to_seed_and_sample():
    images = np.random.default_rng(0).random((6, 1, 4, 4)).astype(np.float32)
    random, ink = ink_first(images, 0.0, ids=range(6), seed=0)
    again, ink_again = ink_first(images[::-1], 0.0, ids=range(5, -1, -1), seed=0)
    assert (again[::-1] == random).all()
    assert (ink_again[::-1] == ink).all()
    assert (ink_first(images, 0.0, ids=range(6), seed=1)[0] != random).any()
    # All pixels come first about equally often.
    many, _ = ink_first(np.zeros((4000, 1, 2, 2), np.float32), 0.0, ids=range(4000), seed=0)
    np.testing.assert_allclose((many == 0).mean(axis=0), 0.25, atol=0.03)


BYTES = arrays(np.uint8, (3, 2, 3, 4), elements=st.sampled_from([0, 1, 100, 127, 128, 254, 255]))


@given(BYTES, st.sampled_from([0.0, 0.5, 1.0, "mean", "invert"]), st.integers(0, 12))
def test_ink_is_what_masking_changes(whole, mask, count):
    images = whole / np.float32(255)
    ink = ink_of(images, mask)
    everywhere = np.ones((3, 3, 4), bool)
    changes = np.abs(masked(images, everywhere, mask).astype(np.float64) - images).max(axis=1)
    assert (ink == (changes > 0.5 / 255)).all()
    # So many pixels of the random order are ink, as far as there are any.
    _, ranks = ink_first(images, mask, ids=range(3), seed=0)
    assert ((ink & (ranks < count)).sum(axis=(1, 2)) == np.minimum(ink.sum(axis=(1, 2)), count)).all()


@given(BYTES)
def test_white_on_black_and_black_on_white_have_the_same_ink(whole):
    images = whole / np.float32(255)
    assert (ink_of(images, 0.0) == (whole > 0).any(axis=1)).all()
    assert (ink_of(1 - images, 1.0) == ink_of(images, 0.0)).all()
    assert (ink_of(1 - images, "invert") == ink_of(images, "invert")).all()
    for mask in (0.0, 1.0, "mean"):
        assert not ink_of(np.full((1, 3, 2, 2), mask if mask != "mean" else 0.3, np.float32), mask).any()


def test_ink_of_digits_is_what_is_not_black():
    digits = load_dataset("mnist-5k").sample(500, seed=0)
    images = digits.pixels()
    assert (ink_of(images, 0.0) == (images > 0).any(axis=1)).all()


@pytest.mark.parametrize(("value", "mask"), [("zero", 0.0), ("mean", "mean"), ("invert", "invert"), (1, 1.0)])
def test_masks(value, mask):
    assert as_mask(value) == mask


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("black", "unknown mask: got 'black'; allowed: zero, mean, invert. A number from 0 to 1"),
        (1.5, "mask is out of range: got 1.5; allowed: a number from 0 to 1"),
        (float("nan"), "mask is out of range"),
        (True, "mask must be a number or a name: got True"),
        (None, "mask must be a number or a name: got None"),
    ],
)
def test_impossible_masks(value, message):
    with pytest.raises(ParameterError, match=message):
        as_mask(value)
