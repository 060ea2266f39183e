"""Verdicts that hold together: judged with a share of the error each, settled by Holm's steps once all are known."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

HOLM = "--robustness-familywise=holm"

# The accuracy of 200 images is 0.905. The low end of its interval at the level 1 - 0.05 / r is 0.8556 for r = 1, 0.8482
# for 2, 0.8441 for 3, 0.8412 for 4, 0.8374 for 6 (Clopper and Pearson).
SOURCE = """
pytestmark = pytest.mark.accuracy(n=200, min_accuracy=0.5)  # one more bound of every test

def test_far(): ...

@pytest.mark.accuracy(n=200, min_accuracy=0.842)
def test_settled_by_the_others(): ...

@pytest.mark.accuracy(n=200, min_accuracy=0.855)
def test_open_to_the_end(): ...

@pytest.mark.accuracy(n=200, min_accuracy=0.87)
def test_inconclusive_on_its_own(): ...
"""


def rows_of(project: pytest.Pytester) -> dict[tuple[str, float], dict]:
    rows = json.loads((project.path / "card.json").read_text())["rows"]
    return {(row["test"].rpartition("::")[2], row["threshold"]["bound"]): row for row in rows}


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
@pytest.mark.parametrize("junit", [[], ["--junit-xml=junit.xml"]], ids=["", "junit"])
def test_tests_wait_for_the_others(run, run_apart, project, workers, junit):
    # Seven bounds. Four are met at the strictest level, so that three are open: enough for 0.842, of which two stay.
    result = (run_apart if workers else run)(SOURCE, HOLM, "--robustness-report=card.json", "-v", *workers, *junit)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2, failed=2)
    text = result.stdout.str()
    assert text.count(" OPEN ") == 2
    assert text.count("test_settled_by_the_others") >= 2
    result.stdout.fnmatch_lines_random(
        [
            "*0.905 is not shown to be >= 0.855*",
            "*verdict    inconclusive: 99.29 % interval *",
            "*holm: 7 bounds at 95 %",
        ]
    )
    rows = rows_of(project)
    verdicts = {name: rows[name]["verdict"] for name in rows if name[1] != 0.5}
    assert verdicts == {
        ("test_settled_by_the_others", 0.842): "passed",
        ("test_open_to_the_end", 0.855): "inconclusive",
        ("test_inconclusive_on_its_own", 0.87): "inconclusive",
    }
    assert {row["confidence"] for row in rows.values()} == {1 - 0.05 / 7}
    settled = rows["test_settled_by_the_others", 0.842]
    assert settled["reason"].startswith("98.3 % interval [0.8441, 0.9482] lies wholly >= 0.842; enough by Holm's")
    assert settled["reason"].endswith("steps: at most 3 of 7 are open")
    if junit:
        check_junit(project)


def check_junit(project: pytest.Pytester) -> None:
    suite = ET.parse(project.path / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert {key: suite.attrib[key] for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4",
        "failures": "2",
        "errors": "0",
        "skipped": "0",
    }
    cases = {case.attrib["name"]: case for case in suite.iter("testcase")}
    assert len(cases) == len(list(suite.iter("testcase"))) == 4
    assert {name for name, case in cases.items() if case.find("failure") is not None} == {
        "test_open_to_the_end",
        "test_inconclusive_on_its_own",
    }
    settled = [p.attrib["value"] for p in cases["test_settled_by_the_others"].iter("property")]
    assert len(settled) == 2
    assert all(value.endswith("verdict=passed") for value in settled)
    whole = {p.attrib["name"]: p.attrib["value"] for p in suite.findall("properties/property")}
    assert whole["robustness:verdict"] == "inconclusive"
    assert (whole["robustness:passed"], whole["robustness:inconclusive"]) == ("5", "2")


def test_without_it_each_verdict_is_on_its_own(run):
    run(SOURCE).assert_outcomes(passed=3, failed=1)


def test_all_settled_is_green(run):
    source = SOURCE.replace("0.855", "0.847").replace("0.87", "0.8555")
    result = run(source, HOLM)
    assert result.ret == pytest.ExitCode.OK  # 0.842 leaves two, which is enough for 0.847, which leaves one
    result.assert_outcomes(passed=4)


@pytest.mark.parametrize(("policy", "outcome"), [("skip", "skipped"), ("pass", "passed")])
def test_what_stays_open_is_inconclusive(run, policy, outcome):
    result = run(SOURCE, HOLM, f"--robustness-inconclusive={policy}")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(**({"passed": 2, "skipped": 2} if outcome == "skipped" else {"passed": 4}))


def test_deselected_tests_are_not_counted(run, project):
    run(SOURCE, HOLM, "-k", "far or open", "--robustness-report=card.json").assert_outcomes(passed=2)
    assert {row["confidence"] for row in rows_of(project).values()} == {1 - 0.05 / 3}


def test_a_stop_at_the_first_failure_settles_what_was_run(run):
    source = SOURCE.replace("def test_far(): ...", "def test_far():\n    assert False")
    result = run(source, HOLM, "-p", "no:randomly", "--maxfail=2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_regress_fails_what_the_others_show_to_miss(run, project):
    # The high end of the interval is 0.9497 for r = 4, 0.9418 for r = 1.
    source = """
