"""One-sided bounds: never beyond the exact ones, close to them, and the samples that a threshold needs."""

from __future__ import annotations

import math
import time
from fractions import Fraction

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_robustness.certificates import (
    clopper_pearson_lower,
    clopper_pearson_upper,
    l0_thresholds,
    samples_needed,
)
from pytest_robustness.certificates.binomial import _lower, check_draws, feasible_draws
from pytest_robustness.errors import ParameterError


@st.composite
def counts(draw, largest: int = 40) -> tuple[int, int]:
    """Draw successes and draws that belong together."""
    n = draw(st.integers(1, largest))
    return draw(st.integers(0, n)), n


def chance_of_so_many(successes: int, n: int, p: Fraction) -> Fraction:
    return sum(
        (math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(successes, n + 1)),
        start=Fraction(0),
    )


# beta.ppf(0.001, k, n - k + 1) of scipy, as in the code published by Cohen et al. (ICML 2019) and Lee et al.
@pytest.mark.parametrize(
    ("successes", "n", "lower"),
    [
        (100, 100, 0.9332543),
        (1000, 1000, 0.9931160),
        (10_000, 10_000, 0.99930946),
        (100_000, 100_000, 0.99993092),
        (99_990, 100_000, 0.99975868),
        (99_000, 100_000, 0.98898934),
        (90_000, 100_000, 0.89703650),
        (60_000, 100_000, 0.59520105),
        (50_500, 100_000, 0.50010895),
    ],
)
def test_published_bounds(successes, n, lower):
    assert clopper_pearson_lower(successes, n) == pytest.approx(lower, abs=6e-8)


@given(counts(), st.sampled_from([0.5, 0.9, 0.95, 0.999, Fraction(999_999, 1_000_000), "0.99999"]))
def test_never_beyond_the_exact_bound_and_next_to_it(seen, confidence):
    successes, n = seen
    tail = 1 - Fraction(str(confidence))
    low = clopper_pearson_lower(successes, n, confidence=confidence)
    high = clopper_pearson_upper(successes, n, confidence=confidence)
    if successes:
        assert chance_of_so_many(successes, n, Fraction(low)) <= tail
        assert low == successes / n or chance_of_so_many(successes, n, Fraction(low) * (1 + Fraction(1, 10**13))) > tail
    if successes < n:
        assert chance_of_so_many(n - successes, n, 1 - Fraction(high)) <= tail
        below = 1 - Fraction(high) + Fraction(1, 10**13)
        assert high == successes / n or chance_of_so_many(n - successes, n, below) > tail


@given(counts(200_000), st.floats(0.5, 0.99999))
def test_equal_to_scipy(seen, confidence):
    successes, n = seen
    low = clopper_pearson_lower(successes, n, confidence=confidence)
    high = clopper_pearson_upper(successes, n, confidence=confidence)
    exact_low = stats.beta.ppf(1 - confidence, successes, n - successes + 1) if successes else 0.0
    exact_high = stats.beta.ppf(confidence, successes + 1, n - successes) if successes < n else 1.0
    assert low == pytest.approx(exact_low, rel=1e-10)
    assert high == pytest.approx(exact_high, rel=1e-10)


@given(counts(3000))
def test_more_successes_show_more(seen):
    successes, n = seen
    lower = clopper_pearson_lower(successes, n)
    assert clopper_pearson_lower(successes + 1, n + 1) > lower
    assert clopper_pearson_lower(successes, n + 1) <= lower
    assert clopper_pearson_lower(successes, n, confidence=0.9999) <= lower <= successes / n


@pytest.mark.parametrize("factor", [1 + 2**-50, 1 + 1e-12, 1 + 1e-6, 1.5])
@pytest.mark.parametrize(("successes", "n"), [(3, 7), (30, 30), (29, 30), (1, 30)])
def test_sound_even_where_the_inverse_is_too_high(monkeypatch, factor, successes, n):
    true = scipy.special.betaincinv
    monkeypatch.setattr(scipy.special, "betaincinv", lambda a, b, y: factor * true(a, b, y))
    # Without what was computed before, with the inverse as it is.
    lower = _lower.__wrapped__(successes, n, Fraction(1, 1000))
    assert 0 < lower < 1
    assert chance_of_so_many(successes, n, Fraction(lower)) <= Fraction(1, 1000)


def test_edges_in_closed_form():
    assert clopper_pearson_lower(0, 10) == 0.0
    assert clopper_pearson_upper(10, 10) == 1.0
    # 0.001 as a float is above 1 / 1000, and 0.999 below 999 / 1000: the bounds are the floats beyond them.
    assert clopper_pearson_lower(1, 1) == math.nextafter(0.001, 0)
    assert clopper_pearson_upper(0, 1) == math.nextafter(0.999, 1)
    assert clopper_pearson_lower(10, 10, confidence=0.5) == pytest.approx(0.5**0.1, rel=1e-14)
    assert clopper_pearson_lower(10**12, 10**12) == pytest.approx(1 - math.log(1000) / 10**12, rel=1e-15)
    # A bound for a confidence below a half could be above what was seen, and is not.
    assert clopper_pearson_lower(5, 10, confidence=0.01) <= 0.5


