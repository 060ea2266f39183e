"""What a session tells others: JUnit properties, the page of a job on GitHub, the small reports."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

SOURCE = """
@pytest.mark.accuracy(min_accuracy=0.5)
@pytest.mark.calibration(max_ece=0.001)
def test_marked(): ...

def test_called(robustness):
    assert robustness.accuracy(n=200) >= 0.5

def test_nothing(): ...
"""

REPORTS = ("a.badge.json", "a.metrics.txt", "a.hf.yaml")


JUNIT = "--junit-xml=junit.xml"


@pytest.mark.parametrize("options", [[], ["-n2"], [JUNIT], ["-n2", JUNIT]], ids=["plain", "xdist", "junit", "both"])
def test_everybody_is_told_once(request, project, monkeypatch, options):
    run = request.getfixturevalue("run_apart" if "-n2" in options else "run")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "summary.md"))
    reports = [f"--robustness-report={name}" for name in REPORTS]
    result = run(SOURCE, *reports, *options)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines([f"written: {name}" for name in REPORTS])
    assert json.loads((project.path / "a.badge.json").read_text())["message"] == "1 failed of 3"
    assert (project.path / "a.metrics.txt").read_text().endswith("# EOF\n")
    assert (project.path / "a.hf.yaml").read_text().count("Left out, for the Hub has no data set") == 1
    page = (project.path / "summary.md").read_text(encoding="utf-8")
    assert page.count("## Robustness: failed") == 1
    if JUNIT in options:
        check_junit(project)


def check_junit(project: pytest.Pytester) -> None:
    suite = ET.parse(project.path / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    whole = [(p.attrib["name"], p.attrib["value"]) for p in suite.findall("properties/property")]
    assert len(whole) == len(set(whole))
    told = dict(whole)
    assert {name: told[f"robustness:{name}"] for name in ("verdict", "passed", "failed", "seed")} == {
        "verdict": "failed",
        "passed": "2",
        "failed": "1",
        "seed": "0",
    }
    assert told["robustness:model"].startswith("predict ")
    assert {value.rpartition(" n=")[2] for name, value in whole if name == "robustness:data"} == {"200", "400"}
    cases = {case.attrib["name"]: case for case in suite.iter("testcase")}
    own = {p.attrib["name"]: p.attrib["value"] for p in cases["test_marked"].iter("property")}
    accuracy = dict(word.split("=", 1) for word in own["robustness:accuracy().accuracy"].split())
    assert set(accuracy) == {"value", "low", "high", "n", "bound", "verdict"}
    assert (accuracy["n"], accuracy["bound"], accuracy["verdict"]) == ("400", ">=0.5", "passed")
    assert sum("verdict=failed" in value for value in own.values()) == 1
    assert len(own) > 3  # what was only measured as well
    assert not list(cases["test_nothing"].iter("property"))


def test_a_page_that_cannot_be_written_fails_no_gate(run, project, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path))
    result = run("def test_it(robustness):\n    assert robustness.accuracy() >= 0.5")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["robustness: GITHUB_STEP_SUMMARY cannot be written: *"])


def test_where_nothing_was_measured_nobody_is_told(run, project, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "summary.md"))
    run("def test_it(): ...", "--junit-xml=junit.xml").assert_outcomes(passed=1)
    assert not (project.path / "summary.md").exists()
    assert "robustness" not in (project.path / "junit.xml").read_text()


UNEVALUATED = """
@pytest.mark.accuracy(min_accuracy=0.5)
def test_passes(): ...

@pytest.mark.adversarial(attack="pgd", eps=0.1, min_accuracy=0.1)
@pytest.mark.accuracy(min_accuracy=0.5, n=100)
def test_lacks_gradients(): ...

@pytest.mark.accuracy(min_accuracy=0.5)
def test_raises():
    raise OSError("disk")

@pytest.fixture
def lost(): raise OSError("gone")

@pytest.mark.calibration(max_ece=0.9)
def test_is_not_set_up(lost): ...

def test_asks(robustness):
    robustness.adversarial_accuracy("pgd", eps=0.1)

def test_compares(robustness):
    assert robustness.accuracy(n=50) >= 1.0

def test_has_nothing_to_do_with_it():
    raise OSError("other")
"""


def test_what_came_to_no_row_is_told_everywhere(run, project):
    result = run(UNEVALUATED, JUNIT, "--robustness-report=a.json", "-k", "not compares")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines("robustness: 2 passed*, 4 not evaluated;*")
    card = json.loads((project.path / "a.json").read_text())
    tests = [entry.partition("::")[2].partition(":")[0] for entry in card["unevaluated"]]
    assert tests == ["test_lacks_gradients", "test_raises", "test_is_not_set_up", "test_asks"]
    assert all(row["verdict"] == "passed" for row in card["rows"])
    text = (project.path / "junit.xml").read_text()
    assert 'name="robustness:unevaluated" value="4"' in text
    assert 'name="robustness:verdict" value="incomplete"' in text
    run("", "--robustness-report=b.json", "-k", "compares")
    assert "unevaluated" not in json.loads((project.path / "b.json").read_text())
    run("", "--robustness-report=c.badge.json", "-x", "-k", "passes or nothing_to_do")
    assert json.loads((project.path / "c.badge.json").read_text())["message"] == "1 not evaluated"
