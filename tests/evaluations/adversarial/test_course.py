from __future__ import annotations

import numpy as np

from pytest_robustness.evaluations import Block
from pytest_robustness.evaluations.adversarial.course import Course

PARTS = ["clean", "first", "second"]


def blocks(*entries):
    return [(Block(rows[0], rows[-1] + 1, part, rows=rows), np.array(fallen)) for part, rows, fallen in entries]


def test_nobody_has_moved():
    course = Course.of(4, PARTS, [])
    assert course.waiting(0).tolist() == [0, 1, 2, 3]
    assert course.waiting(1).tolist() == []
    assert course.standing.all()
    assert not course.over.any()
    assert course.prefix(0) == 0


def test_those_that_fall_meet_no_further_stage():
    course = Course.of(5, PARTS, blocks(("clean", (0, 1, 2), [False, True, False]), ("first", (0, 2), [False, True])))
    assert course.waiting(0).tolist() == [3, 4]
    assert course.waiting(1).tolist() == []
    assert course.waiting(2).tolist() == [0]
    assert course.standing.tolist() == [True, False, False, True, True]
    assert course.over.tolist() == [False, True, True, False, False]
    assert [course.prefix(stage) for stage in range(3)] == [3, 3, 0]
    assert course.fell.tolist() == [3, 0, 1, 3, 3]


def test_the_order_of_the_blocks_and_other_parts_do_not_matter():
    entries = blocks(
        ("clean", (0, 1), [False, False]),
        ("first", (0, 1), [False, True]),
        ("check", (0,), [True]),
        ("second", (0,), [False]),
    )
    one, other = Course.of(2, PARTS, entries), Course.of(2, PARTS, entries[::-1])
    assert (one.done.tolist(), one.fell.tolist()) == (other.done.tolist(), other.fell.tolist())
    assert one.over.all()
    assert one.prefix(2) == 2
