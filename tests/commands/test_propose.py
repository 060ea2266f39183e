"""The command `propose`: what it writes is met by the model that it was written for, and not by a damaged one."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_robustness.cli import main
from pytest_robustness.commands.console import FAILED, NOT_EVALUATED, PASSED, USAGE
from tests.projects import write_squares

MODELS = '''
import os
import numpy as np

def predict(images):
    """Logits: how bright each quarter of an 8 x 8 image is; a damaged one mistakes the last one."""
    quarters = np.asarray(images)[:, 0].reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4)).reshape(-1, 4)
    if os.path.exists("damaged"):
        quarters = quarters[:, [0, 1, 3, 2]]
    return 20 * quarters

def constant(images):
    return np.tile([9.0, 0.0, 0.0, 0.0], (len(images), 1))

def broken(images):
    raise OSError("no more GPU")
'''


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with models and 400 images, entered."""
    write_squares(tmp_path / "squares.npz", brightness=0.6)
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "asked.toml").write_text(ASKED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


ASKED = """
[robustness]
data = "squares.npz"
seed = 3

[[robustness.require]]
family = "accuracy"
min_accuracy = 1.0

[[robustness.require]]
family = "accuracy"
n = 200
confidence = 0.9
early_stop = 0.05

[[robustness.require]]
family = "ood"
outliers = "uniform-noise"
score = "max-logit"
"""

FILE = ("--output", "requirements.toml")


def propose(*arguments: str, model: str = "models.py:predict") -> int:
    return main(["propose", model, "--data", "squares.npz", "-q", *arguments])


def table(path: str = "requirements.toml") -> dict[str, Any]:
    return tomllib.loads(Path(path).read_text(encoding="utf-8"))["robustness"]


def run_pytest(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir=.", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("n", [(), ("--n", "200")], ids=["all", "sample"])
def test_there_and_back(n: tuple[str, ...]) -> None:
    assert propose(*n, *FILE, "--seed", "5") == PASSED
    found = table()
    head = {"model": "models.py:predict", "data": "squares.npz", "seed": 5} | ({"n": 200} if n else {})
    assert {key: value for key, value in found.items() if key != "require"} == head
    families = {row["family"] for row in found["require"]}
    assert {"accuracy", "calibration", "sensitivity"} <= families
    for row in found["require"]:
        assert sum(key.startswith(("min_", "max_")) and key != "max_queries" for key in row) == 1
    assert main(["scorecard", "models.py:predict", "--config", "requirements.toml", "-q"]) == PASSED
    gate = run_pytest("--robustness-config=requirements.toml", "--robustness-no-cache")
    assert gate.returncode == 0, gate.stdout
    assert f"{len(found['require'])} passed" in gate.stdout
    Path("damaged").touch()
    assert main(["scorecard", "models.py:predict", "--config", "requirements.toml", "-q", "--no-cache"]) == FAILED
    gate = run_pytest("--robustness-config=requirements.toml", "--robustness-no-cache")
    assert gate.returncode == 1
    assert " failed" in gate.stdout


def test_the_same_from_a_scorecard(capsys: pytest.CaptureFixture[str]) -> None:
    assert propose("--n", "200", "--all", *FILE) == PASSED
    scorecard = ["scorecard", "models.py:predict", "--data", "squares.npz", "--n", "200", "--report", "card.json", "-q"]
    assert main(scorecard) == PASSED
    assert main(["propose", "--from", "card.json", "--output", "again.toml"]) == USAGE
    assert "Give --data=PATH." in capsys.readouterr().err
    assert (
        main(["propose", "--from", "card.json", "--data", "squares.npz", "--all", "--output", "again.toml"]) == PASSED
    )
    assert table("again.toml") == table()


def test_a_table_says_what_to_measure() -> None:
    assert main(["propose", "models.py:predict", "--config", "asked.toml", "-q", *FILE]) == PASSED
    found = table()
    assert (found["data"], found["seed"]) == ("squares.npz", 3)
    first, second, third = found["require"]
    assert first.keys() == {"family", "min_accuracy"}
    assert first["min_accuracy"] < 1
    assert (second["n"], second["confidence"]) == (200, 0.9)
    assert "early_stop" not in second
    assert third["score"] == "max-logit"
    assert main(["scorecard", "models.py:predict", "--config", "requirements.toml", "-q"]) == PASSED


def test_the_model_of_a_table_is_taken_where_none_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    asked = Path("asked.toml").read_text(encoding="utf-8")
    Path("with_model.toml").write_text(asked.replace("[robustness]", "[robustness]\nmodel = 'models.py:predict'"))
    assert main(["propose", "--config", "with_model.toml", "-q", *FILE]) == PASSED
    assert table()["model"] == "models.py:predict"
    assert main(["propose", "--config", "asked.toml", "-q"]) == USAGE
    assert "no model in asked.toml" in capsys.readouterr().err


def test_a_folder_is_refused_before_anything_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder").mkdir()
    assert propose("--output", "folder", "--force", model="models.py:broken") == USAGE
    assert "the output is a folder" in capsys.readouterr().err


def test_a_table_that_cannot_be_written_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert main(["propose", "models.py:predict", "--config", "asked.toml", "-q", *FILE]) == USAGE
    shown = capsys.readouterr()
    assert "No space left on device" in shown.err
    assert tomllib.loads(shown.out)["robustness"]["model"] == "models.py:predict"


HIDDEN = """
import torch

class Net(torch.nn.Module):
    def forward(self, images):
        return 20 * torch.nn.functional.avg_pool2d((images * 8).round() / 8, 4).flatten(1)
"""


def test_an_attack_that_cannot_work_counts_as_not_evaluated(capsys: pytest.CaptureFixture[str]) -> None:
    Path("nets.py").write_text(HIDDEN)
    attacked = '[[robustness.require]]\nfamily = "adversarial"\nattack = "fgsm"\neps = 0.05\n'
    head = '[robustness]\nmodel = "nets.py:Net"\ndata = "squares.npz"\n'
    Path("attacked.toml").write_text(head + '[[robustness.require]]\nfamily = "accuracy"\n' + attacked)
    assert main(["propose", "--config", "attacked.toml", "-q", *FILE]) == NOT_EVALUATED
    assert [row["family"] for row in table()["require"]] == ["accuracy"]
    assert "left out: adversarial(attack=fgsm, eps=0.05): it cannot be relied on" in capsys.readouterr().err


def test_a_row_that_no_table_asks_for_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scorecard", "models.py:predict", "--config", "asked.toml", "--report", "card.json", "-q"]) == FAILED
    card = json.loads(Path("card.json").read_text())
    for row in card["rows"]:
        row["parameters"].pop("score", None)  # from a version, say, that had another one by default
    Path("card.json").write_text(json.dumps(card))
    assert main(["propose", "--from", "card.json", "--data", "squares.npz", *FILE]) == PASSED
    assert {row["family"] for row in table()["require"]} == {"accuracy"}
    assert "its parameters cannot be written as a table" in capsys.readouterr().err


def test_rows_of_other_settings_come_from_a_scorecard_too() -> None:
    report = ["--report", "card.json", "-q"]
    assert main(["scorecard", "models.py:predict", "--config", "asked.toml", *report]) == FAILED
    assert main(["propose", "--from", "card.json", "--data", "squares.npz", *FILE]) == PASSED
    found = table()
    assert found["seed"] == 3
    one, other, third = sorted(found["require"], key=lambda row: (row["family"], "n" in row))
    assert one.keys() == {"family", "min_accuracy"}
    assert (other["n"], other["confidence"]) == (200, 0.9)
    assert third["outliers"] == "uniform-noise"
    assert main(["scorecard", "models.py:predict", "--config", "requirements.toml", "-q"]) == PASSED


def test_other_data_that_has_no_name_is_left_out() -> None:
    Path("other.npz").write_bytes(Path("squares.npz").read_bytes())
    Path("asked.toml").write_text(ASKED.replace("n = 200", 'data = "other.npz"\nn = 200'))
    report = ["--report", "card.json", "-q"]
    assert main(["scorecard", "models.py:predict", "--config", "asked.toml", *report]) == FAILED
    assert main(["propose", "--from", "card.json", "--data", "squares.npz", *FILE]) == PASSED
    assert [row["family"] for row in table()["require"]] == ["accuracy", "ood"]
    assert "does not say where its data is: got 'other'" in Path("requirements.toml").read_text()


def test_a_card_of_two_models(capsys: pytest.CaptureFixture[str]) -> None:
    from pytest_robustness.scorecard import Scorecard

    payloads = []
    for name in ("predict", "constant"):
        report = ["--report", f"{name}.json", "-q", "--n", "200"]
        assert main(["scorecard", f"models.py:{name}", "--data", "squares.npz", *report]) in (PASSED, NOT_EVALUATED)
        card = Scorecard.read(f"{name}.json")
        payloads += [
            {"row": row.to_dict(), "model": card.models[0].to_dict(), "data": card.datasets[0].to_dict()}
            for row in card.rows
        ]
    Scorecard.from_rows(payloads, seed=0).write("both.json")
    both = ["propose", "--from", "both.json", "--data", "squares.npz"]
    capsys.readouterr()
    assert main(both) == USAGE
    assert "--model-name=NAME" in capsys.readouterr().err
    assert main([*both, "--model-name", "nobody"]) == USAGE
    assert "no model of that name" in capsys.readouterr().err
    assert main([*both, "--model-name", "predict", *FILE]) == PASSED
    assert table()["model"] == "models.py:predict"


def test_a_model_that_knows_nothing_gets_no_bound_but_on_its_calibration(capsys: pytest.CaptureFixture[str]) -> None:
    code = propose(model="models.py:constant")
    out, error = capsys.readouterr()
    assert "min_accuracy" not in out
    assert "a model that knows nothing has" in error
    assert code in (PASSED, NOT_EVALUATED)


def test_nothing_to_propose_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert propose(*FILE, model="models.py:broken") == NOT_EVALUATED
    Path("one.toml").write_text('[robustness]\n[[robustness.require]]\nfamily = "accuracy"\n')
    assert propose("--config", "one.toml", *FILE, model="models.py:constant") == NOT_EVALUATED
    error = capsys.readouterr().err
    assert "there is no bound to propose" in error
    assert "would ask for nothing" in error
    assert not Path("requirements.toml").exists()


def test_what_cannot_be_evaluated_is_a_comment(capsys: pytest.CaptureFixture[str]) -> None:
    text = ASKED + '[[robustness.require]]\nfamily = "adversarial"\nattack = "fgsm"\neps = 0.1\n'
    Path("asked.toml").write_text(text)
    assert propose("--config", "asked.toml", *FILE) == NOT_EVALUATED
    assert "offers no gradients" in capsys.readouterr().err
    written = Path("requirements.toml").read_text()
    assert "offers no gradients" in written.split("# Left out:")[1]
    assert "offers no probabilities" not in written
    assert len(table()["require"]) == 3


def test_a_broken_attack_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scorecard", "models.py:predict", "--config", "asked.toml", "--report", "card.json", "-q"]) == FAILED
    card = json.loads(Path("card.json").read_text())
    (row,) = [row for row in card["rows"] if row["family"] == "accuracy" and row["n"] == 400]
    row["faults"] = ["gradients are hidden"]
    Path("card.json").write_text(json.dumps(card))
    capsys.readouterr()
    assert main(["propose", "--from", "card.json", "--data", "squares.npz"]) == PASSED
    out, _ = capsys.readouterr()
    assert "cannot be relied on: gradients are hidden" in out.split("# Left out:")[1]
    assert [row.get("n") for row in tomllib.loads(out)["robustness"]["require"]] == [200, None]


def test_a_file_is_overwritten_on_demand_only(capsys: pytest.CaptureFixture[str]) -> None:
    Path("requirements.toml").write_text("mine")
    asked = ("--config", "asked.toml", *FILE)
    assert propose(*asked) == USAGE
    assert "Give --force to overwrite it." in capsys.readouterr().err
    assert Path("requirements.toml").read_text() == "mine"
    assert propose(*asked, "--force") == PASSED
    assert table()["require"]


def test_standard_output_is_the_table_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert propose("--config", "asked.toml", "--margin", "0") == PASSED
    sharp = tomllib.loads(capsys.readouterr().out)
    assert propose("--config", "asked.toml", "--margin", "3") == PASSED
    lenient = tomllib.loads(capsys.readouterr().out)
    one, other = (found["robustness"]["require"][0]["min_accuracy"] for found in (sharp, lenient))
    assert one > other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "propose needs a model"),
        (["models.py:predict", "--from", "card.json"], "exclude each other"),
        (["--from", "card.json", "--n", "5", "--no-cache"], "got '--n, --no-cache'"),
        (["--from", "none.json"], "none.json"),
        (["--from", "models.py"], "not JSON"),
        (["models.py:predict", "--model-name", "x"], "--model-name chooses from a scorecard"),
        (["models.py:predict", "--margin", "-1"], "the margin is out of range"),
        (["models.py:predict", "--output", "pyproject.toml"], "a file of its own"),
        (["models.py:predict", "--output", "nowhere/a.toml"], "no folder to be in"),
        (["models.py:predict", "--data", "mnits"], "Did you mean 'mnist'?"),
        (["models.py:predict", "--config", "wrong.toml"], "requirement 1"),
        (["models.py:predict", "--config", "empty.toml"], "no requirement in empty.toml"),
    ],
)
def test_mistakes(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    Path("wrong.toml").write_text('[robustness]\ndata = "squares.npz"\n[[robustness.require]]\nfamily = "acuracy"\n')
    Path("empty.toml").write_text("[robustness]\n")
    assert main(["propose", *arguments]) == USAGE
    assert message in capsys.readouterr().err
