"""What becomes of a test: it fails, is skipped, or goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NoReturn

import pytest

from pytest_robustness.errors import DataUnavailableError, MissingExtraError
from pytest_robustness.plugin.summary import SKIP_PREFIX
from pytest_robustness.scorecard.record import explain

if TYPE_CHECKING:
    from pytest_robustness.evaluations import Measurement, Threshold, Verdict

UNAVAILABLE = (DataUnavailableError, MissingExtraError)
"""Not verdicts: this machine lacks what the test needs. The test is skipped, or fails where the run is strict."""


class Judged(NamedTuple):
    """A metric with its threshold, the verdict, and what an inconclusive verdict does to the test."""

    metric: Measurement
    threshold: Threshold
    verdict: Verdict
    inconclusive: str


def conclude(judged: list[Judged], problems: list[str], missing: list[str]) -> None:
    """Fail or skip the running test as its verdicts demand; return where all passed.

    Parameters
    ----------
    judged : list of Judged
    problems : list of str
        Why requirements could not be evaluated.
    missing : list of str
        What this machine lacks for others.
    """
    failing = [entry for entry in judged if _fails(entry)]
    lines = [line for entry in failing for line in explain(*entry[:3])]
    lines += [f"robustness: could not evaluate {problem}" for problem in problems]
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)
    if missing:
        pytest.skip(SKIP_PREFIX + "; ".join(missing))
    for entry in judged:
        if entry.verdict.decision == "inconclusive" and entry.inconclusive == "skip":
            pytest.skip(f"{SKIP_PREFIX}inconclusive: {explain(*entry[:3])[0]}")


def _fails(entry: Judged) -> bool:
    decision = entry.verdict.decision
    return decision == "failed" or (decision == "inconclusive" and entry.inconclusive == "fail")


def leave(reason: str, *, fail: bool) -> NoReturn:
    """Skip the running test, or fail it."""
    __tracebackhide__ = True
    if fail:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
