"""Exact thresholds: the published ones, all noisy images of small dimensions, all classifiers of three pixels."""

from __future__ import annotations

import itertools
import math
import time
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_robustness.certificates import l0_thresholds
from pytest_robustness.certificates.thresholds import exact_share, least_share
from pytest_robustness.errors import ParameterError

# From the files thresholds/mnist/* and thresholds/imagenet/* that Lee et al. published with their paper, r: threshold.
MNIST_80 = """
    0.50000000000000000001 0.87500000000000000001 0.96875000000000000001 0.99218750000000000001 0.99275000000000000001
    0.99698750000000000001 0.99900687500000000001 0.99970371875000000001 0.99991632968750000001 0.99991875875000000001
    0.99996548168750000001 0.99998822162187500001 0.99999636420546875001 0.99999894052336718751 0.99999895943106875001
    0.99999955394032718751 0.99999984569826579688 0.99999995166789444922 0.99999998571004881231 0.99999998589341508922
    0.99999999392417376591
"""
MNIST_72 = {
    1: "0.80555555555555555556",
    2: "0.92438271604938271605",
    3: "0.92875555555555555556",
    4: "0.95887871604938271605",
    5: "0.98025215846364883402",
    20: "0.99998014689361941233",
}
MNIST_96 = {
    1: "0.97916666666666666667",
    2: "0.99913194444444444445",
    3: "0.99996383101851851852",
    4: "0.99999849295910493828",
    5: "0.99999993720662937243",
    14: "0.99999999999999999998",
    15: "1.0",
}
IMAGENET_10 = {
    1: "0.59647058823529411765",
    2: "0.68295363321799307959",
    3: "0.76055123631182576837",
    4: "0.83023729891356664791",
    5: "0.89287305667932925640",
    6: "0.94922067338412486925",
    7: "0.98739814896523242496",
}
PUBLISHED = [
    *((0.8, 1, r, text) for r, text in enumerate(MNIST_80.split())),
    *((0.72, 1, r, text) for r, text in MNIST_72.items()),
    *((0.96, 1, r, text) for r, text in MNIST_96.items()),
    *((0.1, 255, r, text) for r, text in IMAGENET_10.items()),
]

PROBABILITIES = st.fractions(Fraction(1, 50), Fraction(49, 50), max_denominator=60)


@pytest.mark.parametrize(("alpha", "levels", "r", "text"), PUBLISHED)
def test_published_thresholds_are_the_exact_ones_rounded_up(alpha, levels, r, text):
    over = Fraction(text) - l0_thresholds(alpha, r, levels=levels)[r]
    assert 0 <= over <= Fraction(1, 10**20)


def test_exact_values():
    values = [Fraction(1, 2), Fraction(7, 8), Fraction(31, 32), Fraction(127, 128), Fraction(3971, 4000)]
    assert l0_thresholds(0.8, 5) == [*values, Fraction(79759, 80000)]


def test_one_pixel_by_hand():
    # p is less than the mass alpha that agrees with x': all that agrees with x (beta of x'), then a part of the rest.
    alpha, p = Fraction(4, 5), Fraction(1, 2)
    assert l0_thresholds(alpha, 1)[1] == alpha + (p - (1 - alpha)) * (1 - alpha) / alpha
    # p is below beta: only a part of what agrees with x.
    assert l0_thresholds(alpha, 1, p=Fraction(1, 10))[1] == Fraction(1, 10) * 4


def brute_force(alpha: Fraction, r: int, levels: int, p: Fraction, extra: int) -> Fraction:
    """Sort every noisy image of r + extra pixels by its likelihood ratio, and collect until x' has the mass p."""
    other = (1 - alpha) / levels
    masses = []
    for z in itertools.product(range(levels + 1), repeat=r + extra):
        # x is 0 everywhere, x' is 1 in its first r pixels.
        here = math.prod(alpha if value == 0 else other for value in z)
        there = math.prod(alpha if value == (place < r) else other for place, value in enumerate(z))
        masses.append((here, there))
    masses.sort(key=lambda pair: pair[0] / pair[1], reverse=True)
    collected, left = Fraction(0), p
    for here, there in masses:
        if there >= left:
            return collected + here * left / there
        collected, left = collected + here, left - there
    raise ValueError("the masses do not sum to 1")


CASES = [(r, levels, extra) for r in range(6) for levels in (1, 2, 3) for extra in (0, 1) if (levels + 1) ** r <= 300]


@pytest.mark.parametrize(("r", "levels", "extra"), CASES)
def test_equal_to_all_noisy_images_sorted(r, levels, extra):
    uniform = Fraction(1, levels + 1)
    # The rest: below, at and above alpha = beta; the p are at, next to and away from the ends of the regions.
    for alpha in (Fraction(4, 5), Fraction(205, 256), Fraction(1, 10), uniform, Fraction(3, 7)):
        for p in (Fraction(1, 2), Fraction(1, 5), Fraction(9, 10), Fraction(1, 1000)):
            assert l0_thresholds(alpha, r, levels=levels, p=p)[r] == brute_force(alpha, r, levels, p, extra)


@given(PROBABILITIES, st.integers(0, 3), st.integers(1, 3), PROBABILITIES)
@settings(max_examples=80)
def test_equal_to_all_noisy_images_sorted_for_any_probability(alpha, r, levels, p):
    assert l0_thresholds(alpha, r, levels=levels, p=p)[r] == brute_force(alpha, r, levels, p, 0)


