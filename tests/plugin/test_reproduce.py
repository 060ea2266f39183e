"""The command that the page gives for a row, run: it measures the same."""

from __future__ import annotations

import html
import re
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_robustness.scorecard import Scorecard

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = """
@pytest.mark.accuracy(min_accuracy=0.5)
@pytest.mark.parametrize("name", ["a b", "it's"])
def test_gate(name): ...

def test_noise(robustness):
    assert robustness.ood("uniform-noise", score="msp") >= 0.1
"""


def commands(project: pytest.Pytester, page: str = "card.html") -> list[list[str]]:
    text = (project.path / page).read_text(encoding="utf-8")
    found = re.findall(r'<code class="command">(.*?)</code>', text)
    return [shlex.split(html.unescape(command)) for command in found]


def same(project: pytest.Pytester, first: str, again: str) -> None:
    """The rows of the second are among those of the first."""
    before, after = (Scorecard.read(project.path / path) for path in (first, again))
    values = {(row.test, row.id): (row.value, row.low, row.high, row.n, row.verdict) for row in before.rows}
    assert after.rows
    assert all(values[row.test, row.id] == (row.value, row.low, row.high, row.n, row.verdict) for row in after.rows)


@pytest.mark.parametrize("extra", [(), ("-n", "2"), ("--junit-xml=junit.xml",), ("-n", "2", "--junit-xml=junit.xml")])
def test_the_command_of_each_row(
    project: pytest.Pytester,
    run: Callable[..., pytest.RunResult],
    run_apart: Callable[..., pytest.RunResult],
    extra: tuple[str, ...],
) -> None:
    given = ["--robustness-n=50", "--robustness-seed", "3", "--robustness-verdict=point"]
    result = (run_apart if "-n" in extra else run)(
        TESTS, *given, *extra, "--robustness-report=card.html", "--robustness-report=card.json"
    )
    result.assert_outcomes(passed=3)
    told = list(dict.fromkeys(map(tuple, commands(project))))
    assert len(told) == 3
    for command in told:
        assert command[0] == "pytest"
        assert command[2:] == ("--robustness-n=50", "--robustness-seed=3", "--robustness-verdict=point")
    for command in told if not extra else ():
        assert project.runpytest(*command[1:], "--robustness-report=again.json").ret == 0
        same(project, "card.json", "again.json")


def test_a_run_from_another_folder_with_options_of_pytest(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.path / "tests").mkdir()
    test = "import pytest\n\n@pytest.mark.accuracy(min_accuracy=0.5)\ndef test_gate(): ...\n"
    (project.path / "tests" / "test_gate.py").write_text(test, encoding="utf-8")
    (project.path / "other.ini").write_text("[pytest]\nrobustness_model = models.py:constant\n", encoding="utf-8")
    monkeypatch.chdir(project.path / "tests")
    result = project.runpytest(
        *("-c", "../other.ini", "-o", "robustness_data=../squares.npz", "-o", "robustness_model=../models.py:predict"),
        *("--rootdir=..", "--robustness-report=card.html", "--robustness-report=card.json"),
    )
    result.assert_outcomes(passed=1)
    (command,) = commands(project, "tests/card.html")
    assert project.runpytest(*command[1:], "--robustness-report=again.json").ret == 0
    same(project, "tests/card.json", "tests/again.json")


def test_a_requirement_of_a_table(project: pytest.Pytester, tables: Callable[..., str]) -> None:
    (project.path / "gate.toml").write_text(
        tables('family = "accuracy"\nmin_accuracy = 0.5', head="n = 60", prefix="robustness"), encoding="utf-8"
    )
    result = project.runpytest(
        "--robustness-config=gate.toml", "--robustness-report=card.html", "--robustness-report=card.json"
    )
    result.assert_outcomes(passed=1)
    (command,) = commands(project)
    assert command == ["pytest", "gate.toml::accuracy", "--robustness-config=gate.toml"]
    assert project.runpytest(*command[1:], "--robustness-report=again.json").ret == 0
    same(project, "card.json", "again.json")


def test_the_command_line(project: pytest.Pytester, tables: Callable[..., str]) -> None:
    (project.path / "gate 1.toml").write_text(
        tables('family = "accuracy"\nmin_accuracy = 0.5', prefix="robustness"), encoding="utf-8"
    )
    given = ["pytest-robustness", "scorecard", "models.py:predict", "--data=squares.npz", "--n=70", "--seed=5"]
    given += ["--config=gate 1.toml", "--no-cache"]
    module = (sys.executable, "-m", "pytest_robustness.cli")
    assert project.run(*module, *given[1:], "--report", "card.html", "card.json").ret == 0
    (command,) = commands(project)
    assert sorted(command) == sorted(given)
    assert command[:3] == given[:3]
    assert project.run(*module, *command[1:], "--report", "again.json").ret == 0
    same(project, "card.json", "again.json")
