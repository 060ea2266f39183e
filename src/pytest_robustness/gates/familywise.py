"""Verdicts that hold together: the level of each interval, and the steps of Holm once all of them are known.

With k bounds and c tests that compare by themselves, every bound is judged with an interval at the level
``1 - alpha / (k + c)`` (Bonferroni), and the j-th comparison of a test at ``1 - alpha / ((k + c) j (j + 1))``, so that
those of one test, however many, have one share of alpha between them. A sequential test before the interval of a bound
may err by itself, so that it counts as one of the c. All of these intervals hold together with the
confidence ``1 - alpha``, however the tests depend on each other. Not among them are comparisons with a baseline.

Once all is measured, the share ``alpha k / (k + c)`` of the bounds is handed on by the step-down of Holm (Scandinavian
Journal of Statistics 6, 1979), apart for "it is met" and for "it is missed", with half of it on either side: where r of
k bounds are still open, an interval at the level ``1 - alpha k / ((k + c) r)`` is enough. So a bound that was
inconclusive on its own may be settled by the others; none is ever unsettled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_robustness.evaluations import judge
from pytest_robustness.evaluations.verdicts import default_rule
from pytest_robustness.gates.settings import EARLY_STOPS
from pytest_robustness.metrics.intervals import level_text
from pytest_robustness.scorecard.record import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_robustness.evaluations import Measurement, Requirement, Threshold, Verdict
    from pytest_robustness.evaluations.thresholds import Decision
    from pytest_robustness.gates.settings import Settings


@dataclass(frozen=True, slots=True)
class Family:
    """What is judged together.

    Parameters
    ----------
    bounds : int
        Of markers and tables.
    tests : int
        Tests that may compare by themselves, and sequential tests of bounds.
    """

    bounds: int
    tests: int = 0

    def text(self, confidence: float) -> str:
        """Say what holds together: ``holm: 9 bounds and 2 tests at 95 %``."""
        counts = {"bound": self.bounds, "test": self.tests}
        words = [f"{count:,} {word}{'' if count == 1 else 's'}" for word, count in counts.items() if count]
        return f"holm: {' and '.join(words)} at {level_text(confidence)}"

    def level(self, confidence: float, *, open_bounds: int | None = None) -> float:
        """Return the level of the interval of a bound while so many of the bounds are open; all of them by default."""
        share = self.bounds / (open_bounds or self.bounds)
        return 1 - (1 - confidence) * share / (self.bounds + self.tests)

    def level_of_comparison(self, confidence: float, number: int) -> float:
        """Return the level of the interval of the comparison of this number, from 1, of one test."""
        return 1 - (1 - confidence) / ((self.bounds + self.tests) * number * (number + 1))

    def alpha(self, alpha: float, confidence: float) -> float:
        """Return the error that the sequential test of one bound may make."""
        return min(alpha, 1 - confidence) / (self.bounds + self.tests)


def family_of(requirements: Iterable[Requirement], settings: Settings) -> Family | None:
    """Return the family of all bounds of some requirements; None where each is judged on its own."""
    family = sum_family(requirements, settings)
    return None if settings.familywise == "off" or not family.bounds else family


def sum_family(requirements: Iterable[Requirement], settings: Settings, *, tests: int = 0) -> Family:
    """Count the bounds of some requirements with their sequential tests, beside tests that compare by themselves."""
    every = list(requirements)
    sequential = sum(has_sequential_test(requirement, settings) for requirement in every)
    return Family(sum(len(requirement.thresholds) for requirement in every), tests + sequential)


def has_sequential_test(requirement: Requirement, settings: Settings) -> bool:
    """Return whether a bound may be settled by a sequential test, under the settings of the run."""
    stop = requirement.overrides.get("early_stop", settings.early_stop)
    return not settings.baseline and len(requirement.thresholds) == 1 and stop not in EARLY_STOPS


class Evidence(NamedTuple):
    """What is known of a bound: with how many open bounds, at most, it counts as met, or as missed; 0: with none.

    ``verdict`` is the one at that number, where it is not the one with all bounds open.
    """

    met: int
    missed: int
    verdict: Verdict | None = None


def find_evidence(
    at: Callable[[float], Measurement], metric: str, threshold: Threshold, family: Family, **how: Any
) -> Evidence:
    """Look for the most open bounds with which a bound would be settled.

    Parameters
    ----------
    at : callable
        From a level of confidence to the measurement with its intervals at that level.
    metric : str
        Of the family, that the threshold is on.
    threshold : Threshold
    family : Family
    how
        ``confidence``, of the run, and ``rule`` of the verdict.
    """
    confidence, rule = how["confidence"], how["rule"]

    def judged(open_bounds: int) -> tuple[Measurement, Verdict]:
        measurement = at(family.level(confidence, open_bounds=open_bounds))[metric]
        return measurement, judge(measurement, threshold, rule=rule)

    measurement, strictest = judged(family.bounds)
    if measurement.faults:
        return Evidence(0, 0)  # it failed, but not by its interval
    if (rule or default_rule(measurement)) == "point":
        # Nothing is left to chance, so that there is no error to share, unless nothing can be said.
        most = 0 if strictest.decision == "inconclusive" else family.bounds
        return Evidence(most, most)
    if strictest.decision == "failed":
        return Evidence(0, family.bounds)
    if strictest.decision == "passed" and rule != "regress":
        return Evidence(family.bounds, 0)
    loosest = judged(1)[1]
    if loosest.decision == strictest.decision or measurement.settled is not None:
        return Evidence(0, 0)
    low, high = 1, family.bounds  # settled with `low` open bounds, not with `high`
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if judged(middle)[1].decision == loosest.decision else (low, middle)
    return Evidence(*((low, 0) if loosest.decision == "passed" else (0, low)), judged(low)[1])


def still_open(reached: Iterable[int], bounds: int) -> int:
    """Return how many of the bounds are open after all steps of Holm.

    Parameters
    ----------
    reached : iterable of int
        With how many open bounds, at most, each of them is settled; a bound that was never measured may be left out.
    bounds : int
    """
    remaining = bounds
    for most in sorted(reached, reverse=True):
        if most < remaining:
            break
        remaining -= 1
    return remaining


def judge_together(
    at: Callable[[float], Measurement],
    metric: Measurement,
    threshold: Threshold,
    family: Family | None,
    settings: Settings,
) -> dict[str, Any] | None:
    """Return what travels beside the row of a bound, as builtin values, for `settle`; None outside of a family."""
    if family is None:
        return None
    how = {"confidence": settings.confidence, "rule": settings.verdict}
    evidence = find_evidence(at, metric.metric, threshold, family, **how)
    later = evidence.verdict
    return {
        "lines": explain(metric, threshold, judge(metric, threshold, rule=settings.verdict)),
        "inconclusive": settings.inconclusive,
        "bounds": family.bounds,
        "met": evidence.met,
        "missed": evidence.missed,
        "decision": None if later is None else later.decision,
        "reason": None if later is None else later.reason,
    }


def family_text(payloads: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return what the environment of a scorecard says of the family; nothing where each verdict is on its own."""
    texts = [payload["family"] for payload in payloads if "family" in payload]
    return {"familywise": texts[0]} if texts else {}


