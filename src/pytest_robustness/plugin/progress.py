"""A line of progress while a long measurement runs."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from pytest_robustness.engine import Progress

SILENT_SECONDS = 30.0
"""Between two lines where the output is not a terminal."""

REDRAW_SECONDS = 0.2


class ProgressLine:
    """Shows how far a measurement is: in place on a terminal, a line every 30 s elsewhere, nothing from workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._shown = self._started = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        """Show `progress`, unless something was shown just before."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or self._config.get_verbosity() < 0:  # -p no:terminal, a worker of pytest-xdist, or -q
            return
        now = time.monotonic()
        if progress.done == 0:
            self._started = self._shown = now
        in_place = reporter.isatty
        finished = progress.done == progress.total
        if now - self._shown < (REDRAW_SECONDS if in_place else SILENT_SECONDS) and not (in_place and finished):
            return
        if finished and not in_place:
            return
        self._shown = now
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            if in_place:
                reporter.rewrite("" if finished else self._text(progress, now), erase=True)
            else:
                reporter.ensure_newline()
                reporter.write_line(self._text(progress, now))

    def _text(self, progress: Progress, now: float) -> str:
        return f"robustness: {progress.evaluation.family} {progress.bar()} {now - self._started:.0f} s"