@pytest.mark.parametrize("alpha", [Fraction(4, 5), Fraction(3, 10), Fraction(1, 2)])
@pytest.mark.parametrize("p", [Fraction(1, 2), Fraction(1, 5)])
def test_none_of_all_classifiers_of_three_pixels_is_certified_wrongly(alpha, p):
    images = list(itertools.product((0, 1), repeat=3))
    thresholds = l0_thresholds(alpha, 3, p=p)
    certified = 0
    for changed in images:
        r = sum(changed)
        here = [math.prod(alpha if v == 0 else 1 - alpha for v in z) for z in images]
        there = [math.prod(alpha if v == c else 1 - alpha for v, c in zip(z, changed, strict=True)) for z in images]
        for taken in itertools.product((0, 1), repeat=8):
            if sum(itertools.compress(here, taken)) > thresholds[r]:
                assert sum(itertools.compress(there, taken)) > p
                certified += 1
    assert certified > 8


@given(PROBABILITIES, st.integers(1, 300), PROBABILITIES)
def test_never_falling_in_the_radius(alpha, levels, p):
    thresholds = l0_thresholds(alpha, 12, levels=levels, p=p)
    assert thresholds[0] == p
    assert thresholds == sorted(thresholds)
    assert thresholds[-1] <= 1


@given(PROBABILITIES, PROBABILITIES, st.integers(1, 20), PROBABILITIES)
def test_the_least_where_all_values_are_alike_likely_and_never_falling_away_from_there(one, two, levels, p):
    # Less noise tells x and x' apart better. alpha = 1 / (K + 1) is all noise; below it, pixels tell by changing.
    uniform = Fraction(1, levels + 1)
    near, far = sorted((one, two), key=lambda alpha: abs(alpha - uniform))
    assert l0_thresholds(uniform, 6, levels=levels, p=p) == [p] * 7
    if (near - uniform) * (far - uniform) > 0:
        pairs = zip(*(l0_thresholds(alpha, 6, levels=levels, p=p) for alpha in (near, far)), strict=True)
        assert all(low <= high for low, high in pairs)


@given(PROBABILITIES, PROBABILITIES)
def test_binary_pixels_that_rather_change_tell_as_much(alpha, p):
    assert l0_thresholds(alpha, 8, p=p) == l0_thresholds(1 - alpha, 8, p=p)


@given(PROBABILITIES, PROBABILITIES, st.integers(1, 5))
def test_what_is_left_to_the_others_needs_what_is_left(alpha, p, levels):
    # With x and x' in each other's place the same regions are collected from the other end.
    for r, threshold in enumerate(l0_thresholds(alpha, 5, levels=levels, p=p)):
        assert l0_thresholds(alpha, 5, levels=levels, p=1 - threshold)[r] == 1 - p


def test_a_share_may_be_written_in_many_ways():
    expected = l0_thresholds(Fraction(4, 5), 3)
    spelled = (0.8, "0.8", "4/5", " 8e-1 ", Decimal("0.8"), np.float32(0.8), np.float64(0.8))
    assert all(l0_thresholds(alpha, 3) == expected for alpha in spelled)
    assert l0_thresholds(0.8, np.int64(3), levels=np.uint8(255)) == l0_thresholds("4/5", 3, levels=255)
    assert l0_thresholds(205 / 256, 1)[1] == l0_thresholds("205/256", 1)[1]
    assert round(float(l0_thresholds("205/256", 4)[4]), 7) == 0.9929290
    assert {type(value) for value in l0_thresholds(0.8, 3)} == {Fraction}


def test_the_ends_are_shares_where_they_are_let_in():
    assert [exact_share(value, "share", ends=True) for value in (0, 1, 0.0, "1")] == [0, 1, 0, 1]
    assert exact_share(1e-320, "share") == Fraction(repr(1e-320))


WRONG = (0, 1, 1.5, -0.1, math.nan, math.inf, "nan", "a half", "1/0", "", None, True, 1j, [0.8], "1e999999999", "4/5/6")


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("name", ["alpha", "p"])
def test_impossible_shares(name, value):
    with pytest.raises(ParameterError, match=rf"^{name} is out of range: got .*; allowed: a number between 0 and 1"):
        l0_thresholds(**{"alpha": 0.8, "radius": 1, name: value})


def test_an_exponent_is_not_written_out():
    start = time.process_time()
    for text in ("1e-999999999", "1e999999999", "0e999999999"):
        with pytest.raises(ParameterError, match="alpha is out of range"):
            l0_thresholds(text, 1)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(("name", "value"), [("radius", -1), ("radius", 1.0), ("levels", 0), ("levels", 2.5)])
def test_impossible_numbers(name, value):
    with pytest.raises(ParameterError, match=f"^{name} is out of range: got .*; allowed: a whole number of at least"):
        l0_thresholds(**{"alpha": 0.8, "radius": 1, name: value})


def test_least_share_splits_a_region_at_p():
    assert least_share([6, 3, 1], [1, 3, 6], Fraction(1, 10)) == Fraction(6, 10)
    assert least_share([6, 3, 1], [1, 3, 6], Fraction(2, 10)) == Fraction(7, 10)
    assert least_share([6, 3, 1], [1, 3, 6], Fraction(7, 10)) == Fraction(19, 20)
    # The first region is out of reach from the other image: all its mass is needed, and tells nothing there.
    assert least_share([5, 5], [0, 10], Fraction(1, 2)) == Fraction(3, 4)


def test_quick():
    def seconds(radius: int) -> float:
        spent = []
        for _ in range(5):
            start = time.process_time()
            l0_thresholds(0.8, radius, levels=255)
            spent.append(time.process_time() - start)
        return min(spent)

    assert seconds(20) < 0.005
    assert seconds(100) < 0.1
