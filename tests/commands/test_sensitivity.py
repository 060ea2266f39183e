"""The command ``sensitivity``: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_robustness.cli import main
from pytest_robustness.commands import sensitivity as command
from pytest_robustness.commands.console import PASSED, USAGE
from pytest_robustness.engine import Progress
from pytest_robustness.evaluations import Sensitivity, pictures
from pytest_robustness.transforms.parametric import PARAMETERS

MODEL = """
import numpy as np

def fitted():
    from sklearn.linear_model import LogisticRegression
    with np.load("bars.npz") as data:
        return LogisticRegression().fit(data["images"].reshape(-1, 64) / 255, data["labels"])
"""


SHIFTS = """
import numpy as np

number = 3

def wash(images, strength=0.0, tint=1.0):
    return np.clip(images * tint - strength, 0, 1)

def noisy(images, strength=0.0):
    return np.clip(images + strength * np.random.normal(size=images.shape), 0, 1)
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
    (tmp_path / "shifts.py").write_text(SHIFTS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sensitivity(*arguments):
    return main(["sensitivity", "model.py:fitted", "--data", "bars.npz", *arguments])


def test_the_whole_study(project, capsys):
    arguments = ["--gamma", "0", "10", "--brightness", "-1", "1", "--points", "40"]
    assert (
        sensitivity(*arguments, "--plot", "new/out.png", "--save", "surface.npz", "--executor", "processes:2") == PASSED
    )
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
        (["--brightness", "-2e0", "1"], "lower end of brightness is out of range: got -2.0"),
        (["--brightness", "-inf", "1"], "lower end of brightness"),
        (["--transform", "shifts.py:wash"], "one or two parameters"),
        (["--transform", "shift.py:wash", "--range", "strength", "0", "1"], "no such file of a transform"),
        (["--transform", "shifts.py:wish", "--range", "strength", "0", "1"], "Nearest names: wash"),
        (["--transform", "shifts.py:number", "--range", "strength", "0", "1"], "is no function: got 3"),
        (["--transform", "shifts.py:wash", "--range", "strenght", "0", "1"], "no such parameter: got 'strenght'"),
        (["--transform", "shifts.py:wash", "--range", "strength", "low", "1"], "must be two numbers: got 'low'"),
        (["--transform", "shifts.py:wash", "--range", "strength", "1", "0"], "range of strength is reversed"),
        (["--transform", "shifts.py:wash", "--gamma", "0", "1"], "an own function comes alone: got ['gamma']"),
        (["--transform", "shifts.py:wash", "--range", "level", "0", "1"], "called like an option: got 'level'"),
        (["--transform", "shifts.py:wash", *2 * ("--range", "tint", "0", "1")], "given twice: got 'tint'"),
        (["--range", "strength", "0", "1"], "Name the function with --transform"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_errors(capsys, arguments, message):
    assert sensitivity(*arguments) == USAGE
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""


def test_negative_numbers_in_any_form(capsys):
    assert sensitivity("--brightness", "-1e-3", "1e-3", "--points", "5") == PASSED
    assert "brightness -0.001" in capsys.readouterr().out
    assert sensitivity("--rotation", "-1E-1", "-.5e-1", "--points", "5") == PASSED
    assert "rotation -0.1" in capsys.readouterr().out
    own = ["--transform", "shifts.py:wash", "--range", "strength", "-2e-1", "-1e-1", "--points", "5"]
    assert sensitivity(*own) == PASSED
    assert "strength -0.2" in capsys.readouterr().out


def test_a_function_of_ones_own(project, capsys):
    own = ["--transform", "shifts.py:wash", "--range", "strength", "0", "1", "--range", "tint", "0.5", "1"]
    assert sensitivity(*own, "--points", "16", "--plot", "out.png", "--save", "out.csv") == PASSED
    out = capsys.readouterr().out
    assert "best: 1.0000 at strength" in out
    assert "robust box" in out
    assert (project / "out.png").stat().st_size > 20_000
    assert (project / "out.csv").read_text().startswith("strength,tint,accuracy,")
    assert sensitivity("--transform", "shifts.py:noisy", "--range", "strength", "0", "1") == USAGE
    assert "noisy makes something else of the same images from call to call" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--plot", "--save"])
def test_what_cannot_be_written_is_refused_before_the_work(project, monkeypatch, capsys, option):
    def fail(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    suffix = {"--plot": ".png", "--save": ".csv"}[option]
    monkeypatch.setattr(pictures.tempfile, "TemporaryFile", fail)
    assert sensitivity(option, f"out{suffix}") == USAGE
    err = capsys.readouterr().err
    assert f"a file cannot be written there: got 'out{suffix}'. Permission denied." in err
    assert "sensitivity done" not in err


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no file system without room for files")
def test_a_folder_that_takes_no_files(capsys):
    assert sensitivity("--plot", "/proc/self/out.png") == USAGE
    assert "a file cannot be written there: got '/proc/self/out.png'" in capsys.readouterr().err


def test_an_existing_file_is_not_touched_before_the_work(project, capsys):
    (project / "out.csv").write_text("old")
    assert sensitivity("--save", "out.csv", "--points", "2") == USAGE
    assert (project / "out.csv").read_text() == "old"
    assert not list(project.glob("tmp*"))


def test_an_option_for_every_parameter():
    assert set(command.PARAMETERS) == set(PARAMETERS)


def test_the_bar_knows_of_the_rounds_to_come(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = command.SurfaceBar(quiet=False)
    bar.expected = 40
    bar(Progress(Sensitivity(), 10, 10))
    assert capsys.readouterr().err == "\r\x1b[2Ksensitivity [#####...............]  25% 0 s"
