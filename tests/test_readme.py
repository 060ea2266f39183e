"""Every code block of the README runs: the files are written, the commands are executed, the outcomes are looked at."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import write_readme_model

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(README.read_text(encoding="utf-8")) if found == language]


def commands() -> list[str]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in lines)
    return [line.removeprefix("$ ") for line in lines if not line.startswith("$ pip ")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the model and every file that the README shows, under the name in its first line."""
    folder = tmp_path_factory.mktemp("readme")
    write_readme_model(folder)
    for text in [*blocks("python"), *blocks("toml")]:
        name = text.splitlines()[0].removeprefix("# ")
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    kinds = {kind for kind, _ in BLOCK.findall(README.read_text(encoding="utf-8"))}
    assert kinds == {"python", "toml", "console", "text"}
    assert len(commands()) == 8


@pytest.mark.parametrize("command", commands())
def test_the_commands_run(project: Path, command: str) -> None:
    program, *arguments = shlex.split(command)
    if arguments[0] == "compare":  # scorecards of an earlier command, and of this one
        for name in ("base.json", "head.json"):
            card = ["scorecard", "mypackage.models:load", "--data", "digits", "--n", "100", "--report", name]
            run([sys.executable, "-m", "pytest_robustness.cli", *card], project)
    module = {"pytest": "pytest", "pytest-robustness": "pytest_robustness.cli"}[program]
    output = run([sys.executable, "-m", module, *arguments], project)
    if program == "pytest":
        assert "robustness scorecard" in output
        assert "passed" in output
    if "--report" in arguments:
        assert (project / "scorecard.html").stat().st_size > 10_000
        assert (project / "scorecard.json").is_file()


def test_the_python_example_runs(project: Path) -> None:
    lines = run([sys.executable, "in_python.py"], project).splitlines()
    assert re.fullmatch(r"0\.\d{4} \[0\.\d{4}, [01]\.\d{4}\] \(n = 500\)", lines[0])
    assert lines[1].startswith("Part(name=")


def test_the_option_table_is_complete() -> None:
    from pytest_robustness.plugin.options import OPTIONS

    text = README.read_text(encoding="utf-8")
    shown = set(re.findall(r"^\| `--robustness-([a-z-]+)", text, re.MULTILINE))
    assert shown == {option.name for option in OPTIONS} | {"config", "no-cache"}


def test_the_markers_and_thresholds_are_complete() -> None:
    from pytest_robustness.evaluations import FAMILIES

    text = README.read_text(encoding="utf-8")
    for name, family in FAMILIES.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
        assert set(re.findall(r"`(m(?:in|ax)_\w+)`", row)) == set(family.thresholds)
