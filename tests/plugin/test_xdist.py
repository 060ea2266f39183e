"""Under pytest-xdist: the same rows, nothing lost, nothing green that is not."""

from __future__ import annotations

import json

import pytest

SOURCE = """
import os, models

@pytest.fixture(scope="module", params=["predict", "constant"])
def robustness_model(request):
    return getattr(models, request.param)

@pytest.mark.accuracy(min_accuracy=0.5)
@pytest.mark.calibration(max_ece=0.5)
def test_marked(): ...

def test_called(robustness):
    assert robustness.ood("uniform-noise") >= 0.6

def test_skipped(robustness):
    pytest.skip("robustness: no data")
"""


def rows_of(project: pytest.Pytester, name: str) -> list[dict]:
    rows = json.loads((project.path / name).read_text())["rows"]
    return [{key: row[key] for key in row if key not in {"seconds", "cached"}} for row in rows]


def test_the_same_rows_and_files_as_without(run_apart, project):
    names = [f"card{suffix}" for suffix in (".json", ".md", ".html", ".csv")]
    result = run_apart(SOURCE, "-n2", *(f"--robustness-report={name}" for name in names))
    result.assert_outcomes(passed=2, failed=2, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "*= robustness scorecard =*",
            "constant on squares*",
            "robustness: 3 passed, 3 failed, *",
            *(f"written: {name}" for name in names),
            "robustness: 2 skipped; the first: no data",
        ]
    )
    assert all((project.path / name).is_file() for name in names)
    project.runpytest("--robustness-report=alone.json").assert_outcomes(passed=2, failed=2, skipped=2)
    assert rows_of(project, "card.json") == rows_of(project, "alone.json")
    assert len(rows_of(project, "card.json")) == 38


def test_a_worker_that_crashes_is_never_green_and_takes_nothing_along(run_apart, project):
    source = """
import os

@pytest.mark.accuracy(min_accuracy=0.5)
def test_one(): ...

def test_crash():
    os._exit(0)

@pytest.mark.accuracy(min_accuracy=0.5)
def test_two(): ...
"""
    result = run_apart(source, "-n1", "--robustness-report=card.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2, failed=1)
    assert [row["test"] for row in rows_of(project, "card.json")] == [
        "test_model.py::test_one",
        "test_model.py::test_two",
    ]


def test_what_cannot_travel_is_an_internal_error_not_green(run_apart):
    # A value of numpy on a report breaks the worker of pytest-xdist 3.8, which on its own still ends with exit code 0.
    source = """
import numpy as np

def test_it(request):
    request.node.user_properties.append(("x", np.float64(1.0)))
"""
    result = run_apart(source, "-n1")
    assert result.ret != 0


def test_values_of_numpy_in_a_row_do_travel(run_apart):
    source = """
import numpy as np

@pytest.mark.accuracy(n=int(np.int64(100)), min_accuracy=np.float64(0.5))
def test_it(): ...

def test_called(robustness):
    assert robustness.accuracy() >= np.float64(0.5)
"""
    run_apart(source, "-n1").assert_outcomes(passed=2)