def decision_after(row: Mapping[str, Any], note: Mapping[str, Any]) -> Decision | None:
    """Return what the steps may make of the verdict of a row; None where they change nothing.

    A row that is worse than its baseline, or not shown not to be, does not pass whatever comes of its bound.
    """
    decision: Decision | None = note["decision"]
    change = row.get("baseline") or {}
    if decision == "passed" and change.get("verdict") in ("failed", "inconclusive"):
        return None
    return decision


def settle(payloads: Sequence[dict[str, Any]]) -> int:
    """Take the steps of Holm: give the rows that they settle their verdicts; return how many these are.

    Only rows whose payload has a note of `judge_together` take part. Of the same question, asked by several tests, each
    counts, as each was counted among the bounds.
    """
    noted = [payload for payload in payloads if payload.get("familywise")]
    if not noted:
        return 0
    bounds = max(payload["familywise"]["bounds"] for payload in noted)
    open_of = {side: still_open((p["familywise"][side] for p in noted), bounds) for side in ("met", "missed")}
    settled = 0
    for payload in noted:
        note, row = payload["familywise"], payload["row"]
        for side, remaining in open_of.items():
            decision = decision_after(row, note)
            if decision is not None and note[side] >= max(remaining, 1):
                row["verdict"] = decision
                row["reason"] = f"{note['reason']}; enough by Holm's steps: at most {note[side]} of {bounds} are open"
                settled += 1
    return settled
