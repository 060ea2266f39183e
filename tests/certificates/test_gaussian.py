"""The L2 radius: published values, and never above the exact one."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_robustness.certificates import clopper_pearson_lower, l2_radius
from pytest_robustness.errors import ParameterError

PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")


def normal_cdf(x: Decimal) -> Decimal:
    """Sum the series 1/2 + phi(x) (x + x^3 / 3 + x^5 / (3 5) + ..), to 50 digits for 0 <= x < 9."""
    with localcontext() as context:
        context.prec = 60
        term, total, k = x, Decimal(0), 1
        while term > Decimal(10) ** -55:
            total += term
            k += 2
            term *= x * x / k
        return Decimal("0.5") + total * (-x * x / 2).exp() / (2 * PI).sqrt()


def test_published_radii():
    assert l2_radius(0.98, 1) == pytest.approx(2.05375, abs=1e-5)
    assert l2_radius(0.99, 0.25) == pytest.approx(0.581587, abs=1e-6)


@pytest.mark.parametrize(("n", "radius"), [(1000, 0.615816), (10_000, 0.799644), (100_000, 0.952864)])
def test_published_radii_of_draws_without_an_error(n, radius):
    assert l2_radius(clopper_pearson_lower(n, n), 0.25) == pytest.approx(radius, abs=1e-6)


def test_the_series_of_this_test():
    assert normal_cdf(Decimal(0)) == Decimal("0.5")
    assert float(normal_cdf(Decimal(2))) == pytest.approx(stats.norm.cdf(2), abs=1e-15)


NEXT_TO_A_HALF = st.integers(1, 2**20).map(lambda steps: 0.5 + steps * 2.0**-53)
NEXT_TO_1 = st.integers(1, 2**20).map(lambda steps: 1 - steps * 2.0**-53)


@given(st.floats(0.5, 1, exclude_min=True, exclude_max=True) | NEXT_TO_A_HALF | NEXT_TO_1, st.floats(1e-3, 100))
def test_never_above_the_exact_radius_and_next_to_it(p_lower, sigma):
    with localcontext() as context:
        context.prec = 60
        quantile = Decimal(l2_radius(p_lower, sigma)) / Decimal(sigma)
        assert normal_cdf(quantile) <= Decimal(p_lower) <= normal_cdf(quantile * (1 + Decimal("1e-12")))


def test_no_majority_no_radius():
    assert [l2_radius(p, 1.0) for p in (0, 0.0, 0.3, 0.5)] == [0.0] * 4
    assert l2_radius(math.nextafter(0.5, 1), 1.0) > 0
    # Too small for any other float.
    assert l2_radius(math.nextafter(0.5, 1), 5e-324) == 0.0


def test_scalars_of_numpy_give_builtin_floats():
    assert l2_radius(np.float64(0.99), np.int64(2)) == l2_radius(0.99, 2)
    assert type(l2_radius(np.float32(0.75), np.float32(0.25))) is float


@pytest.mark.parametrize("p_lower", [1, 1.0, -0.1, math.nan, True, "0.9", None])
def test_impossible_probabilities(p_lower):
    with pytest.raises(
        ParameterError, match=r"^p_lower is out of range: got .*; allowed: 0 or more, less than 1. No num"
    ):
        l2_radius(p_lower, 0.25)


@pytest.mark.parametrize("sigma", [0, -1, math.inf, math.nan, "0.25"])
def test_impossible_deviations(sigma):
    with pytest.raises(
        ParameterError, match=r"^sigma is out of range: got .*; allowed: a finite number greater than 0"
    ):
        l2_radius(0.9, sigma)
