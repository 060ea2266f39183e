"""The scorecard of the session: collected from reports, shown at the end, written to files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_robustness.plugin.options import option_or_ini, settings_of

if TYPE_CHECKING:
    from pytest_robustness.scorecard import Scorecard

SKIP_PREFIX = "robustness: "
"""How the reason of every skip begins that is this plugin's doing."""

_GREEN = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


class Summary:
    """Collects the rows of all tests where pytest reports (never in a worker of pytest-xdist)."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._skipped: dict[str, str] = {}
        self._internal_error = False
        self._notes: list[tuple[str, str]] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Raise the usage error of a worker here, where its message is seen and decides the exit code."""
        if message := getattr(report, "robustness_usage_error", None):
            raise pytest.UsageError(message)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the rows of a test, from this process or from a worker; a test that is run again replaces its rows."""
        if rows := getattr(report, "robustness", None):
            self._rows[report.nodeid] = rows
        if reason := _skip_reason(report):
            self._skipped[report.nodeid] = reason

    def pytest_internalerror(self) -> None:
        """Remember that something broke: pytest-xdist may still end with exit code 0."""
        self._internal_error = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the reports, and never let a broken run look green."""
        if self._internal_error and session.exitstatus in _GREEN:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        if self._rows and not self._write() and session.exitstatus in _GREEN:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the scorecard, where it was written, and how many tests could not be evaluated here."""
        if self._rows:
            self._show(terminalreporter)
        elif option_or_ini(self._config, "report"):
            self._notes.append(("yellow", "robustness: nothing was measured, so no report was written"))
        if self._skipped:
            first = next(iter(self._skipped.values()))
            self._notes.append(("yellow", f"robustness: {len(self._skipped)} skipped; the first: {first}"))
        for color, note in self._notes:
            terminalreporter.write_line(note, **{color: True})

    def _show(self, reporter: pytest.TerminalReporter) -> None:
        from pytest_robustness.scorecard.terminal import render_terminal

        tw, verbosity = reporter._tw, self._config.get_verbosity()  # noqa: SLF001
        if verbosity >= 0:
            reporter.section("robustness scorecard")
        for line in render_terminal(self._card(), width=tw.fullwidth, verbosity=verbosity, color=tw.hasmarkup):
            reporter.write_line(line)

    def _card(self) -> Scorecard:
        from pytest_robustness.scorecard import Scorecard

        payloads = [payload for rows in self._rows.values() for payload in rows]
        return Scorecard.from_rows(payloads, seed=settings_of(self._config).seed)

    def _write(self) -> bool:
        """Write every report; return whether all could be written."""
        from pytest_robustness.errors import RobustnessError

        complete = True
        for path in settings_of(self._config).report:
            try:
                self._card().write(self._config.invocation_params.dir / path)
                self._notes.append(("green", f"written: {path}"))
            except RobustnessError as error:
                self._notes.append(("red", f"robustness: {error}"))
                complete = False
        return complete


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Register the summary where pytest reports: not in a worker of pytest-xdist."""
    if not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(Summary(session.config), "robustness-summary")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the summary out again."""
    summary = config.pluginmanager.get_plugin("robustness-summary")
    if summary is not None:
        config.pluginmanager.unregister(summary)


def _skip_reason(report: pytest.TestReport) -> str:
    """Return why this plugin skipped a test, in one line; empty where it did not."""
    if not report.skipped or not isinstance(report.longrepr, tuple):
        return ""
    reason = str(report.longrepr[2]).removeprefix("Skipped: ")
    return " ".join(reason.removeprefix(SKIP_PREFIX).split()) if reason.startswith(SKIP_PREFIX) else ""
