"""Progress: in place on a terminal, a line now and then elsewhere, nothing where nobody reads it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_robustness.engine import Progress
from pytest_robustness.evaluations import Accuracy
from pytest_robustness.plugin import progress as module


class Reporter:
    def __init__(self, *, isatty: bool) -> None:
        self.isatty = isatty
        self.lines: list[str] = []

    def rewrite(self, text: str, *, erase: bool) -> None:
        assert erase
        self.lines.append(f"\r{text}")

    def ensure_newline(self) -> None: ...

    def write_line(self, text: str) -> None:
        self.lines.append(text)


def line(monkeypatch, reporter: Reporter | None, seconds: list[float], verbosity: int = 0) -> module.ProgressLine:
    clock = iter(seconds)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    plugins = {"terminalreporter": reporter}
    manager = SimpleNamespace(get_plugin=plugins.get)
    return module.ProgressLine(SimpleNamespace(pluginmanager=manager, get_verbosity=lambda: verbosity))


def show(shown: module.ProgressLine, *done: int, total: int = 4) -> None:
    for count in done:
        shown(Progress(Accuracy(), count, total))


def test_in_place_on_a_terminal_and_wiped_at_the_end(monkeypatch):
    reporter = Reporter(isatty=True)
    show(line(monkeypatch, reporter, [0, 0, 1.0, 1.05, 2.5, 2.6]), 0, 1, 2, 3, 4)
    assert reporter.lines == [
        "\rrobustness: accuracy [#####...............]  25% 1 s",
        "\rrobustness: accuracy [###############.....]  75% 2 s",
        "\r",
    ]


def test_a_line_every_half_minute_elsewhere(monkeypatch):
    reporter = Reporter(isatty=False)
    show(line(monkeypatch, reporter, [0, 0, 20.0, 31.0, 50.0, 90.0]), 0, 1, 2, 3, 4)
    assert reporter.lines == ["robustness: accuracy [##########..........]  50% 31 s"]


@pytest.mark.parametrize(("reporter", "verbosity"), [(None, 0), (Reporter(isatty=True), -1)], ids=["none", "quiet"])
def test_silent(monkeypatch, reporter, verbosity):
    show(line(monkeypatch, reporter, [0, 0, 50.0, 99.0], verbosity), 0, 2, 4)
    assert reporter is None or not reporter.lines


def test_passes_the_capture(run, monkeypatch):
    monkeypatch.setattr(module, "SILENT_SECONDS", -1.0)
    result = run("def test_it(robustness):\n    robustness.sensitivity(points=9)")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["robustness: sensitivity [[]*[]] * 0 s"])
