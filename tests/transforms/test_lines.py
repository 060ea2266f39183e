"""Lines against values computed by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from pytest_robustness.transforms.lines import dotted_line, zigzag, zigzag_segments


def black(height: int = 28, width: int = 28) -> np.ndarray:
    return np.zeros((1, height, width), np.uint8)


def test_a_level_dotted_line_by_hand():
    # Row floor(0.4 * 27) = 10 at both ends. Ink 1 + log(1 - d / 2.3): 1 at d = 0, 0.4296 at 1, below 0 from 1.45 on.
    drawn = dotted_line(black(), np.array([[0.4, 0.4]]))[0]
    on = [c for c in range(27) if c % 4 in (2, 3)]
    expected = np.zeros((28, 28), np.uint8)
    expected[10, on] = 255
    expected[[[9], [11]], on] = round(255 * (1 + math.log(1 - 1 / 2.3)))
    np.testing.assert_array_equal(drawn, expected)


def test_a_dotted_line_goes_from_one_row_to_the_other():
    drawn = dotted_line(black(), np.array([[0.0, 0.999]]))[0].astype(float)
    columns = np.flatnonzero(drawn.any(axis=0))
    centre = (drawn * np.arange(28)[:, None]).sum(axis=0)[columns] / drawn.sum(axis=0)[columns]
    np.testing.assert_allclose(centre, columns * 26 / 27, atol=0.5)


@pytest.mark.parametrize("rise", range(-5, 5))
def test_zigzags_have_seven_segments_two_to_either_side_of_their_line(rise):
    segments = zigzag_segments(10.0, rise)
    assert len(segments) == 7
    assert all(one[1] == two[0] for one, two in itertools.pairwise(segments))
    assert segments[0][0] == (2.0, 10.0)
    angle = math.atan(rise / 23)
    across = [math.cos(angle) * (y - 10) - math.sin(angle) * (x - 2) for _, (x, y) in segments]
    np.testing.assert_allclose(across[:-1], [2, -2, 2, -2, 2, -2], atol=1e-12)
    assert segments[-1][1][0] == pytest.approx(25, abs=0.2)


def test_a_level_zigzag_by_hand():
    drawn = zigzag(black(), np.array([[0.4, 0.55]]))[0]  # row 10, rise floor(5.5) - 5 = 0
    # Columns 2 to 4 go down from row 10 to 12, 4 to 8 up to row 8: whole rows at columns 2, 3, 5, 6, 7.
    assert [int(drawn[row, column]) for column, row in ((2, 10), (3, 11), (5, 11), (6, 10), (7, 9), (8, 8))] == [
        255
    ] * 6
    assert not drawn[:, :2].any()
    assert not drawn[:, 25:].any()
    assert not drawn[:6].any()
    assert not drawn[15:].any()


@pytest.mark.parametrize("draw", [dotted_line, zigzag])
def test_ink_is_added_and_white_stays_white(draw):
    numbers = np.random.default_rng(0).random((30, 2))
    ink = draw(np.zeros((30, 28, 28), np.uint8), numbers)
    images = np.random.default_rng(1).integers(0, 256, (30, 28, 28)).astype(np.uint8)
    expected = np.minimum(images.astype(int) + ink, 255)
    np.testing.assert_array_equal(draw(images, numbers), expected)
    colours = np.repeat(images[:, None], 3, axis=1)
    np.testing.assert_array_equal(draw(colours, numbers), np.repeat(expected[:, None], 3, axis=1))


@pytest.mark.parametrize("draw", [dotted_line, zigzag])
def test_a_larger_image_has_the_same_line_larger(draw):
    numbers = np.repeat(np.random.default_rng(0).random((40, 1)), 2, axis=1)
    small = draw(np.zeros((40, 28, 28), np.uint8), numbers).mean(axis=0)
    large = draw(np.zeros((40, 112, 112), np.uint8), numbers).reshape(40, 28, 4, 28, 4).mean(axis=(0, 2, 4))
    assert large.sum() == pytest.approx(small.sum(), rel=0.1)
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.8


@pytest.mark.parametrize("draw", [dotted_line, zigzag])
@pytest.mark.parametrize("size", [(8, 8), (9, 30), (30, 9)])
def test_lines_are_seen_on_small_images(draw, size):
    drawn = draw(np.zeros((200, *size), np.uint8), np.random.default_rng(0).random((200, 2)))
    assert (drawn.max(axis=(1, 2)) > 100).all()
