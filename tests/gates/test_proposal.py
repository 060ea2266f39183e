"""Bounds that a model meets: on the safe side, never empty, and seldom missed on other samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binom

from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations import FAMILIES, Measurement, Threshold, judge
from pytest_robustness.evaluations.thresholds import Settled
from pytest_robustness.gates.proposal import Ignorance, bound_for, propose
from pytest_robustness.metrics import binomial_interval

TEN = Ignorance(share=0.1, classes=10)
SETTLED = Settled(
    threshold=Threshold("accuracy", ">=", 0.5), decision="passed", reason="", value=0.9, low=0.6, high=0.99, n=100
)


def measurement(value: float = 0.9, low: float = 0.88, high: float = 0.92, **changes: Any) -> Measurement:
    given_values = {
        "family": "accuracy",
        "metric": "accuracy",
        "parameters": {},
        "value": value,
        "low": low,
        "high": high,
        "confidence": 0.95,
        "n": 1000,
        "population": 5000,
        "higher_is_better": True,
    }
    return Measurement(**(given_values | changes))


def share(wrong: int, n: int, **changes: Any) -> Measurement:
    low, high = binomial_interval(n - wrong, n)
    return measurement((n - wrong) / n, low, high, n=n, population=10 * n, **changes)


def test_a_bound_is_the_end_of_the_interval_less_twice_its_arm() -> None:
    # 0.88 - 2 * 0.02 = 0.84, which is on the grid of hundredths; half an arm is 0.01
    assert bound_for(measurement(high=0.91), ">=", ignorance=TEN) in (0.83, 0.84)
    assert bound_for(measurement(0.901, 0.881, 0.915), ">=", ignorance=TEN) == 0.84
    assert bound_for(measurement(0.9, 0.89, 0.93), ">=", ignorance=TEN, margin=0) == 0.89
    # half of the interval, 0.02, is more than the arm, 0.01
    assert bound_for(measurement(0.9, 0.8912, 0.9312), ">=", ignorance=TEN) == 0.85
    ece = measurement(0.02, 0.012, 0.0262, metric="ece", family="calibration", higher_is_better=False)
    assert bound_for(ece, "<=", ignorance=TEN) == 0.041  # 0.0262 + 2 * 0.0071 = 0.0404


def test_a_perfect_value_leaves_room() -> None:
    perfect = measurement(1.0, 1.0, 1.0, family="ood", metric="auroc", n=100)
    assert bound_for(perfect, ">=", ignorance=TEN) == 0.92  # 1 - 2 * 0.0362
    assert bound_for(share(0, 10_000), ">=", ignorance=TEN) == 0.9988


@given(
    st.sampled_from([(f, k) for f, family in FAMILIES.items() for k in family.thresholds]),
    st.tuples(st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 0.5)),
    st.integers(1, 10_000),
    st.floats(0, 5),
    st.floats(0, 0.2),
)
def test_what_was_measured_meets_its_bound_under_every_rule(
    place: tuple[str, str], found: tuple[float, float, float], n: int, margin: float, floor: float
) -> None:
    family, keyword = place
    value, below, above = found
    metric, op = FAMILIES[family].thresholds[keyword]
    high_good = op == ">="
    m = measurement(
        value, max(0.0, value - below), min(1.0, value + above), family=family, metric=metric, n=n,
        higher_is_better=high_good, noise_floor=0.0 if high_good else floor,
    )  # fmt: skip
    try:
        bound = bound_for(m, op, ignorance=TEN, margin=margin)
    except ParameterError:
        return
    threshold = Threshold(metric, op, bound, family=family)  # within what the metric can take
    assert {judge(m, threshold, rule=rule).decision for rule in ("point", "verify", "regress")} == {"passed"}
    assert bound <= m.low if high_good else bound >= m.high
    ignorant = TEN.reaches(family, metric, op)
    assert bound > ignorant if high_good else bound < ignorant
    assert round(bound, 4) == bound


@given(st.integers(0, 300), st.integers(300, 5000), st.floats(0, 3), st.floats(0, 3))
def test_a_larger_margin_is_never_stricter(wrong: int, n: int, one: float, other: float) -> None:
    assume(one < other)
    bounds = [bound_for(share(wrong, n), ">=", ignorance=Ignorance(share=-1), margin=m) for m in (one, other)]
    assert bounds[0] >= bounds[1]


@pytest.mark.parametrize(("n", "right", "most"), [(300, 0.8, 0.004), (300, 0.99, 0.012), (1000, 0.95, 0.006)])
def test_other_samples_seldom_miss_the_bound(n: int, right: float, most: float) -> None:
    """Add up, over what two samples of a model may yield, the chance that the second misses the bound of the first."""
    chance = binom.pmf(np.arange(n + 1), n, right)
    likely = np.flatnonzero(chance > 1e-7)
    lows = np.array([binomial_interval(int(count), n).low for count in likely])
    missed = failed = 0.0
    highs = np.array([binomial_interval(int(count), n).high for count in likely])
    for count in likely:
        bound = bound_for(share(n - int(count), n), ">=", ignorance=TEN)
        missed += chance[count] * chance[likely][lows < bound].sum()
        failed += chance[count] * chance[likely][highs < bound].sum()
    assert missed < most
    assert failed < 1e-5
    assert missed > 0  # it is a chance, not an impossibility


def test_without_a_margin_other_samples_miss_it_every_other_time() -> None:
    n, right = 300, 0.8
    chance = binom.pmf(np.arange(n + 1), n, right)
    lows = np.array([binomial_interval(count, n).low for count in range(n + 1)])
    bounds = np.floor(lows * 100) / 100
    missed = sum(chance[count] * chance[lows < bounds[count]].sum() for count in range(n + 1))
    assert 0.3 < missed < 0.5


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"value": 0.05, "low": 0.03, "high": 0.07}, "would ask for nothing, since a model that knows nothing has 0.1"),
        ({"value": 0.15, "low": 0.13, "high": 0.17}, "would ask for nothing"),
        ({"faults": ("gradients are hidden",)}, "cannot be relied on: gradients are hidden"),
        ({"doubts": ("few points",)}, "may only look good: few points"),
        ({"settled": SETTLED}, "only until another bound was settled"),
        ({"value": 0.9 - 1e-9, "low": 0.14, "high": 0.94, "n": 10**6}, "would ask for nothing"),
        ({"low": math.nan}, "no interval"),
        ({"value": math.nan}, "no interval"),
        (
            {"family": "ood", "metric": "auroc", "value": 0.55, "low": 0.52, "high": 0.58},
            "model that knows nothing has 0.5",
        ),
    ],
)
def test_what_no_bound_may_rest_on(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ParameterError, match=why):
        bound_for(measurement(**changes), ">=", ignorance=TEN)


@pytest.mark.parametrize(
    ("family", "metric", "value"),
    [("calibration", "brier", 0.85), ("calibration", "nll", 2.25), ("calibration", "ece", 0.88), ("ood", "fpr95", 0.9)],
)
def test_errors_of_a_model_that_knows_nothing(family: str, metric: str, value: float) -> None:
    m = measurement(value, value - 0.03, value + 0.03, family=family, metric=metric, higher_is_better=False)
    with pytest.raises(ParameterError, match="would ask for nothing"):
        bound_for(m, "<=", ignorance=TEN)


def test_an_error_is_not_held_to_less_than_chance_shows() -> None:
    m = measurement(0.004, 0.001, 0.005, family="calibration", metric="ece", noise_floor=0.0234, higher_is_better=False)
    bound = bound_for(m, "<=", ignorance=TEN)
    assert bound == 0.024
    assert judge(m, Threshold("ece", "<=", bound)).decision == "passed"


@pytest.mark.parametrize("margin", [-0.1, math.nan, math.inf])
def test_a_margin_is_a_number(margin: float) -> None:
    with pytest.raises(ParameterError, match="margin"):
        bound_for(measurement(), ">=", ignorance=TEN, margin=margin)


def test_one_bound_or_all() -> None:
    metrics = [
        measurement(family="corruption"),
        measurement(0.5, 0.45, 0.55, family="corruption", metric="worst"),
        measurement(family="corruption", metric="of no threshold"),
    ]
    keys = {"suite": "mnist-c-generated"}
    one = propose("corruption", keys, metrics, ignorance=TEN)
    assert one.table == {"family": "corruption", "suite": "mnist-c-generated", "min_accuracy": 0.83}
    assert one.origins == ("accuracy 0.9000, 95 % interval [0.8800, 0.9200], n = 1,000 of 5,000",)
    every = propose("corruption", keys, metrics, ignorance=TEN, every=True)
    assert list(every.bounds) == ["min_accuracy", "min_each"]
    assert every.left_out == ()


def test_a_bound_that_the_family_refuses_is_left_out() -> None:
    m = measurement(family="certified", metric="mean_radius", value=0.9)
    found = propose("certified", {"radius": 1, "alpha": 0.8}, [m], ignorance=TEN)
    assert not found.bounds
    assert "min_mean_radius needs several radii" in found.left_out[0]
