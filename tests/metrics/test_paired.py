"""Changes of accuracies on the same images: the exact test, an interval that agrees with it, and its coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics import (
    Interval,
    binomial_interval,
    clustered_interval,
    mcnemar,
    mean_change_interval,
    paired_interval,
    unpaired_interval,
)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_exact_test_is_the_binomial_test(lost, won):
    test = mcnemar(lost, won)
    changed = lost + won
    expected = stats.binomtest(lost, changed, 0.5).pvalue if changed else 1.0
    assert test.p == pytest.approx(min(1.0, expected), abs=1e-12)
    greater = stats.binomtest(lost, changed, 0.5, alternative="greater").pvalue if changed else 1.0
    assert test.lost == pytest.approx(greater, abs=1e-12)


@pytest.mark.parametrize("n", [80, 1000])
@given(lost=st.integers(0, 40), won=st.integers(0, 40))
def test_the_interval_agrees_with_the_test_and_mirrors(n, lost, won):
    low, high = paired_interval(lost, won, n)
    assert -1 <= low <= (won - lost) / n <= high <= 1
    test = mcnemar(lost, won)
    # It reaches beyond 0, or to it, unless the test says otherwise.
    shown = test.p <= 0.05
    assert low >= 0 if shown and won > lost else low <= 0
    assert high <= 0 if shown and lost > won else high >= 0
    assert tuple(paired_interval(won, lost, n)) == pytest.approx((-high, -low), abs=1e-9)


@pytest.mark.parametrize(
    ("n", "lose", "win"),
    [(50, 0.1, 0.1), (50, 0.2, 0.05), (200, 0.02, 0.02), (200, 0.05, 0.01), (1000, 0.005, 0.005)],
)
def test_each_end_is_wrong_at_most_as_often_as_it_may_be(n, lose, win):
    # Summed exactly over what can be seen: how likely is an end beyond the true change?
    change, wrong, total = win - lose, [0.0, 0.0], 0.0
    ends = [stats.binom.ppf([1e-3, 1 - 1e-3], n, share).astype(int).tolist() for share in (lose, win)]
    lost_range, won_range = (range(low, high + 1) for low, high in ends)
    for lost in lost_range:
        for won in won_range:
            weight = stats.multinomial.pmf([lost, won, n - lost - won], n, [lose, win, 1 - lose - win])
            if weight > 1e-5:
                low, high = paired_interval(lost, won, n, confidence=0.9)
                # An end at 0 itself excludes it where the test does.
                shown = mcnemar(lost, won).p <= 0.1 if change == 0 else False
                wrong[0] += weight * (low > change or (shown and won > lost))
                wrong[1] += weight * (high < change or (shown and lost > won))
                total += weight
    assert total > 0.99
    assert 0.015 < max(wrong) <= 0.05


def test_an_interval_is_not_wider_than_needed():
    # Newcombe 1998, Statistics in Medicine 17, 2635-2650: no exact interval can be much narrower than the normal one.
    lost, won, n = 60, 40, 10_000
    low, high = paired_interval(lost, won, n)
    normal = 1.96 * math.sqrt(lost + won - (lost - won) ** 2 / n) / n
    assert (high - low) / 2 <= 1.15 * normal


def test_nothing_changed():
    low, high = paired_interval(0, 0, 1000)
    assert low == -high
    assert high < 0.01  # what a margin of one point wants to see


@pytest.mark.parametrize("counts", [(-1, 0, 5), (1.5, 0, 5), (3, 3, 5), (0, 0, 0), (True, 0, 5)])
def test_what_is_no_count_is_refused(counts):
    with pytest.raises(ParameterError):
        paired_interval(*counts)


def test_means_are_paired_by_image():
    rng = np.random.default_rng(0)
    before = rng.integers(0, 16, 500) / 15
    after = np.clip(before - 1 / 15 * (rng.random(500) < 0.3), 0, 1)
    low, high = mean_change_interval(before, after)
    change = float((after - before).mean())
    assert low < change < high < 0
    old, new = clustered_interval(before), clustered_interval(after)
    wide = unpaired_interval((before.mean(), old), (after.mean(), new))
    assert wide.low < 0 < wide.high
    assert (high - low) < (wide.high - wide.low) / 3


@pytest.mark.parametrize(
    ("n", "changes"),
    [
        (100, {-1: 0.02}),  # lost under all corruptions
        (300, {-1: 0.02}),
        (1000, {-1: 0.003}),
        (1000, {-1: 0.003, -1 / 15: 0.1}),
        (300, {-1 / 15: 0.2, 1 / 15: 0.2}),
    ],
)
def test_means_of_rare_changes_are_covered(n, changes):
    # By the spread that is seen, the drop is above its bound in 13.5 % of the runs of the first line.
    values, chances = [0.0, *changes], [1 - sum(changes.values()), *changes.values()]
    rng, runs, true = np.random.default_rng(0), 150, float(np.dot(values, chances))
    ends = [mean_change_interval(np.maximum(-d, 0), np.maximum(d, 0)) for d in rng.choice(values, (runs, n), p=chances)]
    for wrong in (sum(low > true for low, _ in ends), sum(high < true for _, high in ends)):
        assert stats.binom.sf(wrong - 1, runs, 0.025) > 1e-3


def test_means_where_nothing_changed_say_no_more_than_the_exact_interval():
    # It bets on many drops at once, which costs a little; by the spread that is seen it would be half as wide.
    for n in (100, 1000):
        exact, mean = paired_interval(0, 0, n), mean_change_interval(np.full(n, 0.5), np.full(n, 0.5))
        assert exact.high < mean.high < 1.3 * exact.high
        assert mean.low == pytest.approx(-mean.high)


def test_of_zeros_and_ones_the_means_are_less_sure_than_the_exact_interval():
    before, after = np.zeros(1000), np.zeros(1000)
    before[:60], after[50:60] = 1, 1
    exact, mean = paired_interval(50, 0, 1000), mean_change_interval(before, after)
    assert mean.low < exact.low < exact.high < mean.high < 0
    assert mean.high - mean.low < 1.8 * (exact.high - exact.low)


@pytest.mark.parametrize(("before", "after"), [([0.5], [0.5, 0.5]), ([], []), ([2.5], [0.5]), ([math.nan], [0.5])])
def test_means_that_cannot_be_paired(before, after):
    with pytest.raises(ParameterError):
        mean_change_interval(before, after)


def test_the_unpaired_interval_is_that_of_newcombe():
    # Newcombe 1998, Statistics in Medicine 17, 873-890, table II, contrast (a): 56/70 - 48/80, method 10 (Wilson).
    old, new = Interval(0.4905, 0.7000), Interval(0.6917, 0.8769)
    low, high = unpaired_interval((48 / 80, old), (56 / 70, new))
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=2e-3)


def test_the_unpaired_interval_needs_both():
    known = 0.9, binomial_interval(90, 100)
    assert all(map(math.isnan, unpaired_interval((0.5, Interval(math.nan, math.nan)), known)))
