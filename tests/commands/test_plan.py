"""The command ``plan``, and verdicts that hold together on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import binom

from pytest_robustness.cli import main
from pytest_robustness.metrics.power import deciding_counts

if TYPE_CHECKING:
    from pathlib import Path

TABLES = """
[robustness]
data = "mnist"
n = 100

[[robustness.require]]
family = "accuracy"
min_accuracy = 0.98

[[robustness.require]]
family = "adversarial"
attack = "pgd"
eps = 0.1
n = 1000
min_accuracy = 0.85

[[robustness.require]]
family = "calibration"
max_ece = 0.02
"""


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["plan", *arguments]) == 0
    return capsys.readouterr().out


def test_one_bound(capsys):
    assert said(capsys, "--bound", "0.85", "--value", "0.90", "--power", "0.95") == (
        "603 samples: an accuracy of 0.9 is passed (>= 0.85, rule verify, 95 % interval) with probability 0.960\n"
    )
    among = said(capsys, "--bound", "0.85", "--value", "0.8", "--population", "10000", "--confidence", "0.99")
    assert " samples of 10,000: an accuracy of 0.8 is failed (>= 0.85, rule verify, 99 % interval) with" in among


def test_where_no_sample_tells(capsys):
    assert said(capsys, "--bound", "0.85", "--value", "0.85").startswith("no number of samples: 0.85 is too close")
    text = said(capsys, "--bound", "0.85", "--value", "0.8501", "--population", "10000")
    assert text == "all 10,000 samples: fewer do not tell 0.8501 from 0.85, all do\n"


def test_all_of_a_file(capsys, tmp_path: Path):
    (tmp_path / "gates.toml").write_text(TABLES)
    lines = said(capsys, "--config", str(tmp_path / "gates.toml")).splitlines()
    cells = [line.split("  ") for line in lines]
    rows = [[cell.strip() for cell in row if cell.strip()] for row in cells[2:5]]
    assert rows[0] == ["accuracy", ">= 0.98", "100", "never", "-"]
    assert rows[1][1:4] == [">= 0.85", "1,000", "0.8890"]
    assert rows[2][1:] == ["<= 0.02", "100", "-", "-"]
    assert lines[-1].startswith("! accuracy: n = 100 is too few to pass >= 0.98: with every sample correct the 95 % ")
    together = TABLES.replace("n = 100\n", 'n = 100\nfamilywise = "holm"\n', 1)
    (tmp_path / "gates.toml").write_text(together)
    lines = said(capsys, "--config", str(tmp_path / "gates.toml"), "--margin", "0.01").splitlines()
    assert lines[-1].endswith("; it takes 237")  # each of three bounds has a third of the error
    assert "n for +0.01" in lines[0]


def test_regress_and_sequential_rows(capsys, tmp_path: Path):
    row = '[[robustness.require]]\nfamily = "accuracy"\nmin_accuracy = {}\n{}\n'
    rows = [(0.95, 'verdict = "regress"'), (0.95, "early_stop = 0.001"), (0.99, "early_stop = 0.001"), (0.95, "")]
    text = '[robustness]\ndata = "mnist"\nn = 200\n' + "".join(row.format(*one) for one in rows)
    (tmp_path / "gates.toml").write_text(text)
    lines = said(capsys, "--config", str(tmp_path / "gates.toml")).splitlines()
    found = [[cell.strip() for cell in line.split("  ") if cell.strip()][3:] for line in lines[2:6]]
    fixed = deciding_counts(200, 0.95)
    assert found[0][1] == "any"
    assert binom.sf(fixed.fails, 200, float(found[0][0])) == pytest.approx(0.95, abs=1e-3)
    assert binom.sf(fixed.passes - 1, 200, float(found[3][0])) == pytest.approx(0.95, abs=1e-3)
    assert found[1:] == [[f"<= {found[3][0]}", f"<= {found[3][1]}"], ["-", "-"], found[3]]
    assert any(line.startswith("any: under the rule regress") for line in lines)
    assert any(line.startswith("<=: of the interval") for line in lines)
    assert said(capsys, "--bound", "0", "--value", "0").startswith("1 sample: an accuracy of 0 is passed")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "plan needs --bound and --value"),
        (["--bound", "0.85"], "plan needs --bound and --value"),
        (["--bound", "85", "--value", "0.9"], "85 % is 0.85"),
        (["--bound", "0.85", "--value", "90"], "90 % is 0.9"),
        (["--bound", "-1", "--value", "0.9"], "bound is out of range"),
        (["--bound", "0.85", "--value", "0.9", "--power", "1"], "power is out of range"),
        (["--bound", "0.85", "--value", "0.9", "--confidence", "2"], "confidence is out of range"),
        (["--bound", "0.85", "--value", "0.9", "--population", "0"], "population must be an integer"),
        (["--bound", "0.85", "--value", "0.9", "--margin", "0.1"], "plan needs"),
        (["--config", "nowhere.toml"], "cannot be read"),
        (["--config", "nowhere.toml", "--bound", "0.8"], "--bound: for one bound"),
    ],
)
def test_mistakes(capsys, arguments, message):
    assert main(["plan", *arguments]) == 2
    assert message in capsys.readouterr().err


GATES = "\n".join(
    f'[[robustness.require]]\nfamily = "accuracy"\nmin_accuracy = {bound}\n'
    for bound in (0.5, 0.6, 0.7, 0.842, 0.855, 0.87)
)
MODELS = '''
import numpy as np

def predict(images):
    """Wrong for the first 19 of 200 images, which say so themselves."""
    return np.eye(2)[1 - (np.asarray(images)[:, 0, 0, 0] > 0.5).astype(int)]
'''


def test_verdicts_of_a_scorecard_that_hold_together(capsys, tmp_path, monkeypatch):
    # 181 of 200 correct, drawn from more so that intervals decide: see tests/plugin/test_familywise.py for the figures.
    images = np.zeros((200, 1, 8, 8), np.uint8)
    images[:19] = 255
    np.savez(tmp_path / "data.npz", images=images, labels=np.full(200, 1))
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "gates.toml").write_text("[robustness]\n" + GATES)
    monkeypatch.chdir(tmp_path)

    def verdicts(*options: str) -> list[str]:
        base = ["scorecard", "models.py:predict", "--data", "data.npz", "--config", "gates.toml", "--no-cache"]
        assert main([*base, "--verdict", "verify", "--report", "card.json", *options]) == 1
        rows = json.loads((tmp_path / "card.json").read_text())["rows"]
        by_bound = {row["threshold"]["bound"]: row["verdict"] for row in rows}
        return [by_bound[bound] for bound in sorted(by_bound)]

    assert verdicts() == ["passed"] * 5 + ["inconclusive"]
    assert verdicts("--familywise", "holm") == ["passed"] * 4 + ["inconclusive"] * 2