@pytest.mark.accuracy(n=200, min_accuracy=0.99)
def test_missed(): ...

@pytest.mark.accuracy(n=200, min_accuracy=0.945)
def test_missed_by_holm(): ...
"""
    result = run(source, HOLM, "--robustness-verdict=regress", "--robustness-report=card.json")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines_random(["*failed: 95 % interval *wholly outside >= 0.945; enough by Holm's steps*"])
    run(source, HOLM, "--robustness-verdict=regress", "-k", "by_holm").assert_outcomes(failed=1)
    source = source.replace("0.99", "0.5")
    run(source, HOLM, "--robustness-verdict=regress").assert_outcomes(passed=2)


COMPARING = """
def test_several(robustness):
    measured = robustness.accuracy(n=200)
    assert measured >= 0.5
    assert measured >= 0.5  # the same comparison again
    assert measured >= 0.6

@pytest.mark.accuracy(n=200, min_accuracy=0.5)
def test_marked(): ...
"""


def test_comparisons_have_one_share_for_each_test(run, project):
    run(COMPARING, HOLM, "--robustness-report=card.json").assert_outcomes(passed=2)
    levels = {name: row["confidence"] for name, row in rows_of(project).items()}
    # Two members: the test that compares, and the bound. The second comparison has a third of the share of the first.
    assert levels == {
        ("test_several", 0.5): pytest.approx(1 - 0.05 / 2 / 2),
        ("test_several", 0.6): pytest.approx(1 - 0.05 / 2 / 6),
        ("test_marked", 0.5): pytest.approx(1 - 0.05 / 2),
    }


def test_a_comparison_is_never_left_open(run):
    source = "def test_it(robustness):\n    assert robustness.accuracy(n=200) >= 0.855\n" + SOURCE
    result = run(source, HOLM, "-v")
    result.stdout.fnmatch_lines_random(["*::test_it FAILED*", "*::test_settled_by_the_others OPEN*"])
    result.assert_outcomes(passed=1, failed=4)


def test_what_was_not_counted_is_not_judged(run):
    source = """
def test_hidden(request):
    assert request.getfixturevalue("robustness").accuracy(n=200) >= 0.5

def test_late(request):
    request.node.add_marker(pytest.mark.accuracy(n=200, min_accuracy=0.5))

def test_counted(robustness): ...
"""
    result = run(source, HOLM)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines_random(["*not counted at collection*", "*a marker came after collection*"])


def test_a_table_asks_for_it(run, project, tables):
    text = tables('family = "accuracy"\nn = 200\nmin_accuracy = 0.855', head='familywise = "holm"')
    (project.path / "pyproject.toml").write_text(text)
    result = run(SOURCE, "--robustness", "-v")
    result.stdout.fnmatch_lines_random(["pyproject.toml::accuracy* OPEN*"])
    result.assert_outcomes(passed=1, failed=4)
    assert run("", "--robustness-familywise=bonferroni").ret == pytest.ExitCode.USAGE_ERROR


def test_markers_without_a_bound(run):
    source = "@pytest.mark.accuracy()\ndef test_a(robustness): ..."
    result = run(source, HOLM)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*; holm: 1 test at 95 %"])


def test_a_crashed_worker_leaves_nothing_green(run_apart):
    source = SOURCE.replace("def test_far(): ...", "def test_far():\n    import os\n    os._exit(1)")
    result = run_apart(source, HOLM, "-n1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    # With a bound less among those that are met, four are open: too many for 0.842 as well.
    result.assert_outcomes(failed=4)


def test_a_faulty_or_whole_measurement_takes_no_part_in_chance(run, project):
    # All 400 images: the value itself decides, so that nothing is left open.
    result = run(SOURCE.replace("n=200, ", ""), HOLM, "--robustness-report=card.json")
    result.assert_outcomes(passed=4)
    assert "OPEN" not in result.stdout.str()
