"""Scorecards side by side, and the baseline of the command line."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from pytest_robustness.cli import main
from tests.projects import write_squares

if TYPE_CHECKING:
    from pathlib import Path

MODELS = """
import numpy as np

def predict(images):
    quarters = np.asarray(images)[:, 0].reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4))
    return 20 * quarters.reshape(-1, 4)

def worse(images):
    logits = predict(images)
    logits[:, 0] += 1
    return logits

def other(images):
    logits = predict(images)
    return logits[:, [1, 2, 3, 0]]
"""

CONFIG = """
[robustness]
model = "models.py:predict"
data = "squares.npz"

[[robustness.require]]
family = "accuracy"
min_accuracy = 0.01

[[robustness.require]]
family = "ood"
outliers = "uniform-noise"
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_squares(tmp_path / "squares.npz")
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "robustness.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def measure(model: str, *options: str) -> int:
    return main(["scorecard", f"models.py:{model}", "--config", "robustness.toml", "-q", *options])


@pytest.fixture
def cards(project: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    for model in ("predict", "worse", "other"):
        assert measure(model, "--report", f"{model}.json") == 0
    capsys.readouterr()
    return ["predict.json", "worse.json", "other.json"]


def test_two_models(cards, capsys, project):
    assert main(["compare", *cards[:2], "--report", "delta.md", "delta.html"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "check predict worse better" in lines
    assert any(re.fullmatch(r"accuracy 88.8 % 82.2 % \(-6.5 \[-\d+.\d, -\d+.\d\]\) predict", line) for line in lines)
    assert "accuracy 1 0 0" in lines
    assert "worse beside predict: worse in accuracy" in lines
    assert lines[-2:] == ["written: delta.md", "written: delta.html"]
    text = (project / "delta.md").read_text()
    assert "| accuracy | 88.8 % | 82.2 % (-6.5 \\[-" in text
    assert "1 of 2 differences are not paired by sample." in text
    page = (project / "delta.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "default-src 'none'" in page
    assert "-6.5 points" in page
    assert "http" not in page.replace("http-equiv", "")


def test_many_models_and_all_metrics(cards, capsys):
    assert main(["compare", *cards, "--all"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "check predict worse other better" in lines
    assert any(line.startswith("other beside predict: worse in accuracy") for line in lines)
    assert any("FPR at 95" in line for line in lines)


def test_models_of_the_same_name_have_their_file(cards, capsys, project):
    (project / "again.json").write_text((project / "predict.json").read_text())
    assert main(["compare", "predict.json", "again.json"]) == 0
    out = capsys.readouterr().out
    assert "predict (predict)" in out
    assert "predict (again) beside predict (predict): not shown to be better or worse" in " ".join(out.split())


def test_what_is_better_here_and_worse_there(cards, capsys, project):
    document = json.loads((project / "worse.json").read_text())
    for row in document["rows"]:
        if row["metric"] == "auroc":
            row |= {"value": 0.9, "low": 0.88, "high": 0.92}
    (project / "worse.json").write_text(json.dumps(document))
    assert main(["compare", *cards[:2]]) == 0
    assert "worse beside predict: better in ood but worse in accuracy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict.json"], "a comparison needs two models"),
        (["predict.json", "none.json"], "none.json cannot be compared: a scorecard that cannot be read"),
        (["predict.json", "models.py"], "models.py cannot be compared: a scorecard that is not JSON"),
        (["predict.json", "broken.json"], "broken.json cannot be compared: a row of a model or of data"),
        (["predict.json", "apart.json"], "these scorecards have no row in common"),
        (["predict.json", "worse.json", "--report", "x.pdf"], "unknown format of a comparison"),
    ],
)
def test_what_cannot_be_compared(cards, capsys, project, arguments, message):
    document = json.loads((project / "predict.json").read_text())
    (project / "broken.json").write_text(json.dumps(document | {"models": []}))
    apart = document | {"rows": [row | {"parameters": {"x": 1}} for row in document["rows"]]}
    (project / "apart.json").write_text(json.dumps(apart))
    assert main(["compare", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_a_baseline_without_pytest(capsys, project):
    assert measure("predict", "--baseline", "base.json") == 0
    assert "written: base.json, there was no baseline: " in capsys.readouterr().out
    assert measure("predict", "--baseline", "base.json") == 0
    assert "0 worse, 0 better" in capsys.readouterr().out
    assert measure("worse", "--baseline", "base.json") == 1
    assert measure("worse", "--baseline", "base.json", "--max-drop", "0.5") == 0
    assert measure("worse", "--baseline", "base.json", "--update-baseline") == 0
    assert measure("worse", "--baseline", "base.json") == 0
    assert measure("worse", "--max-drop", "0.1") == 2
    assert measure("worse", "--update-baseline") == 2


def test_the_baseline_of_a_configuration_lies_beside_it(project, monkeypatch):
    text = CONFIG.replace("[robustness]", '[robustness]\nbaseline = "base.json"\nstrict = true', 1)
    (project / "sub").mkdir()
    (project / "sub" / "robustness.toml").write_text(text)
    arguments = ["scorecard", "models.py:predict", "--config", "sub/robustness.toml", "-q"]
    assert main(arguments) == 1  # a strict run without a baseline
    assert (project / "sub" / "base.json").exists()
    assert main(arguments) == 0


def test_rows_that_a_configuration_no_longer_has(capsys, project):
    measure("predict", "--baseline", "base.json")
    (project / "robustness.toml").write_text(CONFIG.rsplit("[[", 1)[0])
    capsys.readouterr()
    assert measure("predict", "--baseline", "base.json") == 0
    assert "rows of the baseline no longer exist: ood" in capsys.readouterr().out
