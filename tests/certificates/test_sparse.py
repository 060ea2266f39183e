"""Thresholds of sparse noise: all noisy images of small dimensions, the discrete noise as a special case."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_robustness.certificates import l0_thresholds, sparse_thresholds
from pytest_robustness.errors import ParameterError

PROBABILITIES = st.fractions(Fraction(1, 40), Fraction(39, 40), max_denominator=50)


def brute_force(plus: Fraction, minus: Fraction, added: int, deleted: int, p: Fraction) -> Fraction:
    """Sort every noisy image by its likelihood ratio, and collect until x' has the mass p."""
    first = [0] * added + [1] * deleted + [0, 1]
    second = [1] * added + [0] * deleted + [0, 1]
    # (value before, value after) -> probability
    chances = {(0, 1): plus, (0, 0): 1 - plus, (1, 0): minus, (1, 1): 1 - minus}
    masses = []
    for z in itertools.product((0, 1), repeat=len(first)):
        here, there = (math.prod(chances[pair] for pair in zip(x, z, strict=True)) for x in (first, second))
        if here or there:
            masses.append((math.inf if there == 0 else here / there, here, there))
    collected, left = Fraction(0), p
    for _, here, there in sorted(masses, reverse=True):
        if there >= left:
            return collected + here * left / there
        collected, left = collected + here, left - there
    raise ValueError("the masses do not sum to 1")


@given(PROBABILITIES, PROBABILITIES, PROBABILITIES)
@settings(max_examples=25)
def test_equal_to_all_noisy_images_sorted(plus, minus, p):
    table = sparse_thresholds(plus, minus, 3, 2, p=p)
    expected = [[brute_force(plus, minus, a, d, p) for d in range(3)] for a in range(4)]
    assert table == expected


@pytest.mark.parametrize(
    ("plus", "minus"), [("0", "0.6"), ("0.2", "0"), ("0", "0"), ("1", "0.3"), ("0", "1"), ("1", "1")]
)
def test_equal_to_all_noisy_images_sorted_where_some_are_impossible(plus, minus):
    table = sparse_thresholds(plus, minus, 2, 2)
    half = Fraction(1, 2)
    assert table == [[brute_force(Fraction(plus), Fraction(minus), a, d, half) for d in range(3)] for a in range(3)]


@given(PROBABILITIES, PROBABILITIES)
def test_equal_to_the_discrete_noise_where_both_are_alike(flip, p):
    thresholds = l0_thresholds(1 - flip, 9, p=p)
    assert sparse_thresholds(flip, flip, 5, 4, p=p) == [[thresholds[a + d] for d in range(5)] for a in range(6)]


@given(PROBABILITIES, PROBABILITIES, PROBABILITIES)
def test_values_0_and_1_may_change_their_names(plus, minus, p):
    table, mirrored = sparse_thresholds(plus, minus, 4, 3, p=p), sparse_thresholds(minus, plus, 3, 4, p=p)
    assert [list(column) for column in zip(*mirrored, strict=True)] == table


@given(PROBABILITIES, PROBABILITIES, PROBABILITIES)
def test_never_falling_along_either_axis(plus, minus, p):
    table = sparse_thresholds(plus, minus, 5, 5, p=p)
    assert table[0][0] == p
    for rows in (table, list(zip(*table, strict=True))):
        assert all(list(row) == sorted(row) for row in rows)
    assert table[5][5] <= 1


def test_noise_without_memory_certifies_everything_and_no_noise_nothing():
    assert sparse_thresholds("0.3", "0.7", 3, 3) == [[Fraction(1, 2)] * 4] * 4
    nothing = sparse_thresholds(0, 0, 1, 1)
    assert nothing == [[Fraction(1, 2), 1], [1, 1]]


def test_one_pixel_by_hand():
    # Noise that mostly deletes, as for sparse graphs. A pixel deleted: collect all 1 (4/10 from x, 1/100 from x'), then
    # a part of 0 (6/10, 99/100). A pixel added: collect a part of 0 (99/100 from x, 6/10 from x').
    table = sparse_thresholds("0.01", "0.6", 1, 1)
    assert table[0][1] == Fraction(4, 10) + Fraction(49, 100) * Fraction(60, 99)
    assert table[1][0] == Fraction(1, 2) * Fraction(99, 60)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"p_plus": -0.1}, "^p_plus is out of range: got -0.1; allowed: a number from 0 to 1"),
        ({"p_minus": "1.1"}, "^p_minus is out of range"),
        ({"added": -1}, "^added is out of range"),
        ({"deleted": 0.5}, "^deleted is out of range"),
        ({"p": 1}, "^p is out of range"),
    ],
)
def test_impossible_parameters(wrong, message):
    with pytest.raises(ParameterError, match=message):
        sparse_thresholds(**{"p_plus": 0.1, "p_minus": 0.2, "added": 1, "deleted": 1, **wrong})
