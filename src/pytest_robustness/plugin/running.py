"""Judging requirements after the body of a test, and handing the rows to its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_robustness.errors import ConfigurationError, RobustnessError
from pytest_robustness.plugin.collection import requirements_of
from pytest_robustness.plugin.familywise import MEMBERSHIP, OPEN, PENDING
from pytest_robustness.plugin.options import MARKERS, settings_of
from pytest_robustness.plugin.session import PAYLOADS, PROBLEMS, drain

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_robustness.evaluations import Requirement
    from pytest_robustness.plugin.facade import Robustness
    from pytest_robustness.plugin.outcomes import Judged


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run the body first, then judge every requirement of the test, all of them whatever the first says."""
    item.stash[PROBLEMS] = None  # of an earlier run of the same test
    result = yield
    try:
        # Read again, since a fixture or a hook may have added a marker after collection.
        requirements = requirements_of(item)
    except ConfigurationError as error:
        pytest.fail(f"robustness: {error}", pytrace=False)
    if requirements:
        _check_counted(item, requirements)
        _judge(item, requirements)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hand the recorded rows to the last report of the test: it carries them from a worker to the controller."""
    report = yield
    if report.when == "call" and report.passed and item.stash.get(PENDING, None) is not None:
        report.outcome = OPEN  # type: ignore[assignment]
        report.robustness_missing = item.stash[PENDING]  # type: ignore[attr-defined]
    if report.failed and report.when != "teardown":
        judged = item.stash.get(PROBLEMS, None) if report.when == "call" else None
        lost = _unjudged(item, call) if judged is None else judged
        report.robustness_unevaluated = lost  # type: ignore[attr-defined]
    if report.when == "teardown" and PAYLOADS in item.stash and (rows := drain(item)):
        report.robustness = rows  # type: ignore[attr-defined]
    return report


def _unjudged(item: pytest.Item, call: pytest.CallInfo[None]) -> list[str]:
    """Return what a test was asked for that failed before it came to that, each with the reason."""
    rows = [payload["row"] for payload in item.stash.get(PAYLOADS, {}).values()]
    reason = str(call.excinfo.value) if call.excinfo else "failed"
    families = [mark.name for mark in item.iter_markers() if mark.name in MARKERS]
    judged_itself = any(row["verdict"] in ("failed", "inconclusive") for row in rows)
    if not families and (judged_itself or "robustness" not in getattr(item, "fixturenames", ())):
        return []
    return [f"{family}: {reason}" for family in families] or [reason]


def _check_counted(item: pytest.Item, requirements: list[Requirement]) -> None:
    """Refuse bounds that came after all were counted: their verdicts would be beyond the error that was shared out."""
    item.stash[PENDING] = None  # of an earlier run of the same test
    if settings_of(item.config).familywise == "off":
        return
    counted = item.stash[MEMBERSHIP].bounds if MEMBERSHIP in item.stash else 0
    if sum(len(requirement.thresholds) for requirement in requirements) > counted:
        pytest.fail(
            "robustness: a marker came after collection, so that its bound was not counted among those that hold"
            " together under --robustness-familywise",
            pytrace=False,
        )


def _judge(item: pytest.Item, requirements: list[Requirement]) -> None:
    from pytest_robustness.plugin.outcomes import UNAVAILABLE, conclude

    if not isinstance(item, pytest.Function):
        pytest.fail(f"the markers of this plugin need a test function: got {type(item).__name__}", pytrace=False)
    # Known to the test already, unless the marker came late or the test is a method of unittest.
    facade: Robustness = item._request.getfixturevalue("robustness")  # noqa: SLF001
    judged: list[Judged] = []
    problems = item.stash[PROBLEMS] = []
    missing: dict[str, list[str]] = {}
    for requirement in requirements:
        try:
            judged += facade.check(requirement)
        except RobustnessError as error:
            absent = isinstance(error, UNAVAILABLE) and not facade.settings.strict
            family = requirement.evaluation.family
            if absent:
                missing.setdefault(str(error), []).append(family)
            else:
                problems.append(f"{family}: {error}")
    lacking = [f"{', '.join(families)}: {what}" for what, families in missing.items()]
    if not conclude(judged, problems, lacking):
        item.stash[PENDING] = lacking
