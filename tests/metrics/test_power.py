"""How many samples a bound needs: against the intervals themselves, and against counting all outcomes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics import binomial_interval
from pytest_robustness.metrics.power import deciding_counts, power_of, samples_for_power, value_for_power

SHARES = st.sampled_from([0.0, 0.01, 0.3, 0.5, 0.85, 0.99, 1.0]) | st.floats(0.001, 0.999)


@given(st.integers(1, 60), SHARES, st.sampled_from([0.5, 0.8, 0.95, 0.999]))
def test_the_counts_are_those_at_which_the_interval_leaves_the_bound(n, bound, confidence):
    intervals = [binomial_interval(k, n, confidence=confidence) for k in range(n + 1)]
    passing = [k for k, interval in enumerate(intervals) if interval.low >= bound]
    failing = [k for k, interval in enumerate(intervals) if interval.high < bound]
    found = deciding_counts(n, bound, confidence=confidence)
    assert found.passes == min(passing, default=n + 1)
    assert found.fails == max(failing, default=-1)


def brute_force(n: int, bound: float, value: float, population: int | None) -> float:
    """Add up the chances of all numbers of successes whose interval lies on the right side."""
    chances = stats.binom(n, value) if population is None else stats.hypergeom(population, round(value * population), n)
    good = 0.0
    for k in range(n + 1):
        low, high = binomial_interval(k, n, confidence=0.95)
        good += chances.pmf(k) if (low >= bound if value >= bound else high < bound) else 0.0
    return good


@pytest.mark.parametrize(("bound", "value"), [(0.85, 0.9), (0.85, 0.8), (0.5, 0.5), (0.1, 0.2), (0.97, 1.0)])
@pytest.mark.parametrize("population", [None, 400])
def test_the_power_is_exact(bound, value, population):
    for n in (1, 30, 150):
        expected = brute_force(n, bound, value, population)
        assert power_of(n, bound=bound, value=value, population=population) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("bound", "value", "population"), [(0.85, 0.9, None), (0.85, 0.9, 1000), (0.9, 0.8, None), (0.98, 1.0, None)]
)
def test_the_samples_are_the_fewest_from_which_on_the_power_stays(bound, value, population):
    needed = samples_for_power(bound=bound, value=value, population=population)
    assert needed is not None
    power = np.array([power_of(n, bound=bound, value=value, population=population) for n in range(1, needed + 60)])
    assert (power[needed - 1 :] >= 0.95).all()
    assert power[needed - 2] < 0.95


def test_figures_by_hand():
    # All of n correct reach 0.98 where 0.025 ** (1 / n) >= 0.98.
    assert samples_for_power(bound=0.98, value=1.0) == 183
    assert 0.025 ** (1 / 183) >= 0.98 > 0.025 ** (1 / 182)
    # About (z_975 + z_95)^2 p (1 - p) / d^2 samples by the normal distribution, and some more by the exact one.
    needed = samples_for_power(bound=0.85, value=0.86)
    assert needed is not None
    assert needed == pytest.approx((1.96 + 1.645) ** 2 * 0.85 * 0.15 / 0.01**2, rel=0.03)


def test_a_population_needs_fewer_and_at_its_end_all():
    alone = samples_for_power(bound=0.85, value=0.86)
    among = samples_for_power(bound=0.85, value=0.86, population=10_000)
    assert alone is not None
    assert among is not None
    assert among < 10_000 < alone
    assert samples_for_power(bound=0.85, value=0.8505, population=10_000) is None
    assert samples_for_power(bound=0.85, value=0.85) is None
    assert samples_for_power(bound=0.85, value=0.9, population=1) is None


@settings(max_examples=25)
@given(st.integers(20, 2000), st.floats(0.05, 0.95), st.floats(0.5, 0.99))
def test_the_value_that_is_needed_has_that_power(n, bound, power):
    value = value_for_power(n, bound=bound, power=power)
    if value is None:
        assert deciding_counts(n, bound).passes == n + 1
    else:
        assert value > bound
        assert power_of(n, bound=bound, value=value) == pytest.approx(power, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: samples_for_power(bound=85, value=0.9), "bound is out of range"),
        (lambda: samples_for_power(bound=0.85, value=-1), "value is out of range"),
        (lambda: samples_for_power(bound=0.85, value=0.9, power=1), "power is out of range"),
        (lambda: samples_for_power(bound=0.85, value=0.9, confidence=0), "confidence is out of range"),
        (lambda: samples_for_power(bound=0.85, value=0.9, population=0), "population must be an integer"),
        (lambda: power_of(20, bound=0.85, value=0.9, population=10), "more samples than there are"),
        (lambda: power_of(0, bound=0.85, value=0.9), "n must be an integer"),
        (lambda: value_for_power(10, bound=0.85, power=2), "power is out of range"),
        (lambda: deciding_counts(10, True), "bound is out of range"),
    ],
)
def test_parameters_out_of_range(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
