"""What becomes of a test: it fails, is skipped, or goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import pytest

from pytest_robustness.errors import DataUnavailableError, MissingExtraError
from pytest_robustness.evaluations import Verdict
from pytest_robustness.plugin.summary import SKIP_PREFIX
from pytest_robustness.scorecard.record import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_robustness.evaluations import Measurement, Threshold
    from pytest_robustness.evaluations.thresholds import Decision

UNAVAILABLE = (DataUnavailableError, MissingExtraError)
"""Not verdicts: this machine lacks what the test needs. The test is skipped, or fails where the run is strict."""


class Judged(NamedTuple):
    """A metric with its threshold, the verdict, and what an inconclusive verdict does to the test."""

    metric: Measurement
    threshold: Threshold | None
    verdict: Verdict
    inconclusive: str
    change: Mapping[str, Any] | None = None
    later: Decision | None = None
    """What the verdict may still become by those of other tests, where they hold together."""

    def outcome(self, decision: Decision) -> str:
        """Return what a decision does to the test: ``"fail"``, ``"skip"`` or ``"pass"``."""
        if decision == "inconclusive":
            return self.inconclusive
        return "fail" if decision == "failed" else "pass"

    @property
    def is_open(self) -> bool:
        """Whether other tests may still change what this verdict does to its own."""
        return self.later is not None and self.outcome(self.later) != self.outcome(self.verdict.decision)

    def lines(self) -> list[str]:
        """Explain the verdict."""
        return explain(self.metric, self.threshold, self.verdict, self.change)


def conclude(judged: list[Judged], problems: list[str], missing: list[str]) -> bool:
    """Fail or skip the running test as its verdicts demand.

    Parameters
    ----------
    judged : list of Judged
    problems : list of str
        Why requirements could not be evaluated.
    missing : list of str
        What this machine lacks for others.

    Returns
    -------
    bool
        True where all passed, False where other tests decide on what becomes of this one.
    """
    failing = [entry for entry in judged if entry.outcome(entry.verdict.decision) == "fail" and not entry.is_open]
    lines = [line for entry in failing for line in entry.lines()]
    lines += [f"robustness: could not evaluate {problem}" for problem in problems]
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)
    if any(entry.is_open for entry in judged):
        return False
    if missing:
        pytest.skip(SKIP_PREFIX + "; ".join(missing))
    for entry in judged:
        if entry.verdict.decision == "inconclusive" and entry.inconclusive == "skip":
            pytest.skip(f"{SKIP_PREFIX}inconclusive: {entry.lines()[0]}")
    return True


def leave_if_worse(metric: Measurement, row: Mapping[str, Any], inconclusive: str) -> None:
    """Fail or skip the running test where a row is worse than its baseline, or not shown to be as good as it must be.

    A comparison that a test makes by itself must not answer for that: the test may ask for the opposite.
    """
    __tracebackhide__ = True
    change = row["baseline"]
    if change is None or change["verdict"] not in ("failed", "inconclusive"):
        return
    lines = explain(metric, None, Verdict(change["verdict"], change["reason"]), change)
    if change["verdict"] == "inconclusive" and inconclusive != "fail":
        if inconclusive == "skip":
            leave(f"{SKIP_PREFIX}inconclusive: {lines[0]}", fail=False)
        return
    leave("\n".join(lines), fail=True)


def leave(reason: str, *, fail: bool) -> NoReturn:
    """Skip the running test, or fail it."""
    __tracebackhide__ = True
    if fail:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
