"""The command that measures a row again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pytest_robustness.scorecard.renderers.reproduce import command
from tests.scorecard.sample import WHOLE, make_card, make_row

if TYPE_CHECKING:
    from pytest_robustness.scorecard import Row


def told(row: Row, *, seed: int = 0, **environment: str) -> str:
    card = make_card([row])
    return command(row, dataclasses.replace(card, seed=seed, environment=environment))


def test_a_test_with_the_options_of_the_run() -> None:
    row = make_row("accuracy", test="tests/test_a.py::test_b[x y]")
    options = "--robustness-model=m.py:load"
    assert told(row, options=options) == f"pytest 'tests/test_a.py::test_b[x y]' {options}"
    assert told(row, options="", seed=3) == "pytest 'tests/test_a.py::test_b[x y]'"


def test_a_test_of_which_only_the_row_is_known() -> None:
    row = make_row("accuracy", test="test_a.py::test_b")
    assert told(row) == "pytest test_a.py::test_b --robustness-n=1000"
    assert told(row, seed=7) == "pytest test_a.py::test_b --robustness-n=1000 --robustness-seed=7"
    whole = make_row("accuracy", test="test_a.py::test_b", data=WHOLE.key, n=10_000, confidence=0.9)
    assert told(whole) == "pytest test_a.py::test_b --robustness-confidence=0.9"


def test_a_requirement_of_a_table() -> None:
    row = make_row("accuracy", test="pyproject.toml::accuracy")
    assert told(row) == "pytest pyproject.toml::accuracy --robustness --robustness-n=1000"


def test_a_test_is_named_from_where_the_run_began_and_brings_no_tables() -> None:
    row = make_row("accuracy", test="tests/test_a.py::test_b[x/y]")
    assert told(row, options="--robustness -ox=y", root="../..") == (
        "pytest '../../tests/test_a.py::test_b[x/y]' -ox=y"
    )
    table = make_row("accuracy", test="pyproject.toml::accuracy")
    assert told(table, options="--robustness") == "pytest pyproject.toml::accuracy --robustness"


def test_without_a_test_it_is_the_command_line() -> None:
    row = make_row("accuracy", test=None)
    known = "pytest-robustness scorecard m.py:load --config=gate.toml"
    assert told(row, command=known) == known
    assert told(row, seed=2) == (
        "pytest-robustness scorecard example_models.lenet5:load --data mnist-5k --n=1000 --seed=2"
    )
