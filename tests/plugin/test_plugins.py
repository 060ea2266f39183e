"""Beside other plugins: tests that are run again, shuffled, timed out, covered, or cut into subtests."""

from __future__ import annotations

import json
import textwrap
from xml.etree import ElementTree as ET

import pytest

BOTH = ["-n2", "--junit-xml=junit.xml"]

plain_and_both = pytest.mark.parametrize("mode", [[], BOTH], ids=["plain", "both"])


@pytest.fixture
def run_in(project, run, run_apart):
    """Run in a mode, in a process of its own where there are workers; return the result and the rows."""

    def start(source, mode, *options):
        runner = run_apart if "-n2" in mode else run
        result = runner(source, *mode, *options, "--robustness-report=card.json")
        path = project.path / "card.json"
        rows = json.loads(path.read_text())["rows"] if path.exists() else []
        if "--junit-xml=junit.xml" in mode:
            suite = ET.parse(project.path / "junit.xml").getroot().find("testsuite")
            assert int(suite.get("failures")) == result.parseoutcomes().get("failed", 0)
        return result, rows

    return start


def shown(row):
    """What must not depend on the run: all but times, and whether it was stored."""
    return json.dumps({key: row[key] for key in row if key not in {"seconds", "cached"}}, sort_keys=True)


def sorted_rows(rows):
    return sorted(map(shown, rows))


SUITE = """
@pytest.mark.accuracy(min_accuracy=0.5)
def test_accuracy(): ...

@pytest.mark.adversarial(attack="square", eps=0.02, queries=20, min_accuracy=0.2)
def test_attack(): ...

@pytest.mark.calibration(max_ece=0.5)
def test_calibration(): ...

def test_ood(robustness):
    assert robustness.ood("uniform-noise") >= 0.6
"""


class TestRerunfailures:
    @plain_and_both
    def test_the_last_attempt_counts(self, run_in, project, mode):
        source = """
            from pathlib import Path

            def attempt(name):
                path = Path(name)
                path.write_text(path.read_text() + "x" if path.exists() else "x")
                return len(path.read_text())

            @pytest.mark.accuracy(min_accuracy=0.5)
            def test_flaky(robustness):
                number = attempt("flaky.txt")
                assert robustness.ood("uniform-noise", n=100 * number) >= 0.5
                assert number == 3

            def test_skipped_at_last(robustness):
                if attempt("skipped.txt") == 2:
                    pytest.skip("robustness: no more data")
                assert robustness.accuracy(n=50, verdict="point") >= 0.999

            @pytest.mark.accuracy(min_accuracy=0.99)
            def test_hopeless(): ...
        """
        result, rows = run_in(textwrap.dedent(source), mode, "-p", "rerunfailures", "--reruns=2")
        counts = result.parseoutcomes()
        assert {name: counts.get(name) for name in ("passed", "failed", "skipped", "rerun")} == {
            "passed": 1,
            "failed": 1,
            "skipped": 1,
            "rerun": 5,
        }
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        found = [(row["test"].partition("::")[2], row["family"], row["n"], row["verdict"]) for row in rows]
        judged = [entry for entry in found if entry[3] != "measured"]
        assert sorted(judged) == [
            ("test_flaky", "accuracy", 400, "passed"),
            ("test_flaky", "ood", 300, "passed"),
            ("test_hopeless", "accuracy", 400, "failed"),
        ]
        result.stdout.fnmatch_lines(["robustness: 2 passed, 1 failed, *", "robustness: 1 skipped; the first: no more*"])

    def test_a_gate_that_fails_fails_again_alike(self, run_in, project):
        # What is measured is the same to the bit: running it again is no way to get another verdict.
        source = """
@pytest.fixture
def robustness_model():
    from nets import Net
    return Net()

@pytest.mark.flaky(reruns=3)
@pytest.mark.adversarial(attack="pgd", eps=0.02, steps=3, n=200, min_accuracy=0.9)
def test_it(): ...
"""
        result, rows = run_in(source, [], "-p", "rerunfailures")
        assert result.parseoutcomes()["rerun"] == 3
        assert [row["verdict"] for row in rows] == ["failed"]
        assert rows[0]["cached"]


class TestRandomly:
    @plain_and_both
    def test_the_order_of_tests_changes_nothing(self, run_in, run, mode):
        _, plain = run_in(SUITE, [])
        for seed in (1, 2, 3) if not mode else (1,):
            result, rows = run_in("", mode, "-p", "randomly", f"--randomly-seed={seed}")
            result.assert_outcomes(passed=4)
            assert result.ret == pytest.ExitCode.OK
            result.stdout.fnmatch_lines([f"Using --randomly-seed={seed}"])
            assert sorted_rows(rows) == sorted_rows(plain)

    def test_the_order_did_change(self, run):
        run(SUITE, "--co", "-q")
        orders = {
            tuple(
                line
                for line in run("", "--co", "-q", "-p", "randomly", f"--randomly-seed={seed}").outlines
                if "::" in line
            )
            for seed in range(5)
        }
        assert len(orders) > 1

    def test_global_random_state_is_left_as_it_is(self, run):
        source = """
import random
import numpy as np

def state():
    return random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]

def test_it(robustness):
    before = state()
    robustness.adversarial_accuracy("square", eps=0.02, queries=20)
    robustness.ood("uniform-noise")
    robustness.calibration()
    assert state() == before
"""
        run(source, "-p", "randomly").assert_outcomes(passed=1)


