"""Region cardinalities: counted one by one, summed, and put together to the published thresholds."""

from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.certificates import l0_thresholds, region_cardinality
from pytest_robustness.errors import ParameterError


@pytest.mark.parametrize(("dimension", "levels"), [(1, 1), (4, 1), (6, 1), (4, 2), (3, 3), (2, 9)])
def test_equal_to_counting(dimension, levels):
    for r in range(dimension + 1):
        second = [1] * r + [0] * (dimension - r)
        counts = Counter(
            (sum(value != 0 for value in z), sum(a != b for a, b in zip(z, second, strict=True)))
            for z in itertools.product(range(levels + 1), repeat=dimension)
        )
        for u, v in itertools.product(range(dimension + 1), repeat=2):
            assert region_cardinality(u, v, r, dimension=dimension, levels=levels) == counts[u, v]


@given(st.integers(1, 16), st.sampled_from([1, 2, 3, 255]), st.data())
def test_all_regions_are_all_images(dimension, levels, data):
    r = data.draw(st.integers(0, dimension))
    pairs = list(itertools.product(range(dimension + 1), repeat=2))
    counts = {(u, v): region_cardinality(u, v, r, dimension=dimension, levels=levels) for u, v in pairs}
    assert sum(counts.values()) == (levels + 1) ** dimension
    assert all(counts[u, v] == counts[v, u] for u, v in pairs)
    assert all(count == 0 for (u, v), count in counts.items() if abs(u - v) > r or u + v < r)


def threshold_from_regions(alpha: Fraction, r: int, dimension: int, levels: int, p: Fraction) -> Fraction:
    """Compute a threshold as the paper does, from the regions of all pixels, also of those that agree."""
    other = (1 - alpha) / levels
    unit = (alpha.denominator * other.denominator) ** dimension
    kept, changed = (value * alpha.denominator * other.denominator for value in (alpha, other))
    regions = []
    for u in range(dimension + 1):
        for v in range(max(0, u - r), min(dimension, u + r) + 1):
            if count := region_cardinality(u, v, r, dimension=dimension, levels=levels):
                here, there = (count * kept ** (dimension - far) * changed**far for far in (u, v))
                regions.append((v - u, here, there))
    regions.sort(reverse=alpha >= other)
    collected, left = Fraction(0), p * unit
    for _, here, there in regions:
        if there >= left:
            return (collected + here * left / there) / unit
        collected, left = collected + here, left - there
    raise ValueError("the regions do not sum to 1")


@pytest.mark.parametrize("levels", [1, 2, 255])
@pytest.mark.parametrize("dimension", [6, 13])
def test_thresholds_do_not_depend_on_the_dimension(dimension, levels):
    for alpha in (Fraction(4, 5), Fraction(1, 10), Fraction(1, levels + 1), Fraction(1, 500)):
        for p in (Fraction(1, 2), Fraction(1, 7)):
            expected = l0_thresholds(alpha, 6, levels=levels, p=p)
            found = [threshold_from_regions(alpha, r, dimension, levels, p) for r in range(7)]
            assert found == expected


def test_thresholds_of_mnist_from_its_784_pixels():
    assert threshold_from_regions(Fraction(4, 5), 3, 784, 1, Fraction(1, 2)) == Fraction(127, 128)


def test_integers_of_numpy_do_not_overflow():
    # Of 300 equal pixels 150 are changed, and one of the two others from each image.
    wide = region_cardinality(np.int8(101), np.int8(101), np.int8(2), dimension=np.int16(302), levels=np.uint8(255))
    assert wide == region_cardinality(101, 101, 2, dimension=302, levels=255) > 255**101


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"u": -1}, "^u is out of range: got -1; allowed: a whole number of at least 0"),
        ({"v": 6}, "^v is out of range: got 6; allowed: 0 to 5, the dimension"),
        ({"r": 6}, "^r is out of range: got 6"),
        ({"r": 1.5}, "^r is out of range: got 1.5"),
        ({"dimension": 0}, "^dimension is out of range: got 0"),
        ({"levels": 0}, "^levels is out of range: got 0"),
    ],
)
def test_impossible_parameters(wrong, message):
    with pytest.raises(ParameterError, match=message):
        region_cardinality(**{"u": 1, "v": 1, "r": 1, "dimension": 5, "levels": 2, **wrong})
