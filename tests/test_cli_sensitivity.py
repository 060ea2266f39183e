"""The command ``sensitivity``: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from pytest_robustness import cli_sensitivity
from pytest_robustness.cli import main
from pytest_robustness.console import PASSED, USAGE
from pytest_robustness.engine import Progress
from pytest_robustness.evaluations import Sensitivity
from pytest_robustness.transforms.parametric import PARAMETERS

MODEL = """
import numpy as np

def fitted():
    from sklearn.linear_model import LogisticRegression
    with np.load("bars.npz") as data:
        return LogisticRegression().fit(data["images"].reshape(-1, 64) / 255, data["labels"])
"""


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A folder with 60 images of a bright bar on the left or on the right, entered."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60)
    images = rng.integers(0, 90, (60, 1, 8, 8))
    images[np.arange(60), 0, :, 2 + 3 * labels] += 120
    np.savez(tmp_path / "bars.npz", images=images.astype(np.uint8), labels=labels)
    (tmp_path / "model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sensitivity(*arguments):
    return main(["sensitivity", "model.py:fitted", "--data", "bars.npz", *arguments])


def test_the_whole_study(project, capsys):
    arguments = ["--gamma", "0", "10", "--brightness", "-1", "1", "--points", "40"]
    assert sensitivity(*arguments, "--plot", "new/out.png", "--save", "surface.npz", "--executor", "serial") == PASSED
    out, err = capsys.readouterr()
    for word in ("mean", "worst", "area", "largest drop", "robust box", "95 % interval", "60 images"):
        assert word in out
    assert "best: 1.0000 at gamma" in out
    assert "sensitivity done in" in err
    assert (project / "new" / "out.png").stat().st_size > 20_000
    with np.load("surface.npz") as file:
        assert len(file["points"]) <= 40
        assert file["n"] == 60
        worst = out.partition("worst: ")[2].split()[0]
        assert float(worst) == pytest.approx(file["accuracy"].min(), abs=1e-4)
    first = out
    assert sensitivity(*arguments, "-q") == PASSED
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[:5] == first.splitlines()[:5]  # from the store


def test_what_is_named_is_varied_and_nothing_beside_it(capsys):
    assert sensitivity("--gamma", "0.5", "2", "--points", "9") == PASSED
    assert "brightness" not in capsys.readouterr().out
    assert sensitivity("--points", "9", "--no-cache") == PASSED
    assert "brightness" in capsys.readouterr().out
    assert (
        sensitivity("--rotation", "-0.5", "0.5", "--translation-x", "-2", "2", "--points", "9", "--n", "20") == PASSED
    )
    out = capsys.readouterr().out
    assert "rotation" in out
    assert "translation_x" in out
    assert "20 images" in out


@pytest.mark.parametrize(
    "arguments",
    [["--scale", "0.5", "2", "--plot", "scale.svg"], ["--contrast", "0", "2", "--blur", "0", "2", "--plot", "two.pdf"]],
    ids=" ".join,
)
def test_pictures_of_other_parameters(project, arguments):
    assert sensitivity(*arguments, "--points", "9") == PASSED
    assert (project / arguments[-1]).stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gamma", "2", "1"], "range of gamma is reversed"),
        (["--gamma", "1", "1"], "range of gamma is empty"),
        (["--gamma", "0", "1", "--scale", "1", "2", "--blur", "0", "1"], "one or two parameters"),
        (["--sampler", "tensr"], "Did you mean 'tensor'"),
        (["--executor", "procesess:2"], "executor"),
        (["--points", "2"], "points"),
        (["--plot", "out.gif"], "unknown format of a picture: got 'out.gif'; allowed: .png, .svg, .pdf"),
        (["--save", "out.txt"], "unknown format of a surface: got 'out.txt'; allowed: .npz, .csv"),
        (["--save", "model.py/out.csv"], "a file cannot be written there"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_errors(capsys, arguments, message):
    assert sensitivity(*arguments) == USAGE
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""


def test_an_option_for_every_parameter():
    assert set(cli_sensitivity.PARAMETERS) == set(PARAMETERS)


def test_the_bar_knows_of_the_rounds_to_come(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = cli_sensitivity.SurfaceBar(quiet=False)
    bar.expected = 40
    bar(Progress(Sensitivity(), 10, 10))
    assert capsys.readouterr().err == "\r\x1b[2Ksensitivity [#####...............]  25% 0 s"