def test_integers_of_numpy_give_builtin_floats():
    lower = clopper_pearson_lower(np.int64(999), np.int32(1000), confidence=np.float64(0.999))
    assert lower == clopper_pearson_lower(999, 1000)
    assert type(lower) is float
    assert type(clopper_pearson_upper(np.int64(999), np.int32(1000))) is float


def test_samples_that_the_thresholds_need():
    # ln 0.001 / ln(127 / 128) = 880.7
    thresholds = l0_thresholds(0.8, 5)
    assert [samples_needed(threshold) for threshold in thresholds] == [10, 52, 218, 881, 950, 2290]


@given(st.integers(0, 6), st.sampled_from([0.72, 0.8, 0.88, "9/10"]), st.sampled_from([0.9, 0.95, 0.999]))
def test_samples_needed_are_just_enough_for_the_bound(r, alpha, confidence):
    threshold = l0_thresholds(alpha, r)[r]
    n = samples_needed(threshold, confidence=confidence)
    assert Fraction(clopper_pearson_lower(n, n, confidence=confidence)) > threshold
    assert Fraction(clopper_pearson_lower(n - 1, n - 1, confidence=confidence)) <= threshold


@given(
    st.fractions(Fraction(1, 100), Fraction(99, 100), max_denominator=100),
    st.fractions(Fraction(1, 100), Fraction(99, 100), max_denominator=100),
)
def test_samples_needed_are_the_fewest(p, confidence):
    n = samples_needed(p, confidence=confidence)
    assert p**n < 1 - confidence <= p ** (n - 1)


def test_samples_needed_where_equality_is_not_enough():
    assert samples_needed(0.1) == 4
    assert samples_needed("1/2", confidence=0.75) == 3
    assert samples_needed("1/2", confidence=1 - Fraction(1, 2) ** 100) == 101


def test_samples_needed_next_to_1():
    # 1 - p = 1e-30: n = ln 1000 / 1e-30, but for parts of 1e-30 and less.
    n = samples_needed(1 - Fraction(1, 10**30))
    assert n == pytest.approx(math.log(1000) * 1e30, rel=1e-14)


# Largest r that draws without an error certify, for alpha = .72, .80, .88, .96.
@pytest.mark.parametrize(
    ("n", "radii"),
    [(1000, (7, 4, 2, 1)), (10_000, (12, 6, 3, 2)), (100_000, (17, 9, 4, 2)), (1_000_000, (22, 11, 6, 3))],
)
def test_largest_radius_of_draws_without_an_error(n, radii):
    lower = Fraction(clopper_pearson_lower(n, n))
    thresholds = [l0_thresholds(alpha, 25) for alpha in (0.72, 0.80, 0.88, 0.96)]
    assert tuple(sum(lower > value for value in row) - 1 for row in thresholds) == radii


@pytest.mark.parametrize(("r", "errors"), [(1, 12177), (2, 2955), (3, 696), (5, 248)])
def test_errors_allowed_among_100_000(r, errors):
    n, threshold = 100_000, l0_thresholds(0.8, r)[r]
    assert clopper_pearson_lower(n - errors, n) > threshold >= clopper_pearson_lower(n - errors - 1, n)


def test_quick():
    start = time.process_time()
    for k in range(50_500, 100_000, 5000):
        _lower.__wrapped__(k, 100_000, Fraction(1, 1000))
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize("bound", [clopper_pearson_lower, clopper_pearson_upper])
@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((1, 0), {}, "^n is out of range: got 0; allowed: a whole number of at least 1"),
        ((-1, 5), {}, "^successes is out of range: got -1"),
        ((1.5, 5), {}, "^successes is out of range: got 1.5"),
        ((6, 5), {}, "^there are more successes than draws: got 6; allowed: 0 to 5"),
        ((1, 5), {"confidence": 1}, "^confidence is out of range: got 1"),
        ((1, 5), {"confidence": 0.0}, "^confidence is out of range: got 0.0"),
        ((1, 5), {"confidence": "high"}, "^confidence is out of range: got 'high'"),
    ],
)
def test_impossible_parameters(bound, arguments, options, message):
    with pytest.raises(ParameterError, match=message):
        bound(*arguments, **options)


def test_no_more_draws_than_can_be_made():
    check_draws("noise_n", 10_000_000)
    with pytest.raises(ParameterError, match=r"noise_n is out of range: got 10000001; allowed: 1 to 10,000,000 draws"):
        check_draws("noise_n", 10_000_001)
    with pytest.raises(ParameterError, match="n0 is out of range: got 0"):
        check_draws("n0", 0)


def test_what_takes_too_many_draws_is_not_feasible():
    assert feasible_draws(Fraction(127, 128)) == 881
    assert feasible_draws(1 - Fraction(1, 10**6)) == samples_needed(1 - Fraction(1, 10**6))
    assert feasible_draws(1 - Fraction(1, 10**8)) is None
    assert feasible_draws(1.0) is None


@pytest.mark.parametrize(("p", "confidence", "name"), [(1, 0.9, "p"), (0, 0.9, "p"), (0.5, 1, "confidence")])
def test_impossible_shares_need_no_number_of_samples(p, confidence, name):
    with pytest.raises(ParameterError, match=f"^{name} is out of range"):
        samples_needed(p, confidence=confidence)
