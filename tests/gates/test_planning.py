"""What is planned before anything is measured; tests/commands/test_plan.py has what is printed of it."""

from __future__ import annotations

import pytest

from pytest_robustness.evaluations import make_requirement
from pytest_robustness.gates.planning import ANY, UNKNOWN, dead_ends, outlooks
from pytest_robustness.gates.settings import Settings

DIGITS = 1797


def outlook(bound: float, *, margin: float = 0.02, **settings: object) -> tuple[str, str]:
    requirement = make_requirement("accuracy", {"min_accuracy": bound})
    (found,) = outlooks([requirement], Settings(data="digits", **settings), power=0.9, margin=margin)
    return found.needs, found.samples


@pytest.mark.parametrize(("n", "whole"), [(DIGITS - 1, False), (DIGITS, True), (None, True)])
def test_all_of_the_data_need_no_more_than_the_bound(n: int | None, whole: bool) -> None:
    needs, _ = outlook(0.9, n=n)
    assert (needs == "0.9000") == whole
    assert float(needs) >= 0.9


def test_a_model_cannot_be_better_than_perfect() -> None:
    assert outlook(0.99, margin=0.02)[1] == UNKNOWN
    assert outlook(0.98, margin=0.02)[1] != UNKNOWN


def test_on_the_good_side_any_number_is_enough_for_regress() -> None:
    assert outlook(0.9, verdict="regress", n=100)[1] == ANY
    assert outlook(0.9, verdict="regress", n=100, margin=-0.01)[1] == UNKNOWN


@pytest.mark.parametrize(
    ("n", "verdict", "ends"), [(20, None, 1), (DIGITS, None, 0), (20, "regress", 0), (20, "point", 0)]
)
def test_dead_ends(n: int, verdict: str | None, ends: int) -> None:
    requirement = make_requirement("accuracy", {"min_accuracy": 0.99})
    settings = Settings(data="digits", n=n, verdict=verdict)
    assert len(list(dead_ends(requirement, requirement.thresholds[0], settings, 0.95))) == ends
