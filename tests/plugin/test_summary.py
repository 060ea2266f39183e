"""The table at the end, the reports, and exit codes that never look better than the run."""

from __future__ import annotations

import json

import pytest

from pytest_robustness.plugin.summary import Summary

BOTH = """
@pytest.mark.accuracy(min_accuracy=0.5)
def test_good(): ...

def test_bad(robustness):
    assert robustness.ood("uniform-noise") >= 0.9
"""


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (["-q"], ["robustness: 1 passed, 1 failed, 0 inconclusive, 4 measured; worst: ood*"]),
        ([], ["*= robustness scorecard =*", "predict on squares, 400 images, seed 0", "*check * value * bound  verdict",
              "accuracy * 88.8 % * 85.2 * 91.7 * 50 %  passed", "ood uniform-noise msp * AUROC *0.6768 * 0.9  failed",
              "robustness: 1 passed, 1 failed, *"]),
        (["-v"], ["accuracy *passed", "*class 0 *", "ood *failed", "ood *FPR at 95 *measured"]),
        (["-vv"], ["accuracy *passed", "*test_model.py::test_good*", "*400 images*s*", "ood *"]),
    ],
    ids=["q", "default", "v", "vv"],
)  # fmt: skip
def test_the_table(run, monkeypatch, options, lines):
    monkeypatch.setenv("COLUMNS", "80")
    result = run(BOTH, *options)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(lines)
    assert max(map(len, scorecard_of(result.outlines))) <= 80


def scorecard_of(lines: list[str]) -> list[str]:
    """Return the lines between the heading, or its place, and what pytest writes next."""
    first = next(i for i, line in enumerate(lines) if line.startswith(("robustness: ", "predict on")))
    last = next(i for i, line in enumerate(lines) if "short test summary info" in line)
    return lines[first:last]


def test_one_line_where_quiet(run):
    result = run(BOTH, "-q")
    result.stdout.no_fnmatch_line("*robustness scorecard*")
    result.stdout.no_fnmatch_line("accuracy *")


def test_nothing_where_there_is_nothing_to_show(run, project):
    result = run("def test_it(): ...")
    result.stdout.no_fnmatch_line("*robustness:*")
    result.stdout.no_fnmatch_line("*scorecard*")


@pytest.mark.parametrize("options", [["-p", "no:cacheprovider"], ["-p", "no:terminal"], ["-s"], ["-p", "no:capture"],
                                     ["-q", "-q"], ["--no-summary"], ["-p", "no:assertion"], ["--assert=plain"],
                                     ["-p", "no:xdist"], ["--tb=no"], ["--color=yes"]], ids=" ".join)  # fmt: skip
def test_other_plugins_may_be_missing(run, project, options):
    result = run(BOTH, "--robustness-report=card.json", *options)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert len(json.loads((project.path / "card.json").read_text())["rows"]) == 6
    assert "INTERNALERROR" not in result.stdout.str()


def test_every_format_is_written(run, project):
    import jsonschema

    from pytest_robustness.scorecard import json_schema

    names = ["card.json", "card.md", "card.html", "sub/card.csv"]
    result = run(BOTH, *(f"--robustness-report={name}" for name in names))
    result.stdout.fnmatch_lines([f"written: {name}" for name in names])
    document = json.loads((project.path / "card.json").read_text())
    jsonschema.validate(document, json_schema())
    assert document["model"]["name"] == "predict"
    assert document["data"] | {"fingerprint": ""} == {"name": "squares", "fingerprint": "", "n": 400, "population": 400}
    assert {row["test"] for row in document["rows"]} == {"test_model.py::test_good", "test_model.py::test_bad"}
    assert "accuracy" in (project.path / "card.md").read_text()
    assert (project.path / "card.html").read_text().lstrip().lower().startswith("<!doctype html>")
    assert len((project.path / "sub" / "card.csv").read_text().splitlines()) == 7


