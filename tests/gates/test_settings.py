"""Settings are checked when they are made; tables are read from two kinds of file."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_robustness.errors import ConfigurationError
from pytest_robustness.gates.settings import Settings, read_tables
from pytest_robustness.scorecard.renderers.writing import FORMATS
from pytest_robustness.scorecard.suffixes import REPORT_SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path

WRONG = [
    ("model", 3, "model must be text"),
    ("data", None, "data must be text"),
    ("device", 0, "device must be text"),
    ("n", 0, "whole number of at least 1"),
    ("n", 2.0, "whole number of at least 1"),
    ("n", True, "whole number of at least 1"),
    ("seed", None, "of at least 0"),
    ("seed", -1, "of at least 0"),
    ("batch_size", "many", "of at least 1"),
    ("confidence", 1, "between 0 and 1"),
    ("confidence", 0, "greater than 0"),
    ("confidence", float("nan"), "got nan"),
    ("executor", "threads", "allowed: serial"),
    ("verdict", "points", "Did you mean 'point'?"),
    ("verdict", ["point"], "allowed: point, verify, regress"),
    ("inconclusive", None, "allowed: fail, pass, skip"),
    ("inconclusive", "ok", "allowed: fail, pass, skip"),
    (
        "early_stop",
        "certan",
        "allowed: off, certain, a number above 0 and below 0.5, as in 0.05. Did you mean 'certain'?",
    ),
    ("early_stop", "a number above 0 and below 0.5, as in 0.05", "allowed: off, certain"),
    ("early_stop", 0, "got 0; allowed: off, certain, a number"),
    ("early_stop", 0.5, "got 0.5"),
    ("early_stop", 10**400, "got 1000"),
    ("early_stop", "0.7", "got '0.7'"),
    ("early_stop", "-0.05", "got '-0.05'"),
    ("early_stop", "nan", "got 'nan'"),
    ("early_stop", "", "got ''"),
    ("early_stop", True, "got True"),
    ("early_stop", None, "got None"),
    ("early_stop", ["off"], "got ['off']"),
    ("cache", "yes", "true or false"),
    ("strict", 1, "true or false"),
    ("report", 3, "list of texts"),
    ("report", ["a.json", 3], "list of texts"),
    ("report", ["a.json", "b.txt"], "'b.txt'; allowed: .json, .md, .html, .csv"),
    ("trusted", {"a": 1}, "list of texts"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_wrong_values(name, value, message):
    with pytest.raises(ConfigurationError, match=name.replace("_", ".")) as error_info:
        Settings(**{name: value})
    assert message in str(error_info.value)


def test_replaced():
    settings = Settings(seed=1).replaced({"n": 5, "report": "a.json", "trusted": ["x.Y"]})
    assert (settings.seed, settings.n, settings.report, settings.trusted) == (1, 5, ("a.json",), ("x.Y",))
    assert settings.replaced({}) == settings
    with pytest.raises(ConfigurationError, match=r"unknown setting: got 'sed'.*Did you mean 'seed'"):
        settings.replaced({"sed": 1})
    with pytest.raises(ConfigurationError, match="n is out of range"):
        settings.replaced({"n": -5})


@pytest.mark.parametrize(
    ("given", "kept"),
    [("off", "off"), ("certain", "certain"), (0.05, 0.05), ("0.05", 0.05), ("1e-3", 0.001), (np.float64(0.25), 0.25)],
)
def test_early_stop_is_a_name_or_a_number(given, kept):
    found = Settings(early_stop=given)
    assert (found.early_stop, type(found.early_stop)) == (kept, type(kept))
    assert found.replaced({}) == found == Settings().replaced({"early_stop": given})


def test_defaults_are_allowed_and_frozen():
    settings = Settings()
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.n = 3  # type: ignore[misc]
    assert (settings.data, settings.n, settings.seed, settings.confidence) == ("mnist", None, 0, 0.95)


def test_every_suffix_has_a_renderer():
    assert set(REPORT_SUFFIXES) == set(FORMATS)


@pytest.mark.parametrize("name", ["pyproject.toml", "gate.toml"])
def test_read_tables(tmp_path: Path, name: str):
    prefix = "tool.robustness" if name == "pyproject.toml" else "robustness"
    text = f'[{prefix}]\nn = 3\n[[{prefix}.require]]\nfamily = "accuracy"\n[[{prefix}.require]]\nfamily = "ood"\n'
    (tmp_path / name).write_text(text + '[other]\nx = "é"\n', encoding="utf-8")
    assert read_tables(tmp_path / name) == ({"n": 3}, [{"family": "accuracy"}, {"family": "ood"}])


def test_a_pyproject_without_tables_is_empty(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert read_tables(tmp_path / "pyproject.toml") == ({}, [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[robustness", "is not TOML"),
        (b"x = '\xff'", "is not TOML"),
        (b"[tool.robustness]", r"no table \[robustness\]"),
        (b"robustness = 3", "must be a table"),
        (b"[robustness]\nrequire = 3", r"must be tables \[\[robustness.require\]\]"),
        (b"[robustness]\nrequire = [3]", "must be tables"),
        (b"[[robustness.require]]\nmin_accuracy = 1", "without a family"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "gate.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        read_tables(path)


@pytest.mark.parametrize("content", ["tool = 3", "[tool]\nrobustness = 3"])
def test_a_pyproject_of_another_form(tmp_path: Path, content: str):
    (tmp_path / "pyproject.toml").write_text(content)
    with pytest.raises(ConfigurationError, match="must be a table"):
        read_tables(tmp_path / "pyproject.toml")


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="No such file"):
        read_tables(tmp_path / "none.toml")
