"""Options, ini keys and head tables: each works, the nearest wins, wrong ones are usage errors."""

from __future__ import annotations

import tomllib

import pytest

from pytest_robustness.evaluations import make_requirement
from pytest_robustness.gates.settings import Settings
from pytest_robustness.gates.suite import settings_for
from pytest_robustness.plugin.options import OPTIONS, settings_of

VALUES = {
    "model": ("a.py:b", "c.py:d"),
    "data": ("digits", "kmnist"),
    "n": (7, 8),
    "seed": (0, 5),
    "baseline": ("a.json", "b.json"),
    "update_baseline": (True, True),
    "max_drop": (0.0, 0.5),
    "device": ("cpu", "meta"),
    "batch_size": (3, 4),
    "executor": ("processes", "processes:2"),
    "confidence": (0.9, 0.8),
    "verdict": ("point", "verify"),
    "inconclusive": ("pass", "skip"),
    "familywise": ("holm", "off"),
    "early_stop": (0.05, "certain"),
    "report": (("a.json",), ("b.md", "c.csv")),
    "strict": (True, True),
    "allow_pickle": (("ab",), ("cd", "ef")),
}


def as_option(name: str, value: object) -> list[str]:
    option = f"--robustness-{name.replace('_', '-')}"
    if value is True:
        return [option]
    return [f"{option}={item}" for item in value] if isinstance(value, tuple) else [f"{option}={value}"]


def as_ini(name: str, value: object) -> str:
    text = " ".join(value) if isinstance(value, tuple) else str(value).lower() if value is True else str(value)
    return f"robustness_{name} = {text}\n"


def as_toml(name: str, value: object) -> str:
    text = repr(list(value)) if isinstance(value, tuple) else "true" if value is True else repr(value)
    return f"{name} = {text}\n"


def test_every_option_is_tested():
    assert set(VALUES) == {option.setting for option in OPTIONS}


@pytest.mark.parametrize("name", VALUES)
def test_option_before_ini_before_head_before_default(pytester, name):
    value, other = VALUES[name]
    pytester.makepyprojecttoml("[tool.robustness]\n" + as_toml(name, other))
    assert getattr(settings_of(pytester.parseconfig()), name) == other
    pytester.makeini("[pytest]\n" + as_ini(name, value))
    assert getattr(settings_of(pytester.parseconfig()), name) == value
    assert getattr(settings_of(pytester.parseconfig(*as_option(name, other))), name) == other


def test_native_toml_types(pytester):
    pytester.maketoml(
        """
        [pytest]
        robustness_n = 7
        robustness_confidence = 0.9
        robustness_early_stop = "0.05"
        robustness_report = ["a.json"]
        robustness_strict = true
        """
    )
    settings = settings_of(pytester.parseconfig())
    assert (settings.n, settings.confidence, settings.early_stop) == (7, 0.9, 0.05)
    assert (settings.report, settings.strict) == (("a.json",), True)


@pytest.mark.parametrize("source", ["--robustness-no-cache", "ini", "head"])
def test_no_cache(pytester, source):
    assert settings_of(pytester.parseconfig()).cache
    if source == "ini":
        pytester.makeini("[pytest]\nrobustness_no_cache = true")
    if source == "head":
        pytester.makepyprojecttoml("[tool.robustness]\ncache = false")
    config = pytester.parseconfig(*[source] if source.startswith("-") else [])
    assert not settings_of(config).cache


def test_marker_before_option(run):
    result = run(
        "@pytest.mark.accuracy(n=50, seed=2, verdict='point')\ndef test_it(): ...",
        "--robustness-n=60", "--robustness-seed=1",
    )  # fmt: skip
    result.stdout.fnmatch_lines(["predict on squares, 50 of 400 images*"])


