"""The command `scorecard`: exit codes, what goes to which stream, and the standard suite."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_robustness.cli import main
from pytest_robustness.commands.console import NOT_EVALUATED, USAGE
from tests.projects import write_squares

if TYPE_CHECKING:
    from pathlib import Path

MODELS = '''
import numpy as np

def predict(images):
    """Logits: how bright each quarter of an 8 x 8 image is."""
    quarters = np.asarray(images)[:, 0].reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4))
    return 20 * quarters.reshape(-1, 4)

def labels(images):
    return predict(images).argmax(axis=1)

def broken(images):
    raise OSError("no more GPU")

def interrupted(images):
    raise KeyboardInterrupt

def fitted():
    from sklearn.linear_model import LogisticRegression
    with np.load("squares.npz") as data:
        return LogisticRegression().fit(data["images"].reshape(-1, 64) / 255, data["labels"])
'''

PASSES = '[[robustness.require]]\nfamily = "accuracy"\nmin_accuracy = 0.5\n'
FAILS = '[[robustness.require]]\nfamily = "calibration"\nmax_ece = 0.01\n'
IMPOSSIBLE = '[[robustness.require]]\nfamily = "adversarial"\nattack = "fgsm"\neps = 0.1\n'
UNSURE = '[[robustness.require]]\nfamily = "accuracy"\nn = 100\nmin_accuracy = 0.88\n'


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with models and 400 images, entered."""
    write_squares(tmp_path / "squares.npz")
    (tmp_path / "models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scorecard(*arguments: str, model: str = "models.py:predict", tables: str = "") -> int:
    if tables:
        with open("gate.toml", "w") as file:  # noqa: PTH123
            file.write('[robustness]\ndata = "squares.npz"\n' + tables)
        arguments = ("--config", "gate.toml", *arguments)
    else:
        arguments = ("--data", "squares.npz", *arguments)
    return main(["scorecard", model, *arguments])


@pytest.mark.parametrize(
    ("tables", "code"),
    [(PASSES, 0), (PASSES + FAILS, 1), (IMPOSSIBLE, 3), (PASSES + IMPOSSIBLE, 3), (FAILS + IMPOSSIBLE, 1), (UNSURE, 1)],
    ids=["passes", "fails", "impossible", "passes and impossible", "fails and impossible", "unsure"],
)
def test_exit_codes(tables, code):
    assert scorecard(tables=tables) == code


def test_what_is_shown(capsys):
    assert scorecard(tables=PASSES + FAILS + IMPOSSIBLE) == 1
    out, error = capsys.readouterr()
    assert out.startswith("predict on squares, 400 images, seed 0\n")
    assert "0.1732" in out
    assert "robustness: 1 passed, 1 failed" in out
    assert "could not evaluate adversarial: predict offers no gradients" in error
    assert "2/3 calibration done in " in error


@pytest.mark.parametrize(
    ("option", "shown"),
    [("-q", False), ("-v", True)],
)
def test_verbosity(capsys, option, shown):
    scorecard(option, tables=PASSES)
    out, error = capsys.readouterr()
    assert ("class 0" in out) == shown
    assert out.count("\n") == 2 or shown  # of 80 columns
    assert ("done in" in error) == shown


@pytest.mark.parametrize("what", ["fail", "pass", "skip"])
def test_inconclusive(what):
    assert scorecard("--inconclusive", what, tables=UNSURE) == (1 if what == "fail" else 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n", "0"], "n is out of range: got 0"),
        (["--verdict", "maybe"], "allowed: point, verify, regress"),
        (["--confidence", "2"], "confidence is out of range"),
        (["--report", "card.txt"], "allowed: .json, .md, .html, .csv"),
        (["--data", "mnits"], "Did you mean 'mnist'?"),
        (["--config", "none.toml"], "none.toml"),
        (["--config", "models.py"], "is not TOML"),
        (["--config", "empty.toml"], "no requirement in empty.toml"),
        (["--config", "wrong.toml"], "requirement 1"),
        (["--config", "head.toml"], "unknown setting: got 'sed'"),
        (["--config", "n.toml"], "n is out of range: got -1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_errors(capsys, project, arguments, message):
    (project / "empty.toml").write_text("[robustness]")
    (project / "wrong.toml").write_text('[[robustness.require]]\nfamily = "accuracy"\nmin_acc = 1')
    (project / "head.toml").write_text("[robustness]\nsed = 1\n" + PASSES)
    (project / "n.toml").write_text('[robustness]\ndata = "squares.npz"\n' + PASSES + "n = -1")
    assert main(["scorecard", "models.py:predict", *arguments]) == USAGE
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [[], ["scorecard"], ["nothing"], ["data"], ["scorecard", "m", "--n", "x"], ["scorecard", "m", "--bogus"]],
    ids=str,
)
def test_usage_errors_of_the_parser(arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(arguments)
    assert exit_info.value.code == USAGE


@pytest.mark.parametrize("model", ["models.py:broken", "models.py:nothing", "none.py:x", "none.pt"])
def test_models_that_cannot_be_evaluated(capsys, model):
    assert scorecard(model=model) == NOT_EVALUATED
    out, error = capsys.readouterr()
    assert error.startswith("pytest-robustness: ")
    assert "Traceback" not in out + error


def test_interrupted(capsys):
    assert scorecard(model="models.py:interrupted") == 130
    assert "interrupted" in capsys.readouterr().err


def test_reports(project, capsys):
    names = ["card.json", "card.md", "card.html", "card.csv"]
    assert scorecard("--report", *names, tables=PASSES) == 0
    assert all((project / name).is_file() for name in names)
    out = capsys.readouterr().out
    assert all(f"written: {name}" in out for name in names)
    (row,) = json.loads((project / "card.json").read_text())["rows"]
    assert (row["value"], row["verdict"], row["test"]) == (0.8875, "passed", None)


def test_a_report_that_cannot_be_written(project, capsys):
    (project / "folder.json").mkdir()
    assert scorecard("--report", "folder.json", tables=PASSES) == USAGE
    assert "cannot be written" in capsys.readouterr().err


def test_settings_of_the_head_and_of_options(project, capsys):
    head = 'n = 50\nseed = 4\nreport = ["card.json"]\n'
    scorecard("--seed", "5", tables=head + PASSES)
    assert "predict on squares, 50 of 400 images, seed 5" in capsys.readouterr().out
    assert json.loads((project / "card.json").read_text())["seed"] == 5


def test_tables_of_pyproject(project):
    text = '[tool.robustness]\ndata = "squares.npz"\n' + PASSES.replace("robustness.", "tool.robustness.")
    (project / "pyproject.toml").write_text(text)
    assert main(["scorecard", "models.py:predict", "--config", "pyproject.toml"]) == 0


def test_stored_outcomes(project):
    names = ("one.json", "two.json", "three.json")
    for name in names:
        more = ["--no-cache"] if name == "three.json" else []
        assert scorecard("--report", name, *more, model="models.py:fitted", tables=PASSES) == 0
    cached = [json.loads((project / name).read_text())["rows"][0]["cached"] for name in names]
    assert cached == [False, True, False]
    assert (project / ".pytest_cache" / ".gitignore").read_text() == "*\n"


def test_a_cache_that_cannot_be_made(project, capsys):
    (project / ".pytest_cache").touch()
    assert scorecard(tables=PASSES) == 0
    assert "outcomes are not stored" in capsys.readouterr().err


def families(project: Path) -> set[str]:
    return {row["family"] for row in json.loads((project / "card.json").read_text())["rows"]}


def test_standard_suite_with_gradients(project, capsys):
    assert scorecard("--n", "40", "--report", "card.json", model="models.py:fitted") == 0
    assert families(project) == {
        "accuracy",
        "adversarial",
        "corruption",
        "ood",
        "calibration",
        "sensitivity",
        "saliency",
    }
    assert "left out" not in capsys.readouterr().out


def test_standard_suite_says_what_it_leaves_out(project, capsys):
    assert scorecard("--n", "40", "--report", "card.json", model="models.py:labels") == 0
    assert families(project) == {"accuracy", "adversarial", "corruption", "sensitivity"}
    out = capsys.readouterr().out.splitlines()
    assert [line for line in out if line.startswith("left out")] == [
        "left out: ood: labels offers no probabilities",
        "left out: calibration: labels offers no probabilities",
        "left out: saliency: labels offers no probabilities",
    ]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    import os

    command = [sys.executable, "-m", "pytest_robustness.cli", *arguments]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, **environment})


def test_as_a_process_on_a_stream_that_takes_ascii_only(project):
    (project / "gate.toml").write_text('[robustness]\ndata = "squares.npz"\n' + PASSES)
    result = run("scorecard", "models.py:predict", "--config", "gate.toml", PYTHONIOENCODING="ascii")
    assert result.returncode == 0, result.stderr
    assert b">= 50 %" in result.stdout


def test_an_attack_that_could_not_work_is_no_success(tmp_path, monkeypatch, capsys):
    source = """
import torch

class Quantised(torch.nn.Module):
    def forward(self, images):
        return 20 * torch.nn.functional.adaptive_avg_pool2d(images.round(), (2, 5)).flatten(1)
"""
    (tmp_path / "quantised.py").write_text(source, encoding="utf-8")
    head = "[robustness]\ndata = 'digits'\nn = 50\n"
    config = head + "[[robustness.require]]\nfamily = 'adversarial'\nattack = 'fgsm'\neps = 0.1"
    (tmp_path / "gate.toml").write_text(config, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["scorecard", "quantised.py:Quantised", "--config", "gate.toml"]) == 3
    assert "cannot be relied on: the gradient is exactly zero" in capsys.readouterr().err
