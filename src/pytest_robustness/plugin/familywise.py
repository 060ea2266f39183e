"""Verdicts that hold together under ``--robustness-familywise=holm``: counted at collection, settled at the end.

Tests are judged one by one, maybe in several processes, so each is judged with the share of the error that it has among
all tests that were collected: every process collects all of them, and needs nothing of the others. What such a strict
verdict leaves open, and the other verdicts may still settle, leaves its test open: neither passed nor failed (``o``).
When all tests are done, the process that reports takes the steps of Holm and gives the open tests their outcome.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pytest_robustness.plugin.collection import RequirementFile
from pytest_robustness.plugin.junit import ROW_PROPERTY, add_row_properties, drop_testcase

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from pytest_robustness.evaluations import Requirement
    from pytest_robustness.gates.familywise import Family
    from pytest_robustness.gates.settings import Settings

UNCOUNTED = (
    "it was not counted at collection among the verdicts that hold together: let the test, or a fixture that it uses,"
    " have the argument robustness"
)

OPEN = "open"
"""Outcome of the report of a test whose verdict hangs on that of others."""


@dataclass(frozen=True)
class Membership:
    """What was counted of one test: its bounds, and whether it may compare by itself."""

    family: Family
    bounds: int
    compares: bool


MEMBERSHIP: pytest.StashKey[Membership] = pytest.StashKey()
PENDING: pytest.StashKey[list[str] | None] = pytest.StashKey()
"""Of a test that stays open, what this machine lacks for others of its requirements; None of any other."""


def count_members(
    items: Iterable[pytest.Item], requirements: Mapping[pytest.Item, Sequence[Requirement]], settings: Settings
) -> None:
    """Count what is judged together, and tell every test of it.

    Parameters
    ----------
    items : iterable of pytest.Item
        All tests of the session.
    requirements : mapping
        Those of the tests with markers.
    settings : Settings
        Of the run.
    """
    from pytest_robustness.gates.familywise import sum_family

    bounds = {item: sum(len(one.thresholds) for one in own) for item, own in requirements.items()}
    # The test of a table has the argument, but nothing to compare.
    compares = {item for item in items if asks_for_fixture(item) and item.getparent(RequirementFile) is None}
    every = [requirement for own in requirements.values() for requirement in own]
    family = sum_family(every, settings, tests=len(compares))
    for item in {*bounds, *compares}:
        item.stash[MEMBERSHIP] = Membership(family, bounds.get(item, 0), item in compares)


def asks_for_fixture(item: pytest.Item) -> bool:
    """Return whether a test, or a fixture of it, has the argument ``robustness`` and so may compare by itself."""
    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return False
    others = [one.argnames for name in info.names_closure for one in info.name2fixturedefs.get(name, ())]
    return any("robustness" in names for names in (info.argnames, *others))


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Show that a test is open; it is counted when it has its outcome."""
    if report.outcome != OPEN:
        return None
    return "", "o", ("OPEN", {"yellow": True})


class Settling:
    """Holds open tests back where pytest reports, and gives them their outcome at the end.

    Parameters
    ----------
    config : pytest.Config
    rows : dict
        The payloads of every test by its node id, as they arrive.
    """

    def __init__(self, config: pytest.Config, rows: dict[str, list[dict[str, Any]]]) -> None:
        self._config = config
        self._rows = rows
        self._open: dict[str, list[pytest.TestReport]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the reports of an open test, and keep them out of the JUnit file for now."""
        if report.outcome == OPEN:
            self._open[report.nodeid] = [report]
        elif report.when == "teardown" and report.nodeid in self._open:
            self._open[report.nodeid].append(report)
            drop_testcase(self._config, report)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Settle what is open once all tests have run, also where the run stops at a failure."""
        try:
            result = yield
        except (session.Failed, session.Interrupted):
            self._settle()
            raise
        self._settle()
        return result

    def _settle(self) -> None:
        if not any("familywise" in payload for rows in self._rows.values() for payload in rows):
            return
        from pytest_robustness.gates.familywise import settle

        settle([payload for rows in self._rows.values() for payload in rows])
        waiting, self._open = self._open, {}
        for nodeid, reports in waiting.items():
            for report in self._final(reports, self._rows.get(nodeid, [])):
                self._config.hook.pytest_runtest_logreport(report=report)

    def _final(self, reports: list[pytest.TestReport], rows: list[dict[str, Any]]) -> list[pytest.TestReport]:
        """Return the reports of an open test with its outcome."""
        call = copy.copy(reports[0])
        if len(reports) == 1:
            _decide(call, "failed", "robustness: the rows of this test were lost, so that it cannot be settled")
            return [call]
        judged = [payload for payload in rows if "familywise" in payload]
        failing = [payload for payload in judged if _does(payload, "fail")]
        skipping = [payload for payload in judged if _does(payload, "skip")]
        missing = getattr(call, "robustness_missing", [])
        if failing:
            _decide(call, "failed", "\n".join(line for payload in failing for line in _explained(payload)))
        elif missing or skipping:
            reasons = missing or [f"inconclusive: {_explained(skipping[0])[0]}"]
            _decide(call, "skipped", "robustness: " + "; ".join(reasons))
        else:
            call.outcome = "passed"
        teardown = copy.copy(reports[1])
        vars(teardown).pop("robustness", None)
        teardown.user_properties = [p for p in teardown.user_properties if not p[0].startswith(ROW_PROPERTY)]
        add_row_properties(self._config, teardown, rows)
        return [call, teardown]


def _does(payload: dict[str, Any], what: str) -> bool:
    verdict = payload["row"]["verdict"]
    if verdict == "inconclusive":
        return bool(payload["familywise"]["inconclusive"] == what)
    return what == "fail" and verdict == "failed"


def _explained(payload: dict[str, Any]) -> list[str]:
    lines, row = payload["familywise"]["lines"], payload["row"]
    return [lines[0], f"  verdict    {row['verdict']}: {row['reason']}", *lines[2:]]


def _decide(report: pytest.TestReport, outcome: str, text: str) -> None:
    """Give a report the outcome that ``pytest.fail`` or ``pytest.skip`` would have given it."""
    report.outcome = outcome  # type: ignore[assignment]
    if outcome == "skipped":
        path, line, _ = report.location
        report.longrepr = (path, (line or 0) + 1, f"Skipped: {text}")
        return
    try:
        pytest.fail(text, pytrace=False)
    except pytest.fail.Exception as failure:
        report.longrepr = pytest.ExceptionInfo.from_exception(failure).getrepr(style="value")
