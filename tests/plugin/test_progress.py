"""Progress: in place on a terminal, a line now and then elsewhere, nothing where nobody reads it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_robustness.engine import Progress
from pytest_robustness.evaluations import Accuracy
from pytest_robustness.plugin import progress as module


class Reporter:
    """What is used of the reporter of pytest; whatever it writes is one text."""

    def __init__(self, *, isatty: bool, currentfspath: object = None) -> None:
        self.isatty = isatty
        self.currentfspath = currentfspath
        self.written = ""
        self._tw = SimpleNamespace(_file=SimpleNamespace(write=self.write, flush=lambda: None), fullwidth=70)

    def write(self, text: str) -> None:
        self.written += text

    def ensure_newline(self) -> None:
        self.written += "\n" if self.currentfspath else ""
        self.currentfspath = None

    def write_line(self, text: str) -> None:
        self.write(f"{text}\n")


def line(monkeypatch, reporter: Reporter | None, seconds: list[float], verbosity: int = 0) -> module.ProgressLine:
    clock = iter(seconds)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    plugins = {"terminalreporter": reporter}
    manager = SimpleNamespace(get_plugin=plugins.get)
    called = SimpleNamespace(dir=Path("/project"))
    config = SimpleNamespace(pluginmanager=manager, get_verbosity=lambda: verbosity, invocation_params=called)
    return module.ProgressLine(config)


def show(shown: module.ProgressLine, *done: int, total: int = 4) -> None:
    for count in done:
        shown(Progress(Accuracy(), count, total, ended=count == 4))


WIPE = "\r\x1b[2K"


def test_rounds_are_drawn_in_one_place_and_no_share_falls(monkeypatch):
    """What is planned so far is done twice before the end: the line of the test is not shown again in between."""
    reporter = Reporter(isatty=True, currentfspath="test_model.py::test_it ")
    shown = line(monkeypatch, reporter, [0, 0, 1.0, 2.0, 3.0])
    for done, ended in ((0, False), (1, False), (2, False), (2, True)):
        shown(Progress(Accuracy(), done, done if ended else None, ended))
    assert reporter.written == (
        f"\n{WIPE}robustness: accuracy 1 block done 1 s{WIPE}robustness: accuracy 2 blocks done 2 s"
        f"{WIPE}test_model.py::test_it "
    )


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (Path("/project/tests/test_model.py"), "tests/test_model.py "),
        (Path("/elsewhere/test_model.py"), "/elsewhere/test_model.py "),
        ("test_model.py::test_it ", "test_model.py::test_it "),
        (None, ""),
    ],
)
def test_in_place_on_a_terminal_and_wiped_at_the_end(monkeypatch, before, text):
    reporter = Reporter(isatty=True, currentfspath=before)
    show(line(monkeypatch, reporter, [0, 0, 1.0, 1.05, 2.5, 2.6]), 0, 1, 2, 3, 4)
    assert reporter.written == (
        ("\n" if before else "")
        + f"{WIPE}robustness: accuracy [#####...............]  25% 1 s"
        + f"{WIPE}robustness: accuracy [###############.....]  75% 2 s"
        + f"{WIPE}{text}"
    )
    assert reporter.currentfspath == before


def test_never_wider_than_the_terminal(monkeypatch):
    reporter = Reporter(isatty=True)
    reporter._tw.fullwidth = 20
    show(line(monkeypatch, reporter, [0, 0, 1.0]), 0, 1)
    assert reporter.written == f"{WIPE}robustness: accurac"


def test_a_quick_measurement_leaves_the_line_alone(monkeypatch):
    reporter = Reporter(isatty=True, currentfspath="test_model.py::test_it ")
    show(line(monkeypatch, reporter, [0, 0, 0.05, 0.1]), 0, 2, 4)
    assert not reporter.written


def test_a_line_every_half_minute_elsewhere(monkeypatch):
    reporter = Reporter(isatty=False)
    show(line(monkeypatch, reporter, [0, 0, 20.0, 31.0, 50.0, 90.0]), 0, 1, 2, 3, 4)
    assert reporter.written == "robustness: accuracy [##########..........]  50% 31 s\n"


@pytest.mark.parametrize(("reporter", "verbosity"), [(None, 0), (Reporter(isatty=True), -1)], ids=["none", "quiet"])
def test_silent(monkeypatch, reporter, verbosity):
    show(line(monkeypatch, reporter, [0, 0, 50.0, 99.0], verbosity), 0, 2, 4)
    assert reporter is None or not reporter.written


def test_passes_the_capture(run, monkeypatch):
    monkeypatch.setattr(module, "SILENT_SECONDS", -1.0)
    result = run("def test_it(robustness):\n    robustness.sensitivity(points=9)")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["robustness: sensitivity * done 0 s"])


DRIVER = """
import os, pty, sys

os.environ["COLUMNS"] = "80"
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""

SLOW = """
def test_quick(): ...

def test_slow(robustness):
    robustness.sensitivity(points=9)

def test_after(): ...
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("options", [[], ["-v"]], ids=["plain", "verbose"])
def test_on_a_real_terminal_the_lines_of_the_tests_stay(project, options):
    # As slow as it takes for a line of progress.
    slow = "\nimport time\n\ndef slow(images):\n    time.sleep(0.3)\n    return predict(images)\n"
    models = project.path / "models.py"
    models.write_text(models.read_text() + slow)
    project.makepyfile(test_model=SLOW)
    driver = project.path / "driver.py"
    driver.write_text(DRIVER)
    command = [sys.executable, "-m", "pytest", "--robustness-model=models.py:slow", "--robustness-no-cache", *options]
    result = project.run(sys.executable, str(driver), *command)
    assert result.ret == 0
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", text).strip("\r") for text in result.stdout.str().split("\n")]
    drawn = max(i for i, text in enumerate(lines) if "robustness: sensitivity " in text)
    after = lines[drawn + 1].removeprefix("\x1b[2K")  # in the place of the line of progress
    if options:
        assert after.split()[:2] == ["test_model.py::test_slow", "PASSED"]
        assert any(text.startswith("test_model.py::test_quick PASSED") for text in lines[:drawn])
    else:
        assert after.startswith("test_model.py ..")
        assert "test_model.py ." in [text.rstrip() for text in lines[:drawn]]
    assert lines[drawn + 1] != after
    assert sum("test_slow" in text for text in lines) <= 2  # before the line of progress and after it
