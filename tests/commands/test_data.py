"""The command `data`: what there is, where it lies, and downloads (tested on a server in datasets/test_archive.py)."""

from __future__ import annotations

from pytest_robustness.cli import main
from pytest_robustness.commands.console import USAGE


def test_data_list(capsys):
    assert main(["data", "list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("digits", "mnist", "kmnist", "notmnist", "10,000", "28x28"))


def test_data_path(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTEST_ROBUSTNESS_DATA", str(tmp_path))
    assert main(["data", "path"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path)


def test_data_fetch(capsys, monkeypatch):
    assert main(["data", "fetch", "mnits"]) == USAGE
    assert "Did you mean 'mnist'?" in capsys.readouterr().err
    from pytest_robustness import datasets

    monkeypatch.setattr(datasets, "fetch", lambda name, progress: [f"/data/{name}"])
    assert main(["data", "fetch", "mnist"]) == 0
    assert capsys.readouterr().out == "/data/mnist\n"
