"""Drops are judged by the same images before and after."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.evaluations.sensitivity.drop import largest_drop, paired_difference
from pytest_robustness.metrics import binomial_interval


@pytest.mark.parametrize("confidence", [0.95, 0.9995])
@pytest.mark.parametrize("shares", [(0.01, 0.01), (0.05, 0.0), (0.1, 0.1), (0.3, 0.05), (0.9, 0.0), (0.45, 0.45)])
@pytest.mark.parametrize("n", [50, 1000])
def test_the_interval_holds_the_true_drop_as_often_as_stated(n, shares, confidence):
    lost, won = shares
    trials = 20_000
    drawn = np.random.default_rng(0).multinomial(n, [lost, won, 1 - lost - won], size=trials)
    pairs, counts = np.unique(drawn[:, :2], axis=0, return_counts=True)
    ends = [paired_difference(int(a), int(b), n, confidence=confidence) for a, b in pairs]
    too_high = sum(k for k, end in zip(counts, ends, strict=True) if end.low > lost - won)
    too_low = sum(k for k, end in zip(counts, ends, strict=True) if end.high < lost - won)
    # Each end misses half of the error: a little more by its approximation, and by chance of these trials.
    tail = trials * (1 - confidence) / 2
    assert max(too_high, too_low) <= 1.15 * tail + 4 * np.sqrt(tail)


@given(st.integers(1, 60), st.data())
def test_it_moves_with_the_counts(n, data):
    lost = data.draw(st.integers(0, n))
    won = data.draw(st.integers(0, n - lost))
    found = paired_difference(lost, won, n, confidence=0.95)
    assert found.value == pytest.approx((lost - won) / n)
    assert -1 <= found.low <= found.value <= found.high <= 1
    mirrored = paired_difference(won, lost, n, confidence=0.95)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))
    if lost + won < n:
        more = paired_difference(lost + 1, won, n, confidence=0.95)
        assert more.low >= found.low - 1e-12
        assert more.high >= found.high - 1e-12


def test_what_is_lost_alone_has_its_own_exact_interval():
    # Nobody wins: upwards the drop is off by as much as the share of the lost is, downwards by what might be won, too.
    found, (low, high) = paired_difference(30, 0, 200, confidence=0.95), binomial_interval(30, 200)
    won = binomial_interval(0, 200).high
    assert found.high == pytest.approx(high)
    assert found.low == pytest.approx(0.15 - np.hypot(0.15 - low, won))


def test_the_unchanged_images_are_a_sample_as_well():
    """At the edge, the clean accuracy of the sample is off by as much as that of a point: both count, in pairs."""
    rng, bound, wrong = np.random.default_rng(1), 0.2, 0
    for _ in range(400):
        # Images that are right before: 9 of 10; of these one in 4.5 is lost: the drop is 0.2 in truth.
        before, after = rng.random(300) < 0.9, rng.random((4, 300)) < 1 - 1 / 4.5
        wrong += largest_drop(before, before & after, confidence=0.9).high < bound
    assert wrong <= 30


def test_pairs_are_sharper_than_what_is_known_of_each():
    # 950 of 1,000 before, 940 after: 12 lost, 2 won. Neither accuracy is known to 0.01, the drop is.
    found = paired_difference(12, 2, 1000, confidence=0.95)
    assert 0 < found.low < 0.01 < found.high < 0.02
    before, after = (binomial_interval(k, 1000) for k in (950, 940))
    assert before.low - after.high < 0


def test_the_largest_of_several_allows_for_the_search():
    before = np.arange(200) < 180
    correct = np.stack([before, np.arange(200) < 150, np.arange(200) < 160])
    one, many = (largest_drop(before, some, confidence=0.95) for some in (correct[1:2], correct))
    assert one.value == many.value == 0.15
    assert many.low < one.low
    assert one.high < many.high
    assert many == paired_difference(30, 0, 200, confidence=1 - 0.05 / 3)
