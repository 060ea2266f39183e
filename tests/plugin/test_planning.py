"""Warnings at collection, of gates that can never come to a verdict."""

from __future__ import annotations

import pytest

# The configuration of this suite makes errors of warnings, also for a run within this process.
WARN = ("-W", "always::pytest.PytestWarning")

HOPELESS = """
@pytest.mark.accuracy(n=100, min_accuracy=0.98)
def test_too_few(): ...

@pytest.mark.accuracy(n=200, min_accuracy=0.98)
def test_enough(): ...
"""

# 0.025 ** (1 / n) is where the interval begins with all of n correct: 0.9638 for 100. It takes 183 to reach 0.98.
LINE = (
    "*RobustnessWarning: test_model.py::test_too_few: accuracy: n = 100 is too few to pass >= 0.98: with every sample"
    " correct the 95 % interval begins at 0.9638, unless there are no more than 100; it takes 183"
)


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
def test_a_gate_that_cannot_pass(run, run_apart, workers):
    result = (run_apart if workers else run)(HOPELESS, *WARN, *workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([LINE])
    assert result.stdout.str().count("RobustnessWarning") == 1


def test_it_takes_as_many_as_it_says(run):
    result = run(HOPELESS.replace("n=100", "n=182").replace("n=200", "n=183"), *WARN, "--collect-only")
    assert result.ret == pytest.ExitCode.OK
    assert result.stdout.str().count("RobustnessWarning") == 1
    result.stdout.fnmatch_lines(["*test_too_few: accuracy: n = 182 is too few*it takes 183"])


@pytest.mark.parametrize("workers", [[], ["-n1"]], ids=["alone", "xdist"])
def test_an_error_of_usage_where_warnings_are_errors(run, run_apart, workers):
    result = (run_apart if workers else run)(HOPELESS, "-W", "error::pytest.PytestWarning", *workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines_random(["*test_too_few: accuracy: n = 100 is too few*"])


def test_once_for_all_parameters_and_each_table(run, project, tables):
    source = """
@pytest.mark.parametrize("x", range(3))
@pytest.mark.accuracy(n=10, min_accuracy=0.9)
def test_it(x): ...
"""
    requirement = 'family = "corruption"\nsuite = "mnist-c-generated"\ncorruptions = ["fog"]\nn = 20\nmin_each = 0.1'
    (project.path / "pyproject.toml").write_text(tables(requirement, requirement))
    result = run(source, *WARN, "--robustness", "--collect-only")
    lines = [line for line in result.stdout.lines if "RobustnessWarning" in line]
    assert [line.partition("Warning: ")[2].partition(": n =")[0] for line in lines] == [
        *[
            f"pyproject.toml::corruption[mnist-c-generated-corruptions=fog-n=20]{again}: corruption"
            for again in ("", "#2")
        ],
        "test_model.py::test_it: accuracy",
    ]
    assert all("too few to fail >= 0.1: with every sample wrong" in line for line in lines[:2])


@pytest.mark.parametrize(
    "keys",
    [
        "n=100, min_accuracy=0.95",
        "min_accuracy=0.98",
        "n=100, min_accuracy=0.98, verdict='point'",
        "n=100, min_accuracy=0.98, early_stop=0.05",
        "n=100, min_accuracy=0.98, verdict='regress'",
        "n=100, min_accuracy=0.0",
        "n=100",
    ],
)
def test_no_warning_where_a_verdict_is_possible_or_not_known(run, keys):
    result = run(f"@pytest.mark.accuracy({keys})\ndef test_it(): ...", *WARN, "--collect-only")
    assert "RobustnessWarning" not in result.stdout.str()


def test_a_gate_that_can_never_fail(run):
    source = "@pytest.mark.accuracy(n=100, min_accuracy=0.03)\ndef test_it(): ..."
    result = run(source, *WARN, "--robustness-verdict=regress", "--collect-only")
    result.stdout.fnmatch_lines(["*too few to fail >= 0.03: with every sample wrong the 95 % interval ends at 0.03622"])


def test_what_holds_together_needs_more(run):
    source = HOPELESS.replace("n=100", "n=183")
    assert "RobustnessWarning" not in run(source, *WARN, "--collect-only").stdout.str()
    result = run(source, *WARN, "--collect-only", "--robustness-familywise=holm")
    result.stdout.fnmatch_lines(["*test_too_few: accuracy: n = 183 is too few*the 97.5 % interval*; it takes 217"])
    assert result.stdout.str().count("RobustnessWarning") == 2


OWN = """
@pytest.fixture(scope="module")
def robustness_{}():
    return {}
"""


def test_an_option_that_a_fixture_overrides(run):
    own = OWN.format("model", "'models.py:constant'")
    tests = "\n@pytest.mark.accuracy()\ndef test_a(): ...\n\ndef test_b(robustness): ...\n"
    model = "--robustness-model=models.py:nope"
    result = run(own + tests, *WARN, model, "--collect-only")
    line = f"*RobustnessWarning: {model} is not used: robustness_model of test_model.py overrides it"
    result.stdout.fnmatch_lines([line])
    assert result.stdout.str().count("RobustnessWarning") == 1
    assert "RobustnessWarning" not in run(own + tests, *WARN, "--collect-only").stdout.str()
    assert "RobustnessWarning" not in run(tests, *WARN, model, "--collect-only").stdout.str()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--robustness-n=401"], "n is more than squares.npz has: got 401; allowed: 1 to 400"),
        (
            ["--robustness-n=1798", "--robustness-data=digits"],
            "n is more than digits has: got 1798; allowed: 1 to 1797",
        ),
        (["--robustness-device=cuda:99"], "the device cannot be used: got 'cuda:99'; allowed: cpu"),
    ],
)
def test_what_is_not_there_is_an_error_before_the_first_test(run, options, message):
    source = "@pytest.mark.accuracy(min_accuracy=0.1)\ndef test_it(): ..."
    result = run(source, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*test_it: *{message}*"])
    if "n=" in options[0]:
        # What a fixture gives may be larger.
        assert run(OWN.format("data", "None") + source, *options, "--collect-only").ret == pytest.ExitCode.OK
