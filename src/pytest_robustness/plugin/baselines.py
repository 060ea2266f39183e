"""The baseline of a session: read before the first test, shown and written after the last one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_robustness.errors import ConfigurationError
from pytest_robustness.plugin.options import collects_tables, option_or_ini, settings_of, tables_of

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pytest_robustness.gates.baseline import Baseline
    from pytest_robustness.scorecard import Row, Scorecard

BASELINE: pytest.StashKey[Baseline | None] = pytest.StashKey()

Note = tuple[str, str]
"""A colour and a line."""

PART: pytest.StashKey[bool] = pytest.StashKey()
"""Whether tests that were asked for are not run."""

_CODES = {
    "fine": pytest.ExitCode.OK,
    "absent": pytest.ExitCode.TESTS_FAILED,
    "unwritten": pytest.ExitCode.USAGE_ERROR,
}

_PARTIAL = ("keyword", "markexpr", "lf", "stepwise", "deselect", "ignore", "ignore_glob", "pyargs", "collectonly")
"""Options of pytest with which a run is not of the whole suite, or cannot be told to be."""


def baseline_of(config: pytest.Config) -> Baseline | None:
    """Return the baseline of the session; None where none is asked for.

    Raises
    ------
    pytest.UsageError
        Where the file is no baseline, or an option needs one that is not given.
    """
    if BASELINE not in config.stash:
        settings = settings_of(config)
        if not settings.baseline and settings.max_drop is None and not settings.update_baseline:
            config.stash[BASELINE] = None
            return None
        from pytest_robustness.gates.baseline import baseline_for

        try:
            config.stash[BASELINE] = baseline_for(settings, _folder(config), mend="Give --robustness-baseline=PATH.")
        except ConfigurationError as error:
            raise pytest.UsageError(f"robustness: {error}") from error
    return config.stash[BASELINE]


class Parts:
    """Watches the collection of tests, in every process, for those that were asked for and are not run.

    Under pytest-xdist it tells the process that started this worker.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, object, object]:
        """Notice that tests are taken out, whether this is reported or not."""
        before = set(items)
        result = yield
        if not before <= set(items):
            self._note()
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Notice that a module or folder was skipped, or could not be collected."""
        report = yield
        if not report.passed:
            self._note()
        return report

    def _note(self) -> None:
        self._config.stash[PART] = True
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput["robustness_part"] = True


class Watch:
    """Watches a run where pytest reports, for what may be said of rows of the baseline that it did not measure."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._session: pytest.Session | None = None
        self._passed: dict[str, bool] = {}
        self._collected: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember which tests were run, and whether they passed."""
        fine = not (report.failed or report.skipped)
        self._passed[report.nodeid] = fine and (report.when == "setup" or self._passed.get(report.nodeid, True))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember which tests there are."""
        self._collected |= {item.nodeid for item in session.items}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Remember which tests there are for a worker of pytest-xdist: the same as for every other."""
        self._collected |= set(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Remember that a worker of pytest-xdist does not run all tests."""
        if getattr(node, "workeroutput", {}).get("robustness_part", False):
            self._config.stash[PART] = True

    def end(self, session: pytest.Session) -> None:
        """Take the session that has come to its end."""
        self._session = session

    def attached(self, card: Scorecard) -> Scorecard:
        """Return the scorecard with what it was compared with."""
        baseline = baseline_of(self._config)
        if baseline is None:
            return card
        return baseline.attached(card, self._gone(baseline, card))

    def conclude(self, card: Scorecard) -> tuple[list[Note], pytest.ExitCode]:
        """Write the baseline where that is asked for or there is none, and say what there is to say of it.

        Returns
        -------
        notes : list of Note
        code : ExitCode
            What the run ends with where all else is well.
        """
        baseline = baseline_of(self._config)
        if baseline is None:
            return [], pytest.ExitCode.OK
        from pytest_robustness.gates.keeping import keep_baseline, measured_in_full

        kept = keep_baseline(
            baseline,
            card,
            self._gone(baseline, card),
            finished=self._finished,
            whole=self._is_whole,
            strict=settings_of(self._config).strict,
        )
        return [*measured_in_full(settings_of(self._config)), *kept.notes], _CODES[kept.outcome]

    @property
    def _finished(self) -> bool:
        """Whether the run came to its end, whatever its tests said."""
        ends = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        return self._session is not None and self._session.exitstatus in ends

    @property
    def _is_whole(self) -> bool:
        """Whether every test was run that the arguments name by their files and folders."""
        config, session = self._config, self._session
        asked = any(config.getoption(name, None) for name in _PARTIAL) or any("::" in arg for arg in config.args)
        stopped = session is None or session.shouldstop or session.shouldfail
        return not config.stash.get(PART, False) and self._finished and not asked and not stopped

    def _gone(self, baseline: Baseline, card: Scorecard) -> list[Row]:
        """Return the rows of the baseline that no longer exist, as far as can be told.

        Their test passed without them, or is not there any more though others of its file are, or the file is not.
        """
        if not self._is_whole:
            return []
        files = {test.partition("::")[0] for test in self._collected}
        return [row for row in baseline.unmeasured(card) if row.test is not None and self._is_gone(row.test, files)]

    def _is_gone(self, test: str, files: set[str]) -> bool:
        if test in self._collected:
            return self._passed.get(test, False)
        config, name = self._config, test.partition("::")[0]
        file = config.rootpath / name
        if file == tables_of(config)[0]:
            return collects_tables(config)
        if name in files or file.exists():
            return name in files
        folders = [Path(os.path.abspath(config.invocation_params.dir / arg)) for arg in config.args]  # noqa: PTH100
        return any(file.is_relative_to(folder) for folder in folders)


def _folder(config: pytest.Config) -> Path:
    """Return where a relative path begins: where pytest was called, or the folder of the file that names it."""
    if config.getoption("robustness_baseline"):
        return config.invocation_params.dir
    if option_or_ini(config, "baseline"):
        return config.inipath.parent if config.inipath else config.rootpath
    return tables_of(config)[0].parent
