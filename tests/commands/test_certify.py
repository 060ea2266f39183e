"""The command ``certify``: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from pytest_robustness.cli import main
from pytest_robustness.commands.console import NOT_EVALUATED, PASSED, USAGE, ProgressBar
from pytest_robustness.evaluations import CertifiedAccuracy

MODEL = """
import numpy as np
import torch

class Halves(torch.nn.Module):
    def forward(self, images):
        left, right = images[..., :4].sum(dim=(1, 2, 3)), images[..., 4:].sum(dim=(1, 2, 3))
        return torch.stack([left, right], dim=1)

def load():
    def halves(images):
        left, right = images[..., :4].sum(axis=(1, 2, 3)), images[..., 4:].sum(axis=(1, 2, 3))
        return np.stack([left, right], axis=1)
    return halves
"""

KILLED = """
import os, signal, sys
from pytest_robustness.cli import main
from pytest_robustness.commands.console import ProgressBar

def die(bar, progress):
    if progress.done == 2:
        os.kill(os.getpid(), signal.SIGKILL)

ProgressBar.__call__ = die
main(sys.argv[1:])
"""
"""A run that is killed as soon as two of its five blocks are done."""

NET = "model.py:Halves"
"""A model that is known by its weights, so that outcomes are stored."""


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A folder with 40 images, white on the left or on the right but for a few pixels, entered."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 40)
    images = np.zeros((40, 1, 8, 8), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[0, :, 4 * label : 4 * label + 4] = 255
    images[random.random(images.shape) < 0.1] = 255
    np.savez(tmp_path / "halves.npz", images=images, labels=labels)
    (tmp_path / "model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def certify(*arguments, model="model.py:load"):
    return main(["certify", model, "--data", "halves.npz", *arguments])


def test_a_curve(project, capsys):
    arguments = ["--norm", "l0", "--alpha", "0.8", "--n", "2000", "--radius", "0..4"]
    assert certify(*arguments, "--save", "new/out.tsv", "--plot", "out.png") == PASSED
    out, err = capsys.readouterr()
    assert "certify done in" in err
    for text in ("l0 radius", "certified accuracy", "95 % interval", "mean radius: ", "median radius: ", "40 images"):
        assert text in out
    assert "2,100 draws an image" in out
    assert "for each image, a false certificate has a chance of at most 0.001; the intervals\ndo not include" in out
    assert max(map(len, out.splitlines())) <= 80
    assert (project / "out.png").stat().st_size > 10_000
    table = pd.read_csv("new/out.tsv", sep="\t")
    assert list(table.columns) == ["idx", "label", "predict", "radius", "correct", "time"]
    assert table["idx"].tolist() == list(range(40))
    shown = {int(line.split()[0]): float(line.split()[1]) for line in out.splitlines()[2:7]}
    for radius, accuracy in shown.items():
        assert accuracy == pytest.approx(((table["radius"] >= radius) & (table["correct"] == 1)).mean(), abs=1e-4)
    assert shown[0] >= shown[4]
    assert shown[1] > 0.5


def test_one_radius_takes_few_draws_and_what_is_stored_is_not_drawn_again(capsys, monkeypatch):
    assert certify("--radius", "1", "--save", "out.csv", model=NET) == PASSED
    first, _ = capsys.readouterr()
    table = pd.read_csv("out.csv")
    assert set(table["radius"]) <= {0, 1}
    draws = float(first.partition(" draws an image")[0].split(", ")[-1].replace(",", ""))
    assert draws < 5000
    monkeypatch.setattr(CertifiedAccuracy, "run_block", None)
    assert certify("--radius", "1", "--save", "again.csv", "-q", model=NET) == PASSED
    out, err = capsys.readouterr()
    assert err == ""
    assert out.replace("again.csv", "out.csv") == first
    pd.testing.assert_frame_equal(pd.read_csv("again.csv"), table)


@pytest.fixture
def steps(monkeypatch):
    """What the bar is told, as pairs of blocks done and planned."""
    told = []

    def note(bar, progress):
        if not progress.ended:
            told.append((progress.done, progress.total))

    monkeypatch.setattr(ProgressBar, "__call__", note)
    return told


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill a process outright")
def test_a_killed_run_goes_on_where_it_was(project, steps):
    (project / "killed.py").write_text(KILLED)
    arguments = ["--data", "halves.npz", "--radius", "1"]
    killed = subprocess.run([sys.executable, "killed.py", "certify", NET, *arguments], check=False, env=os.environ)
    assert killed.returncode == -signal.SIGKILL
    assert certify("--radius", "1", "--save", "resumed.csv", model=NET) == PASSED
    assert steps == [(2, 5), (3, 5), (4, 5), (5, 5)]
    steps.clear()
    assert certify("--radius", "1", "--save", "whole.csv", "--no-cache", model=NET) == PASSED
    assert steps == [(done, 5) for done in range(6)]
    resumed, whole = (pd.read_csv(name).drop(columns="time") for name in ("resumed.csv", "whole.csv"))
    pd.testing.assert_frame_equal(resumed, whole)


def test_an_interrupted_run_goes_on_where_it_was(capsys, monkeypatch, steps):
    def interrupt(bar, progress):
        if progress.done == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(ProgressBar, "__call__", interrupt)
        assert certify("--radius", "0,1", "--n", "500", "--save", "out.csv", model=NET) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert "interrupted; what was measured is stored" in err
    assert certify("--radius", "0,1", "--n", "500", model=NET) == PASSED
    assert steps == [(done, 20) for done in range(3, 21)]
    steps.clear()
    assert certify("--radius", "0..2", "--n", "500", "--noise-confidence", "0.99", model=NET) == PASSED
    assert steps == [(20, 20)]  # the votes are the same
    steps.clear()
    assert certify("--radius", "0,1", "--n", "600", model=NET) == PASSED
    assert steps[0] == (0, 20)  # other draws are another measurement


def test_gaussian_noise(capsys):
    assert certify("--norm", "l2", "--sigma", "0.5", "--radius", "0,0.25,0.5", "--n", "500", "--images", "10") == PASSED
    out, _ = capsys.readouterr()
    assert "l2 radius" in out
    assert "0.25" in out
    assert "noise: Gaussian of standard deviation 0.5" in out
    assert "10 images" in out


def test_radii_beyond_what_the_draws_show(capsys):
    assert certify("--n", "1000", "--radius", "0..7", "--images", "5") == PASSED
    out, _ = capsys.readouterr()
    assert "note: 1000 draws certify no image beyond radius 4" in out
    assert certify("--n", "1000", "--radius", "5") == USAGE
    err = capsys.readouterr().err
    assert "--n=1000 draws cannot certify the radius at --noise-confidence=0.999" in err
    assert "This radius needs --n=2290" in err
    assert certify("--n", "20", "--radius", "0", "--alpha", "0.53") == PASSED
    out, _ = capsys.readouterr()
    assert "might be with more draws than --n=20" in " ".join(out.split())
    assert "noise_n" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--norm", "l1"], "unknown norm of a certificate: got 'l1'; allowed: l0, l2"),
        (["--alpha", "1.2"], "alpha is out of range"),
        (["--alpha", "x"], "alpha"),
        (["--levels", "0"], "levels is out of range"),
        (["--norm", "l2", "--alpha", "0.8"], "norm='l2' has no alpha"),
        (["--sigma", "1"], "norm='l0' has no sigma"),
        (["--radius", "1.5"], "radius cannot be read: got '1.5'"),
        (["--radius", "-1"], "radius"),
        (["--n", "0"], ": --n is out of range: got 0"),
        (["--n", "100000000"], ": --n is out of range: got 100000000; allowed: 1 to 10,000,000 draws"),
        (["--n0", "0"], ": --n0 is out of range: got 0"),
        (["--radius=-3000000000..3"], "radius is out of range: got -3000000000"),
        (["--radius", "65", "--alpha", "0.5001"], "larger than the images have values: got 65; allowed: 0 to 64"),
        (["--noise-confidence", "1"], ": --noise-confidence is out of range"),
        (["--images", "0"], ": --images is out of range: got 0"),
        (["--save", "out.txt"], "unknown format of certificates: got 'out.txt'; allowed: .tsv, .csv"),
        (["--plot", "out.gif"], "unknown format of a picture: got 'out.gif'; allowed: .png, .svg, .pdf"),
        (["--save", "model.py/out.csv"], "a file cannot be written there"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_errors(capsys, arguments, message):
    assert certify(*arguments) == USAGE
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""


def test_a_model_that_cannot_be_evaluated(capsys):
    assert certify(model="model.py:missing") == NOT_EVALUATED
    assert "has no missing" in capsys.readouterr().err
