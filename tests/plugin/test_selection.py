"""Selecting, repeating and listing tests; and pytest without its cache or its terminal."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

SOURCE = """
pytestmark = pytest.mark.accuracy(n=200)

@pytest.mark.calibration(max_ece=0.5)
def test_probabilities(): ...

@pytest.mark.adversarial(attack="square", eps=0.02, queries=20, min_accuracy=0.99)
def test_attack(): ...

def test_ood(robustness):
    assert robustness.ood("uniform-noise") >= 0.6
"""

TABLE = "family = 'accuracy'\nmin_accuracy = 0.5"

EVERYTHING = ["accuracy", "test_attack", "test_ood", "test_probabilities"]

CASES = {
    "name": (["-k", "prob or ood"], ["test_ood", "test_probabilities"]),
    "not name": (["-k", "not attack"], ["accuracy", "test_ood", "test_probabilities"]),
    "table": (["-k", "pyproject"], ["accuracy"]),
    "marker": (["-m", "calibration or ood"], ["test_probabilities"]),
    "not marker": (["-m", "not adversarial"], ["accuracy", "test_ood", "test_probabilities"]),
    "both": (["-m", "accuracy", "-k", "not attack"], ["accuracy", "test_ood", "test_probabilities"]),
    "node": (["test_model.py::test_ood"], ["accuracy", "test_ood"]),
    "deselected": (["--deselect", "test_model.py::test_attack"], ["accuracy", "test_ood", "test_probabilities"]),
    "no cache": (["-p", "no:cacheprovider"], EVERYTHING),
    "no terminal": (["-p", "no:terminal"], EVERYTHING),
    "neither": (["-p", "no:cacheprovider", "-p", "no:terminal"], EVERYTHING),
}
"""Options, and the tests that have rows."""

SLOW_CASES = ("both", "neither")
"""Those that are worth several processes."""


@pytest.fixture
def select(project, tables, run, run_apart):
    """Run the suite with options; return the result and the names of the tests that have rows, and check the file."""
    project.makepyprojecttoml(tables(TABLE))
    project.makepyfile(test_model="import pytest\n" + SOURCE)

    def start(*options):
        runner = run_apart if "-n2" in options else run
        (project.path / "card.json").unlink(missing_ok=True)
        result = runner("", "--robustness", *options, "--robustness-report=card.json")
        path = project.path / "card.json"
        rows = json.loads(path.read_text())["rows"] if path.exists() else []
        return result, sorted({row["test"].partition("::")[2] for row in rows})

    return start


def check(result, project, names, mode, *, terminal=True):
    """Check exit code, summary and JUnit file of a run of the tests of these names, of which only the attack fails."""
    failed = "test_attack" in names
    assert result.ret == (pytest.ExitCode.TESTS_FAILED if failed else pytest.ExitCode.OK)
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    if terminal:
        result.assert_outcomes(passed=len(names) - failed, failed=int(failed), deselected=None)
        assert result.stdout.str().count("= robustness scorecard =") == 1
        result.stdout.fnmatch_lines(["written: card.json"])
    if "--junit-xml=junit.xml" in mode:
        suite = ET.parse(project.path / "junit.xml").getroot().find("testsuite")
        assert (int(suite.get("tests")), int(suite.get("failures"))) == (len(names), int(failed))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("mode", [[], ["--junit-xml=junit.xml"]], ids=["plain", "junit"])
def test_in_this_process(select, project, case, mode):
    options, names = CASES[case]
    result, found = select(*options, *mode)
    assert found == names
    check(result, project, names, mode, terminal="no:terminal" not in options)


@pytest.mark.parametrize("case", SLOW_CASES)
def test_in_workers(select, project, case):
    options, names = CASES[case]
    mode = ["-n2", "--junit-xml=junit.xml"]
    result, found = select(*options, *mode)
    assert found == names
    check(result, project, names, mode, terminal="no:terminal" not in options)


class TestLastFailed:
    @pytest.mark.parametrize(
        "mode",
        [[], ["-n2", "--junit-xml=junit.xml"]],
        ids=["plain", "both"],
    )
    def test_only_what_failed(self, select, project, mode):
        assert select()[1] == EVERYTHING
        result, found = select("--lf", *mode)
        assert found == ["test_attack"]
        check(result, project, found, mode)

    def test_first_what_failed(self, select):
        select()
        result, found = select("--ff", "-v")
        assert found == EVERYTHING
        lines = [line for line in result.outlines if " PASSED" in line or " FAILED" in line]
        assert "test_attack" in lines[0]

    def test_what_was_repaired(self, select, project):
        select()
        path = project.path / "test_model.py"
        path.write_text(path.read_text().replace("min_accuracy=0.99", "min_accuracy=0.2"))
        result, found = select("--lf")
        assert (result.ret, found) == (pytest.ExitCode.OK, ["test_attack"])
        result, found = select("--lf")  # nothing failed last: all run
        assert (result.ret, found) == (pytest.ExitCode.OK, EVERYTHING)

    def test_stepwise(self, select):
        result, found = select("--sw")
        assert result.ret == pytest.ExitCode.INTERRUPTED
        assert "test_attack" in found


@pytest.mark.parametrize(
    "mode",
    [[], ["-n2", "--junit-xml=junit.xml"]],
    ids=["plain", "both"],
)
def test_listing_measures_nothing(select, project, mode):
    result, found = select("--co", "-q", *mode)
    assert result.ret == pytest.ExitCode.OK
    assert found == []
    result.stdout.fnmatch_lines_random(
        ["pyproject.toml::accuracy", *(f"test_model.py::{name}" for name in EVERYTHING[1:])]
    )
    result.stdout.no_fnmatch_line("*robustness scorecard*")
    assert not (project.path / ".pytest_cache" / "d" / "robustness").exists()


def test_nothing_selected(select):
    result, found = select("-k", "nothing_has_this_name")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert found == []
