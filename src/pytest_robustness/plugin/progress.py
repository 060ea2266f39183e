"""A line of progress while a long measurement runs."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from pytest_robustness.engine import Progress

SILENT_SECONDS = 30.0
"""Between two lines where the output is not a terminal."""

REDRAW_SECONDS = 0.2

_WIPE = "\r\x1b[2K"


class ProgressLine:
    """Shows how far a measurement is: in place on a terminal, nothing from workers, and elsewhere a line at the end of
    a block, where the line before it is 30 s old.

    On a terminal it has a line of its own while it is there; then that line goes on as the one before it stopped, which
    names the test or its file.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._shown = self._started = time.monotonic()
        self._interrupted: object = None
        self._drawn = False
        self._ended = True

    def __call__(self, progress: Progress) -> None:
        """Show `progress`, unless something was shown just before."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or self._config.get_verbosity() < 0:  # -p no:terminal, a worker of pytest-xdist, or -q
            return
        now = time.monotonic()
        if progress.done == 0 or self._ended:
            self._started = self._shown = now
        finished = self._ended = progress.ended
        due = now - self._shown >= (REDRAW_SECONDS if reporter.isatty else SILENT_SECONDS)
        if not (self._drawn if finished else due):
            return
        self._shown = now
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            if finished:
                self._wipe(reporter)
            elif reporter.isatty:
                self._draw(reporter, self._text(progress, now))
            else:
                reporter.ensure_newline()
                reporter.write_line(self._text(progress, now))

    def _draw(self, reporter: pytest.TerminalReporter, text: str) -> None:
        if not self._drawn:
            self._interrupted = reporter.currentfspath
            reporter.ensure_newline()
            self._drawn = True
        # Past the writer of pytest, which counts the columns of the current line, and takes these for more of it.
        file = reporter._tw._file  # noqa: SLF001
        file.write(_WIPE + text[: reporter._tw.fullwidth - 1])  # noqa: SLF001
        file.flush()

    def _wipe(self, reporter: pytest.TerminalReporter) -> None:
        file = reporter._tw._file  # noqa: SLF001
        file.write(_WIPE)
        file.flush()
        self._drawn, before = False, self._interrupted
        if isinstance(before, Path):
            reporter.write(f"{_relative(before, self._config)} ")
            reporter.currentfspath = before
        elif isinstance(before, str) and before:
            reporter.write(before)
            reporter.currentfspath = before

    def _text(self, progress: Progress, now: float) -> str:
        return f"robustness: {progress.evaluation.family} {progress.bar()} {now - self._started:.0f} s"


def _relative(path: Path, config: pytest.Config) -> str:
    start = config.invocation_params.dir
    return str(path.relative_to(start) if path.is_relative_to(start) else path)
