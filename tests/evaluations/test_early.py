from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.evaluations import Block, EarlyStop, Threshold
from pytest_robustness.evaluations.adversarial.course import Course
from pytest_robustness.evaluations.early import SLICE

BOUND = Threshold("accuracy", ">=", 0.85)


def follow(stop, fell, stages, population=None):
    """Walk samples with known fates through the stages until the verdict is settled or all is done."""
    parts = [str(stage) for stage in range(stages)]
    entries, looks = [], 0
    while True:
        course = Course.of(len(fell), parts, entries)
        settled = stop.settled(course, population or len(fell))
        ahead = None if settled else stop.next_rows(course)
        if ahead is None:
            return settled, course, looks
        stage, rows = ahead
        assert len(rows) <= SLICE
        entries.append(
            (Block(int(rows[0]), int(rows[-1]) + 1, parts[stage], rows=tuple(rows.tolist())), fell[rows] == stage)
        )
        looks += len(rows)


@given(share=st.floats(0, 1), seed=st.integers(0, 99), n=st.integers(1, 700), rule=st.sampled_from(["point", "verify"]))
def test_what_is_certain_is_the_verdict_on_all(share, seed, n, rule):
    random = np.random.default_rng(seed)
    fell = np.where(random.random(n) < share, 3, random.integers(0, 3, n))
    stop = EarlyStop(threshold=BOUND, rule=rule)
    settled, course, _ = follow(stop, fell, 3)
    final = stop._judged(int((fell == 3).sum()), n, n)
    if settled is None:
        assert course.over.all()
    else:
        assert settled.decision == final
        assert not course.over.all()
        assert settled.low <= settled.value <= settled.high


def test_failing_is_certain_before_the_dear_stages():
    # 150 of 1,000 may fall; the first stage after the clean images fells four of five.
    fell = np.where(np.arange(1000) % 5 < 4, 1, 4)
    settled, course, looks = follow(EarlyStop(threshold=BOUND, rule="point"), fell, 4)
    assert settled.decision == "failed"
    assert "certain" in settled.reason
    assert course.done.max() == 2
    assert looks <= 1000 + 4 * SLICE


@pytest.mark.parametrize(("share", "decision", "usual"), [(0.2, "failed", SLICE), (0.95, "passed", 4 * SLICE)])
def test_a_sequential_test_needs_few_samples(share, decision, usual):
    # About 160 of 10,000 are expected for a share 10 points above the bound, at an error of 0.001.
    stop = EarlyStop(threshold=BOUND, rule="point", alpha=0.001)
    standing = np.arange(10_000) < round(share * 10_000)
    used = []
    for seed in range(200):
        fell = np.where(np.random.default_rng(seed).permutation(standing), 2, 1)
        settled, course, _ = follow(stop, fell, 2)
        assert settled.decision == decision
        assert "sequential" in settled.reason
        used.append(np.count_nonzero(course.done))
    assert np.mean(used) <= usual
    assert max(used) <= 12 * SLICE


def test_its_error_is_what_was_stated():
    # On the wrong side of the bound by one sample: at most one in twenty may be called passed.
    stop = EarlyStop(threshold=BOUND, rule="point", alpha=0.05)
    standing = np.arange(2_000) < 1_699
    wrong = 0
    for seed in range(200):
        fell = np.where(np.random.default_rng(seed).permutation(standing), 1, 0)
        settled, _, _ = follow(stop, fell, 1)
        wrong += settled is not None and settled.decision == "passed"
    assert wrong <= 18  # P(Binomial(200, 0.05) > 18) < 0.01


def test_a_sample_of_a_population_is_no_more_than_that():
    # All of 60 stand; in a population of 10,000 that does not show 85 % at this error.
    fell = np.full(60, 1)
    alone = follow(EarlyStop(threshold=BOUND, rule="verify", alpha=1e-6), fell, 1, population=10_000)[0]
    assert alone is None
