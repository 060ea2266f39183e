"""The scorecard of the session: collected from reports, shown at the end, written to files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_robustness.plugin.baselines import Parts, Watch
from pytest_robustness.plugin.familywise import Settling
from pytest_robustness.plugin.invocation import invocation
from pytest_robustness.plugin.junit import add_row_properties, add_suite_properties
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
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self._skipped: dict[str, str] = {}
        self._unevaluated: dict[str, list[str]] = {}
        self._internal_error = False
        self._notes: list[tuple[str, str]] = []
        self.watch = Watch(config)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Raise the usage error of a worker here, where its message is seen and decides the exit code."""
        if message := getattr(report, "robustness_usage_error", None):
            raise pytest.UsageError(message)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the rows of a test, from this process or from a worker; a test that is run again replaces its rows."""
        if report.when == "setup":  # of the first attempt or a later one
            self.rows.pop(report.nodeid, None)
            self._skipped.pop(report.nodeid, None)
            self._unevaluated.pop(report.nodeid, None)
        if rows := getattr(report, "robustness", None):
            self.rows[report.nodeid] = rows
            add_row_properties(self._config, report, rows)
        if lost := _unevaluated(report):
            self._unevaluated[report.nodeid] = [f"{report.nodeid}: {' '.join(entry.split())}" for entry in lost]
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
        broken = session.exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)
        if stopped := session.shouldstop or session.shouldfail or (broken and "it was interrupted"):
            self._unevaluated["the rest of the run"] = [f"the rest of the run: {stopped}"]
        self.watch.end(session)
        if not self.rows:
            return
        self._tell_others()
        if not self._write() and session.exitstatus in _GREEN:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        notes, code = self.watch.conclude(self._card())
        self._notes += notes
        if session.exitstatus in _GREEN:
            session.exitstatus = code

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the scorecard, where it was written, and how many tests could not be evaluated here."""
        # Else pytest ends the line of the last test once more, in green runs, below the heading.
        terminalreporter.currentfspath = None
        if self.rows:
            self._show(terminalreporter)
        elif option_or_ini(self._config, "report"):
            self._notes.append(("yellow", "robustness: nothing was measured, so no report was written"))
        if self._skipped:
            first = next(iter(self._skipped.values())).partition(": got ")[0]
            self._notes.append(("yellow", f"robustness: {len(self._skipped)} skipped; the first: {first}"))
        for color, note in self._notes:
            terminalreporter.write_line(note, **{color: True})

    def _show(self, reporter: pytest.TerminalReporter) -> None:
        from pytest_robustness.scorecard.renderers.terminal import render_terminal

        tw, verbosity = reporter._tw, self._config.get_verbosity()  # noqa: SLF001
        if verbosity >= 0:
            reporter.section("robustness scorecard")
        for line in render_terminal(self._card(), width=tw.fullwidth, verbosity=verbosity, color=tw.hasmarkup):
            reporter.write_line(line)

    def _card(self) -> Scorecard:
        from pytest_robustness.gates.familywise import family_text
        from pytest_robustness.scorecard import Scorecard
        from pytest_robustness.scorecard.environment import environment

        payloads = [payload for rows in self.rows.values() for payload in rows]
        about = environment() | invocation(self._config) | family_text(payloads)
        card = Scorecard.from_rows(
            payloads,
            seed=settings_of(self._config).seed,
            environment=about,
            unevaluated=[entry for entries in self._unevaluated.values() for entry in entries],
        )
        return self.watch.attached(card)

    def _tell_others(self) -> None:
        """Hand the scorecard to what reads it beside the reports: the JUnit file, and the page of a job on GitHub."""
        from pytest_robustness.scorecard.renderers.github import append_summary

        card = self._card()
        add_suite_properties(self._config, card)
        if problem := append_summary(card):
            self._notes.append(("yellow", f"robustness: {problem}"))

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
    session.config.pluginmanager.register(Parts(session.config), "robustness-parts")
    if not hasattr(session.config, "workerinput"):
        summary = Summary(session.config)
        session.config.pluginmanager.register(summary, "robustness-summary")
        session.config.pluginmanager.register(summary.watch, "robustness-watch")
        session.config.pluginmanager.register(Settling(session.config, summary.rows), "robustness-settling")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the summary out again."""
    for name in ("robustness-parts", "robustness-summary", "robustness-watch", "robustness-settling"):
        if config.pluginmanager.has_plugin(name):
            config.pluginmanager.unregister(name=name)


def _unevaluated(report: pytest.TestReport) -> list[str]:
    """Return what a test was asked for and came to no row; a test that took its worker with it says nothing more."""
    if str(report.when) == "???":  # how pytest-xdist reports it
        return [str(report.longrepr)]
    return getattr(report, "robustness_unevaluated", [])


def _skip_reason(report: pytest.TestReport) -> str:
    """Return why this plugin skipped a test, in one line; empty where it did not."""
    if not report.skipped or not isinstance(report.longrepr, tuple):
        return ""
    reason = str(report.longrepr[2]).removeprefix("Skipped: ")
    return " ".join(reason.removeprefix(SKIP_PREFIX).split()) if reason.startswith(SKIP_PREFIX) else ""