def test_a_report_that_cannot_be_written(run, project):
    (project.path / "folder.json").mkdir()
    result = run("def test_it(robustness):\n    robustness.accuracy()", "--robustness-report=folder.json",
                 "--robustness-report=card.md")  # fmt: skip
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["robustness: a report that cannot be written: got *folder.json*", "written: card.md"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_failed_tests_keep_their_exit_code(run, project):
    (project.path / "folder.json").mkdir()
    assert run(BOTH, "--robustness-report=folder.json").ret == pytest.ExitCode.TESTS_FAILED


def test_a_report_of_nothing_is_not_written(run, project):
    result = run("def test_it(): ...", "--robustness-report=card.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["robustness: nothing was measured, so no report was written"])
    assert not (project.path / "card.json").exists()


def test_models_and_data_have_headings(run):
    result = run(
        """
import models

@pytest.mark.parametrize("robustness_model", [models.predict, models.constant])
@pytest.mark.accuracy(n=100)
@pytest.mark.accuracy()
def test_it(robustness_model): ...
"""
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines_random(
        [
            "constant on squares, 100 of 400 images, seed 0",
            "constant on squares, 400 images, seed 0",
            "predict on squares, 100 of 400 images, seed 0",
            "predict on squares, 400 images, seed 0",
        ]
    )


def test_twice_the_same(run, project):
    documents = []
    for _ in range(2):
        run(BOTH, "--robustness-report=card.json")
        rows = json.loads((project.path / "card.json").read_text())["rows"]
        documents.append([{key: row[key] for key in row if key not in {"seconds", "cached"}} for row in rows])
    assert documents[0] == documents[1]


def payload(value: float) -> dict:
    card = {"name": "m", "source": "m", "fingerprint": "f", "kind": "callable", "num_classes": 4, "input_shape": None}
    row = {
        "id": "accuracy().accuracy", "family": "accuracy", "parameters": {}, "metric": "accuracy", "value": value,
        "low": 0.0, "high": 1.0, "confidence": 0.95, "n": 4, "higher_is_better": True, "model": "f", "data": "d:4",
    }  # fmt: skip
    return {"row": row, "model": card, "data": {"name": "d", "fingerprint": "d", "n": 4, "population": 4}}


def report(nodeid: str, **more: object) -> pytest.TestReport:
    return pytest.TestReport(nodeid, ("", 0, ""), {}, "passed", None, "teardown", **more)


def test_a_test_that_is_run_again_counts_once(pytester):
    summary = Summary(pytester.parseconfig())
    summary.pytest_runtest_logreport(report("a", robustness=[payload(0.1), payload(0.2)]))
    summary.pytest_runtest_logreport(report("b", robustness=[payload(0.3)]))
    summary.pytest_runtest_logreport(report("a", robustness=[payload(0.4)]))
    summary.pytest_runtest_logreport(report("c"))
    assert {name: [entry["row"]["value"] for entry in rows] for name, rows in summary.rows.items()} == {
        "a": [0.4],
        "b": [0.3],
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR),
        (pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.INTERNAL_ERROR),
        (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.TESTS_FAILED),
    ],
)
def test_an_internal_error_is_never_green(pytester, before, after):
    class Session:
        exitstatus, shouldstop, shouldfail = before, False, False

    summary, session = Summary(pytester.parseconfig()), Session()
    summary.pytest_sessionfinish(session)
    assert session.exitstatus == before
    summary.pytest_internalerror()
    summary.pytest_sessionfinish(session)
    assert session.exitstatus == after


def test_skips_of_others_are_not_counted(run):
    result = run("def test_it():\n    pytest.skip('because')")
    result.assert_outcomes(skipped=1)
    result.stdout.no_fnmatch_line("robustness:*skipped*")


@pytest.mark.parametrize("bound", [0.1, 0.99], ids=["green", "red"])
def test_no_blank_line_below_the_heading(run, bound):
    lines = run(f"@pytest.mark.accuracy(min_accuracy={bound})\ndef test_it(): ...").outlines
    heading = next(number for number, line in enumerate(lines) if " robustness scorecard " in line)
    assert lines[heading + 1].startswith("predict on squares")