def test_a_marker_may_stop_early_where_the_run_does_not(run):
    run("@pytest.mark.accuracy(early_stop=0.05)\ndef test_it(): ...").assert_outcomes(passed=1)
    result = run("@pytest.mark.accuracy(early_stop=0.7)\ndef test_it(): ...")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*accuracy: *early-stop: got 0.7; allowed: off, certain, a number*"])


@pytest.mark.parametrize(("text", "kept"), [("0.05", 0.05), ("'0.05'", 0.05), ("'certain'", "certain")])
def test_a_table_may_stop_early(text, kept):
    (table,) = tomllib.loads(f"[[require]]\nfamily = 'accuracy'\nearly_stop = {text}")["require"]
    requirement = make_requirement(table.pop("family"), table)
    assert settings_for(requirement, Settings()).early_stop == kept


WRONG = {
    "n": ("0", "*n is out of range*got 0*at least 1*"),
    "seed": ("-1", "*seed*got -1*at least 0*"),
    "batch-size": ("0", "*batch_size*got 0*"),
    "executor": ("threads", "*'threads'*allowed: serial*"),
    "confidence": ("1", "*confidence*got 1*"),
    "verdict": ("maybe", "*'maybe'*allowed: point, verify, regress*"),
    "inconclusive": ("x", "*'x'*allowed: fail, pass, skip*"),
    "early-stop": ("never", "*early-stop*'never'*allowed: off, certain, a number above 0 and below 0.5*"),
    "report": ("card.txt", "*suffix*card.txt*.json, .md, .html, .csv*"),
    "baseline": ("a.txt", "*a baseline must be a scorecard*a.txt*"),
}


@pytest.mark.parametrize(("name", "value", "message"), [(n, *v) for n, v in WRONG.items()], ids=WRONG)
@pytest.mark.parametrize("place", ["option", "ini", "head"])
def test_wrong_values_are_usage_errors(pytester, name, value, message, place):
    key = name.replace("-", "_")
    options = ["--robustness"]
    if place == "option":
        options = [f"--robustness-{name}={value}"]
    elif place == "ini":
        pytester.makeini(f"[pytest]\nrobustness_{key} = {value}")
    else:
        number = value.lstrip("-").isdigit()
        pytester.makepyprojecttoml(f"[tool.robustness]\n{key} = {value if number else repr(value)}")
    pytester.makepyfile("def test_it(): ...")
    result = pytester.runpytest(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert "passed" not in result.stdout.str()


@pytest.mark.parametrize("options", [["--robustness-n=many"], ["--robustness-confidence=high"]], ids=str)
def test_options_are_typed(pytester, options):
    assert pytester.runpytest(*options).ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize("key", ["n = many", "confidence = high", "strict = perhaps"])
def test_ini_keys_are_typed(pytester, key):
    pytester.makeini(f"[pytest]\nrobustness_{key}")
    pytester.makepyfile("def test_it(): ...")
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: robustness_{key.split()[0]}: *"])


def test_wrong_values_under_xdist(pytester):
    pytester.makepyfile("def test_it(): ...")
    result = pytester.runpytest_subprocess("-n1", "--robustness-n=0")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*n is out of range*"])


def test_help_markers_and_fixtures_are_documented(pytester):
    pytester.runpytest("--help").stdout.fnmatch_lines(
        ["model robustness:", "*--robustness-n=*", "*robustness_n (int):*"]
    )
    pytester.runpytest("--markers").stdout.fnmatch_lines(["@pytest.mark.accuracy(min_accuracy=...): measure*"])
    result = pytester.runpytest("--fixtures", "-v")
    result.stdout.fnmatch_lines_random(["robustness_model*", "robustness_data*", "robustness -- *"])


def test_strict_configuration_is_happy(run, project):
    (project.path / "tox.ini").write_text(
        "[pytest]\naddopts = --strict-markers --strict-config\nrobustness_model = models.py:predict\n"
        "robustness_data = squares.npz\n"
    )
    run("@pytest.mark.accuracy(min_accuracy=0.5)\ndef test_it(): ...").assert_outcomes(passed=1)