class TestTimeout:
    @pytest.mark.parametrize("mode", [[], BOTH[1:]], ids=["plain", "junit"])
    def test_in_time(self, run_in, mode):
        result, rows = run_in(SUITE, mode, "-p", "timeout", "--timeout=300")
        result.assert_outcomes(passed=4)
        assert result.ret == pytest.ExitCode.OK
        assert len({row["test"] for row in rows}) == 4

    SLOW = """
import time, models

def quick(images):
    return models.predict(images)

def slow(images):
    time.sleep(300)

@pytest.fixture(params=[quick, pytest.param(slow, marks=pytest.mark.timeout(3))])
def robustness_model(request):
    return request.param

@pytest.mark.accuracy(min_accuracy=0.5)
def test_it(): ...
"""

    @pytest.mark.parametrize(
        "mode",
        # The method "thread" ends the whole process: under pytest-xdist, one worker.
        [["--timeout-method=signal"], ["--timeout-method=signal", *BOTH], ["--timeout-method=thread", "-n1"]],
        ids=["signal", "signal-both", "thread-xdist"],
    )
    def test_out_of_time_fails_that_test_alone(self, run_apart, project, mode):
        result = run_apart(self.SLOW, *mode, "-p", "timeout", "--robustness-report=card.json")
        result.assert_outcomes(passed=1, failed=1)
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        rows = json.loads((project.path / "card.json").read_text())["rows"]
        assert [(row["test"], row["verdict"]) for row in rows] == [("test_model.py::test_it[quick]", "passed")]
        if "--timeout-method=signal" in mode:
            result.stdout.fnmatch_lines(["*Timeout (>3.0s) from pytest-timeout*"])


class TestCov:
    @pytest.mark.parametrize("place", ["--cov=models", "--cov=."])
    def test_the_model_is_covered(self, run_apart, place):
        model = "--robustness-model=" + ("models:predict" if place == "--cov=models" else "models.py:predict")
        result = run_apart(SUITE, model, "-p", "pytest_cov", place, "--cov-report=term", "--cov-fail-under=50")
        result.assert_outcomes(passed=4)
        assert result.ret == pytest.ExitCode.OK
        result.stdout.re_match_lines([r"models\.py +\d+ +\d+ +\d+%"])
        result.stdout.fnmatch_lines(["robustness: 4 passed, *"])

    def test_too_little_coverage_fails(self, run_apart):
        result = run_apart(SUITE, "-p", "pytest_cov", "--cov=.", "--cov-fail-under=100")
        result.assert_outcomes(passed=4)
        assert result.ret == pytest.ExitCode.TESTS_FAILED


class TestSubtests:
    SOURCE = """
def test_all_passed(subtests, robustness):
    for bound in (0.3, 0.4):
        with subtests.test(bound=bound):
            assert robustness.accuracy() >= bound
    with subtests.test("ood"):
        assert robustness.ood("uniform-noise") >= 0.6

def test_one_failed(subtests, robustness):
    for bound in (0.5, 0.999):
        with subtests.test(bound=bound):
            assert robustness.accuracy(n=300) >= bound
    with subtests.test("after"):
        assert robustness.calibration(n=300) <= 0.9

@pytest.mark.accuracy(min_accuracy=0.5)
def test_marked(subtests):
    with subtests.test("nothing"):
        pass
"""

    @plain_and_both
    def test_each_row_once(self, run_in, mode):
        result, rows = run_in(self.SOURCE, mode)
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        result.stdout.fnmatch_lines(["*accuracy*0.999*"])
        judged = [(row["test"].partition("::")[2], row["family"], row["verdict"]) for row in rows if row["threshold"]]
        assert sorted(judged) == [
            ("test_all_passed", "accuracy", "passed"),
            ("test_all_passed", "accuracy", "passed"),
            ("test_all_passed", "ood", "passed"),
            ("test_marked", "accuracy", "passed"),
            ("test_one_failed", "accuracy", "failed"),
            ("test_one_failed", "accuracy", "passed"),
            ("test_one_failed", "calibration", "passed"),
        ]


def test_all_of_them_at_once(run_apart, project, run_in):
    _, plain = run_in(SUITE, [])
    plugins = [part for name in ("rerunfailures", "randomly", "timeout", "pytest_cov") for part in ("-p", name)]
    options = ["--reruns=1", "--timeout=300", "--cov=.", "--cov-fail-under=50", *BOTH]
    result = run_apart("", *plugins, *options, "--robustness-report=card.json")
    result.assert_outcomes(passed=4)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.re_match_lines([r"models\.py +\d+ +\d+ +\d+%"])
    assert sorted_rows(json.loads((project.path / "card.json").read_text())["rows"]) == sorted_rows(plain)
