"""The steps of Holm: as on p-values, never undoing a verdict, and with the error that they promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.evaluations import Measurement, Threshold, judge, make_requirement
from pytest_robustness.gates.baseline import Baseline
from pytest_robustness.gates.evaluators import Evaluators
from pytest_robustness.gates.familywise import Family, family_of, find_evidence, judge_together, settle, still_open
from pytest_robustness.gates.planning import dead_ends
from pytest_robustness.gates.settings import Settings
from pytest_robustness.gates.suite import run_requirement
from pytest_robustness.metrics import binomial_interval
from pytest_robustness.scorecard import Scorecard

if TYPE_CHECKING:
    from collections.abc import Callable

N = 200


def measured(count: int, **changes: Any) -> Callable[[float], Measurement]:
    def at(confidence: float) -> Measurement:
        low, high = binomial_interval(count, N, confidence=confidence)
        fixed: dict[str, Any] = {"family": "accuracy", "metric": "accuracy", "parameters": {}, "n": N}
        fixed |= {"population": 10_000, "higher_is_better": True, "value": count / N, "low": low, "high": high}
        return Measurement(**{**fixed, "confidence": confidence, **changes})

    return at


def at_least(bound: float) -> Threshold:
    return Threshold("accuracy", ">=", bound)


def payload(at: Callable[[float], Measurement], bound: float, family: Family, **settings: Any) -> dict[str, Any]:
    chosen = Settings(familywise="holm", **settings)
    metric = at(family.level(chosen.confidence))
    verdict = judge(metric, at_least(bound), rule=chosen.verdict)
    row = {"verdict": verdict.decision, "reason": verdict.reason}
    return {"row": row, "familywise": judge_together(at, metric, at_least(bound), family, chosen)}


def test_levels_share_the_error():
    family = Family(bounds=6, tests=2)
    assert family.level(0.95) == pytest.approx(1 - 0.05 / 8)
    assert family.level(0.95, open_bounds=2) == pytest.approx(1 - 0.05 * 6 / 8 / 2)
    spent = sum(1 - family.level_of_comparison(0.95, number) for number in range(1, 10_000))
    assert spent == pytest.approx(0.05 / 8, rel=1e-3)
    assert spent < 0.05 / 8
    assert family.alpha(0.2, 0.95) == pytest.approx(0.05 / 8)
    assert family.alpha(0.01, 0.95) == pytest.approx(0.01 / 8)


def test_a_sequential_test_has_a_share_beside_that_of_the_interval_after_it():
    gate = {"min_accuracy": 0.9}
    requirements = [
        make_requirement("accuracy", keys)
        for keys in (
            {**gate, "early_stop": 0.01},
            {**gate, "early_stop": "certain"},
            {**gate, "early_stop": "0.02"},
            {},
        )
    ]
    holm = Settings(familywise="holm")
    family = family_of(requirements, holm)
    assert family == Family(bounds=3, tests=2)
    assert family.text(0.95) == "holm: 3 bounds and 2 tests at 95 %"
    assert family.bounds * (1 - family.level(0.95)) + 2 * family.alpha(0.5, 0.95) == pytest.approx(0.05)
    assert family_of(requirements, holm.replaced({"baseline": "b.json"})) == Family(bounds=3)  # nothing stops early
    assert family_of(requirements[3:], holm) is family_of(requirements, Settings()) is None


def test_a_point_on_a_sample_is_told_to_be_left_to_chance():
    requirement = make_requirement("accuracy", {"min_accuracy": 0.9})

    def told(**settings: Any) -> list[str]:
        chosen = Settings(data="digits", verdict="point", **settings)
        return list(dead_ends(requirement, at_least(0.9), chosen, 0.95))

    assert told(n=100, familywise="holm")[0].startswith("the rule point leaves n = 100 to chance")
    assert told(n=100) == told(n=1797, familywise="holm") == told(familywise="holm") == []


def test_a_baseline_is_held_against_at_the_confidence_of_the_run(tmp_path):
    """Seven of 200 images are lost: p = 0.0156, which is enough at 95 %, and not at the level of one of nine bounds."""
    images, labels = np.zeros((200, 1, 4, 4), np.uint8), np.zeros(200, np.int64)
    images[:7] = 255
    requirement = make_requirement("accuracy", {"min_accuracy": 0.5})
    settings = Settings(familywise="holm", baseline="b.json", verdict="verify")

    def measured_with(model: Callable[[Any], Any], baseline: Baseline | None) -> dict[str, Any]:
        how = {"model": model, "data": (images, labels), "baseline": baseline, "family": Family(bounds=9)}
        (only,) = run_requirement(requirement, Evaluators(), settings, **how)
        return only

    def right(pixels):
        return np.tile([1.0, 0.0], (len(pixels), 1))

    def wrong(pixels):
        return np.eye(2)[(np.asarray(pixels)[:, 0, 0, 0] > 0.5).astype(int)]

    wrong.__name__ = wrong.__qualname__ = "right"
    card = Scorecard.from_rows([measured_with(right, None)], seed=0)
    row = measured_with(wrong, Baseline(tmp_path / "b.json", card))["row"]
    assert row["confidence"] == 1 - 0.05 / 9
    assert row["baseline"]["p"] == pytest.approx(2 / 2**7)
    assert row["baseline"]["confidence"] == 0.95
    assert row["baseline"]["shown"] == "worse"
    assert row["verdict"] == "failed"


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12), st.integers(0, 4))
def test_the_steps_are_those_of_holm_on_p_values(p_values, unmeasured):
    # A bound with the p-value p is settled with at most floor(alpha / p) open bounds.
    bounds, alpha = len(p_values) + unmeasured, 0.05
    reached = [min(bounds, int(alpha / p)) for p in p_values]
    rejected = 0
    for p in sorted(p_values):
        if p > alpha / (bounds - rejected):
            break
        rejected += 1
    assert bounds - still_open(reached, bounds) == rejected


@pytest.mark.parametrize(("count", "bound"), [(181, 0.842), (181, 0.855), (181, 0.848), (150, 0.8), (120, 0.7)])
def test_the_evidence_is_the_most_open_bounds_that_still_settle(count, bound):
    family = Family(bounds=9, tests=1)
    evidence = find_evidence(measured(count), "accuracy", at_least(bound), family, confidence=0.95, rule=None)
    decisions = [
        judge(measured(count)(family.level(0.95, open_bounds=r)), at_least(bound)).decision for r in range(1, 10)
    ]
    assert evidence.met == decisions.count("passed")
    assert evidence.missed == decisions.count("failed")


def test_faults_doubts_and_certainty():
    family = Family(bounds=5)
    how = {"confidence": 0.95, "rule": None}
    find = find_evidence
    assert find(measured(199, faults=("masked",)), "accuracy", at_least(0.5), family, **how)[:2] == (0, 0)
    assert find(measured(199, doubts=("masked",)), "accuracy", at_least(0.5), family, **how)[:2] == (0, 0)
    assert find(measured(181, population=N), "accuracy", at_least(0.9), family, **how)[:2] == (5, 5)
    assert find(measured(100), "accuracy", at_least(0.9), family, **how)[:2] == (0, 5)
    regress = {"confidence": 0.95, "rule": "regress"}
    assert find(measured(199), "accuracy", at_least(0.5), family, **regress)[:2] == (0, 0)  # not shown to miss it


def test_settling_changes_what_the_others_allow_and_nothing_else():
    family = Family(bounds=4)
    payloads = [payload(measured(181), bound, family) for bound in (0.5, 0.6, 0.848, 0.855)]
    assert [p["row"]["verdict"] for p in payloads] == ["passed", "passed", "inconclusive", "inconclusive"]
    before = [dict(p["row"]) for p in payloads]
    assert settle([*payloads, {"row": {"verdict": "measured"}}]) == 2
    assert [p["row"]["verdict"] for p in payloads] == ["passed"] * 4
    assert [p["row"] for p in payloads[:2]] == before[:2]
    assert payloads[3]["row"]["reason"].endswith("; enough by Holm's steps: at most 1 of 4 are open")


def test_a_row_that_is_worse_than_its_baseline_does_not_pass():
    family = Family(bounds=2)
    payloads = [payload(measured(181), bound, family) for bound in (0.5, 0.855)]
    payloads[1]["row"]["baseline"] = {"verdict": "failed"}
    assert settle(payloads) == 0
    assert payloads[1]["row"]["verdict"] == "inconclusive"
    assert settle([]) == 0


def test_the_error_of_a_session_is_what_it_says_and_holm_settles_more():
    """Eight models, four a hair below their bound and four well above it: any pass of the former is an error."""
    rng = np.random.default_rng(0)
    family, sessions, bound = Family(bounds=8), 400, 0.85
    wrong = before = after = lone = 0
    for _ in range(sessions):
        counts = [*rng.binomial(N, bound - 1e-9, 4), *rng.binomial(N, 0.93, 4)]
        payloads = [payload(measured(int(count)), bound, family) for count in counts]
        before += sum(p["row"]["verdict"] == "passed" for p in payloads[4:])
        settle(payloads)
        after += sum(p["row"]["verdict"] == "passed" for p in payloads[4:])
        wrong += any(p["row"]["verdict"] == "passed" for p in payloads[:4])
        wrong += any(p["row"]["verdict"] == "failed" for p in payloads[4:])
        lone += any(judge(measured(int(count))(0.95), at_least(bound)).decision == "passed" for count in counts[:4])
    # Half of the error is for passes: at most 0.025, and of 400 sessions at most 18 with a chance of 1 in 100.
    assert wrong <= 18
    assert lone > 2 * max(wrong, 1)
    assert after > before
