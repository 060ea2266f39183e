"""A stored scorecard as a baseline: written, compared with, updated; and nothing that passes without a comparison."""

from __future__ import annotations

import json
import os
import re

import pytest

MODELS = '''
import numpy as np

def predict(images):
    quarters = np.asarray(images)[:, 0].reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4))
    return 20 * quarters.reshape(-1, 4)

def worse(images):
    """Like predict, but for every tenth image, by its pixels."""
    logits = predict(images)
    odd = (1000 * np.asarray(images).mean(axis=(1, 2, 3))).astype(int) % 10 == 0
    logits[odd] = logits[odd][:, [1, 2, 3, 0]]
    return logits
'''

SUITE = """
@pytest.mark.accuracy(min_accuracy=0.5)
def test_accuracy(): ...

@pytest.mark.ood(outliers="uniform-noise", min_auroc=0.5)
def test_ood(): ...

def test_called(robustness):
    assert robustness.accuracy(confidence=0.9) >= 0.5
"""

BASE = "--robustness-baseline=base.json"
WORSE = "--robustness-model=models.py:worse"


@pytest.fixture
def project(project: pytest.Pytester) -> pytest.Pytester:
    project.makepyfile(models=MODELS)
    return project


@pytest.fixture
def stored(run, project):
    """The suite with its baseline, written by a run."""
    result = run(SUITE, BASE)
    result.assert_outcomes(passed=3)
    return json.loads((project.path / "base.json").read_text())


def rows(project: pytest.Pytester, name: str = "card.json") -> list[dict]:
    return json.loads((project.path / name).read_text())["rows"]


def test_the_first_run_writes_it_and_says_so(run, project):
    import jsonschema

    from pytest_robustness.scorecard import json_schema

    result = run(SUITE, BASE, "--robustness-report=card.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["written: base.json, there was no baseline: * rows"])
    document = json.loads((project.path / "base.json").read_text())
    jsonschema.validate(document, json_schema())
    kept = next(row for row in document["rows"] if row["family"] == "accuracy")
    assert (kept["outcomes"]["samples"], kept["outcomes"]["times"]) == (400, 1)
    assert (kept["parts"], kept["details"]) == ([], {})
    card = json.loads((project.path / "card.json").read_text())
    jsonschema.validate(card, json_schema())
    assert card["baseline"]["state"] == "written"


def test_a_strict_first_run_writes_and_fails(run, project):
    result = run(SUITE, BASE, "--robustness-strict")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["robustness: nothing was compared, for there was no baseline: a strict run fails"])
    assert (project.path / "base.json").exists()
    assert run(SUITE, BASE, "--robustness-strict").ret == 0


def test_an_unchanged_model_passes_and_everything_is_shown(run, stored, project):
    made = (project.path / "base.json").read_bytes()
    result = run(SUITE, BASE, "--robustness-report=card.json")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [
            "check * interval * change * bound  verdict",
            "accuracy * 0.0 *50 %  passed",
            "baseline: base.json, less than a day old, sha256 *: 3 compared, 0 worse, 0 better; * only measured",
        ]
    )
    assert (project.path / "base.json").read_bytes() == made
    found = rows(project)[0]["baseline"]
    assert (found["paired"], found["lost"], found["won"], found["rule"]) == (True, 0, 0, "regress")


@pytest.mark.parametrize("options", [[], ["-n2"], ["--junit-xml=x.xml"], ["-n2", "--junit-xml=x.xml"]], ids=" ".join)
def test_a_worse_model_fails(run, run_apart, stored, project, options):
    result = (run_apart if options else run)("", BASE, WORSE, "--robustness-report=card.json", *options)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines_random(
        [
            "*accuracy().accuracy: 0.8* is worse than the baseline: -* points",
            "*verdict    failed: -* points * since the baseline: shown to be worse, p = *; >= 0.5 is met",
            "*baseline   0.8875, a change of -0.0*lost and * won",
            "accuracy * -* 50 %  failed",
            "*; worst: accuracy*",
            "baseline: *: 3 compared, 2 worse (accuracy), 0 better; * only measured*",
        ]
    )
    failed = [row for row in rows(project) if row["verdict"] == "failed"]
    assert [row["family"] for row in failed] == ["accuracy", "accuracy"]
    assert all(row["value"] > 0.5 and row["baseline"]["verdict"] == "failed" for row in failed)
    if len(options) == 2 or "--junit-xml=x.xml" in options:
        assert "is worse than the baseline" in (project.path / "x.xml").read_text()


def test_written_by_workers_it_is_the_same(run, run_apart, stored, project):
    (project.path / "base.json").rename(project.path / "alone.json")
    result = run_apart("", BASE, "-n2", "--junit-xml=x.xml")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["written: base.json, there was no baseline: * rows"])
    assert rows(project, "base.json") == rows(project, "alone.json")


def test_seen_from_where_it_is_named(run_apart, stored, project, monkeypatch):
    (project.path / "sub").mkdir()
    monkeypatch.chdir(project.path / "sub")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(project.path), os.environ.get("PYTHONPATH", "")]))
    model = "--robustness-model=../models.py:predict"
    data = "--robustness-data=../squares.npz"
    result = run_apart("", "--robustness-baseline=../base.json", model, data, "..", "-n2")
    result.stdout.fnmatch_lines(["baseline: ../base.json, *: * compared, 0 worse, 0 better; * only measured"])
    project.makeini("[pytest]\nrobustness_baseline = base.json\n")
    result = run_apart("", model, data, "..")
    result.stdout.fnmatch_lines(["baseline: base.json, *: * compared, 0 worse, 0 better; * only measured"])


def test_updating_accepts_what_is_measured(run, stored, project):
    result = run("", BASE, WORSE, "--robustness-update-baseline")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["baseline: *worse*", "written: base.json, the baseline is updated: * rows"])
    result.stdout.fnmatch_lines(["accuracy * -* 50 %  passed"])
    assert run("", BASE, WORSE).ret == 0


def test_a_part_of_the_tests_keeps_the_other_rows(run, stored, project):
    result = run("", BASE, WORSE, "--robustness-update-baseline", "-k", "test_ood")
    result.stdout.fnmatch_lines(["written: base.json, the baseline is updated: * rows, of a part of all"])
    result.stdout.no_fnmatch_line("*no longer exist*")
    after = rows(project, "base.json")
    assert {row["test"] for row in after} == {row["test"] for row in stored["rows"]}
    before = {row["id"]: row for row in stored["rows"]}
    assert all(row == before[row["id"]] for row in after if row["family"] == "accuracy")
    assert {row["model"] for row in after if row["family"] == "ood"} == {"worse"}


def test_rows_that_no_longer_exist(run, run_apart, stored, project):
    fewer = SUITE.split("@pytest.mark.ood", maxsplit=1)[0]
    result = run(fewer, BASE)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["robustness: * rows of the baseline no longer exist: *drops them)"])
    strict = run_apart("", BASE, "-n1", "--robustness-strict")
    assert strict.ret == pytest.ExitCode.TESTS_FAILED
    strict.stdout.fnmatch_lines(
        ["*no longer exist: *", "*a strict run fails; --robustness-update-baseline accepts that"]
    )
    for options in (["-k", "accuracy"], ["test_model.py::test_accuracy"], ["-m", "accuracy"]):
        part = run("", BASE, "--robustness-strict", *options)
        assert part.ret == 0
        part.stdout.no_fnmatch_line("*no longer exist*")
    kept = run("", BASE, "--robustness-update-baseline")
    kept.stdout.fnmatch_lines(["robustness: * no longer exist: *(dropped)", "written: base.json*"])
    assert {row["family"] for row in rows(project, "base.json")} == {"accuracy"}


def test_switched_off_for_one_run(run, project):
    project.makepyprojecttoml('[tool.robustness]\nbaseline = "base.json"')
    source = SUITE.replace("min_accuracy=0.5", "min_accuracy=0.5, max_drop=0.01")
    for option in (["--robustness-baseline="], ["-o", "robustness_baseline="]):
        result = run(source, *option)
        assert result.ret == 0
        result.stdout.no_fnmatch_line("*base.json*")
        assert not (project.path / "base.json").exists()
    assert run(source, "--robustness-baseline=", "--robustness-update-baseline").ret == pytest.ExitCode.USAGE_ERROR
    result = run(source, "--robustness-early-stop=certain")
    result.stdout.fnmatch_lines(["robustness: early_stop = certain is off, *", "written: base.json*"])


def test_tests_that_are_not_run_are_not_gone(run, run_apart, stored, project):
    # Taken out without a word, as sharding plugins may; and a module that skips itself.
    conftest = (
        "def pytest_collection_modifyitems(items):\n    items[:] = [item for item in items if 'ood' not in item.name]"
    )
    project.makeconftest(conftest)
    for result in (run("", BASE, "--robustness-update-baseline"), run_apart("", BASE, "-n1", "--robustness-strict")):
        assert result.ret == 0
        result.stdout.no_fnmatch_line("*no longer exist*")
    (project.path / "conftest.py").unlink()
    project.makepyfile(test_other="import pytest\n@pytest.mark.calibration(max_ece=0.9)\ndef test_it(): ...")
    run(SUITE, BASE, "--robustness-update-baseline")
    before = rows(project, "base.json")
    assert len({row["test"] for row in before}) == 4
    project.makepyfile(test_other="import pytest\npytest.skip('not here', allow_module_level=True)")
    run("", BASE, "--robustness-update-baseline").stdout.no_fnmatch_line("*no longer exist*")
    assert len(rows(project, "base.json")) == len(before)


def test_a_test_that_failed_is_not_gone(run, stored, project):
    result = run(SUITE.replace("    assert", "    raise OSError\n    assert"), BASE, "--robustness-update-baseline")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.no_fnmatch_line("*no longer exist*")
    assert len(rows(project, "base.json")) == len(stored["rows"])


def test_new_rows(run, stored, project):
    more = SUITE + "\n@pytest.mark.calibration(max_ece=0.9)\ndef test_new(): ...\n"
    result = run(more, BASE)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["calibration * new * passed", "baseline: * not in it"])
    strict = run(more, BASE, "--robustness-strict")
    strict.assert_outcomes(passed=3, failed=1)
    strict.stdout.fnmatch_lines(["calibration().ece: * is not in the baseline"])
    asked = run(more.replace("max_ece=0.9", "max_ece=0.9, max_drop=0.05"), BASE)
    asked.assert_outcomes(passed=3, failed=1)
    asked.stdout.fnmatch_lines(["*inconclusive: not in the baseline, --robustness-update-baseline adds it*"])


MARGIN = """
@pytest.mark.accuracy(max_drop=0.05{more})
def test_it(): ...
"""


@pytest.mark.parametrize(
    ("more", "model", "verdict"),
    [
        ("", "predict", "passed"),  # all data: the values are compared
        ("", "worse", "failed"),
        (", verdict='verify'", "predict", "passed"),
        (", verdict='regress'", "predict", "passed"),
        (", max_drop=0.2", "worse", "passed"),
        (", max_drop=0.2, verdict='verify'", "worse", "passed"),
        (", max_drop=0.1, verdict='verify'", "worse", "inconclusive"),
        (", max_drop=0.1, verdict='regress'", "worse", "passed"),
        (", max_drop=0.0, verdict='verify'", "worse", "failed"),
        (", max_drop=0.0, verdict='verify'", "predict", "passed"),  # the same model has lost nothing
        (", max_drop=0.0", "predict", "passed"),
        (", max_drop=0.0", "worse", "failed"),
    ],
)
def test_margins_and_rules(run, project, more, model, verdict):
    source = MARGIN.format(more=more)
    if "max_drop" in more:
        source = source.replace("max_drop=0.05, ", "")
    run(source, BASE).assert_outcomes(passed=1)
    assert rows(project, "base.json")[0]["verdict"] == "measured"
    result = run(source, BASE, f"--robustness-model=models.py:{model}", "--robustness-report=card.json")
    assert rows(project)[0]["verdict"] == verdict, result.stdout.str()
    assert result.ret == (0 if verdict == "passed" else 1)


def test_one_option_for_all(run, stored, project):
    assert run("", BASE, WORSE, "--robustness-max-drop=0.5").ret == 0
    assert run("", BASE, WORSE, "--robustness-max-drop=0").ret == 1
    project.makeini("[pytest]\nrobustness_model = models.py:worse\nrobustness_data = squares.npz\n"
                    "robustness_max_drop = 0.5\nrobustness_baseline = base.json")  # fmt: skip
    assert run("").ret == 0


def test_the_margin_of_a_table_and_the_long_name_for_sensitivity(run, project, tables):
    project.makepyprojecttoml(
        tables(
            'family = "accuracy"\nmax_drop = 0.01',
            'family = "sensitivity"\npoints = 16\nmax_drop = 0.9\nmax_drop_from_baseline = 0.01',
            head='baseline = "base.json"',
        )
    )
    assert run("", "--robustness").ret == 0
    result = run("", "--robustness", WORSE, "--robustness-report=card.json")
    result.assert_outcomes(failed=2)
    judged = {row["metric"]: row for row in rows(project) if row["verdict"] != "measured"}
    assert judged["max_drop"]["threshold"]["bound"] == 0.9
    assert judged["max_drop"]["baseline"]["max_drop"] == 0.01
    assert judged["accuracy"]["threshold"] is None


def test_the_fixture_takes_a_margin_and_answers_for_no_opposite(run, project):
    source = "def test_it(robustness):\n    robustness.accuracy(max_drop=0.01)\n"
    assert run(source, BASE).ret == 0
    assert run(source, BASE).ret == 0
    result = run(source, BASE, WORSE)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*accuracy().accuracy: * is worse than the baseline: *"])
    opposite = "def test_it(robustness):\n    assert not robustness.accuracy() >= 0.99\n"
    assert run(opposite, BASE).ret == 0
    assert run(opposite, BASE, WORSE).ret == 1


@pytest.mark.parametrize("options", [["--robustness-n=200"], ["--robustness-n=200", "--robustness-seed=1"]])
def test_other_samples_are_not_paired(run, stored, project, options):
    result = run("", BASE, "--robustness-report=card.json", *options)
    found = rows(project)[0]["baseline"]
    assert not found["paired"]
    assert found["note"] == "unpaired: n is 200, and was 400"
    result.stdout.fnmatch_lines(["baseline: * 2 not paired (n is 200, and was 400)"])
    assert found["high"] - found["low"] > 0.08


def test_another_seed_on_all_data_is_the_same_images(run, stored, project):
    assert run("", BASE, "--robustness-seed=1", "--robustness-report=card.json").ret == 0
    assert rows(project)[0]["baseline"]["paired"]


def test_other_parameters_are_another_row(run, project):
    attack = "@pytest.mark.adversarial(attack='square', eps={eps}, queries=5)\ndef test_it(): ...\n"
    run(attack.format(eps=0.05), BASE)
    result = run(attack.format(eps=0.1), BASE, "--robustness-report=card.json")
    assert rows(project)[0]["baseline"]["note"] == "not in the baseline"
    result.stdout.fnmatch_lines(["*1 row of the baseline no longer exists: adversarial square*eps=0.05*"])


def test_early_stops_are_off_beside_a_baseline(run, stored, project):
    run("", BASE, "--robustness-early-stop=certain", "--robustness-report=card.json")
    assert all(row["baseline"]["paired"] for row in rows(project) if row["family"] == "accuracy")


DAMAGES = {
    "no JSON": lambda text: text[:100],
    "foreign": lambda text: '{"name": "package"}',
    "list": lambda text: "[]",
    "version": lambda text: text.replace('"version": 1', '"version": 9'),
    "bits": lambda text: re.sub(r'"bits": "[^"]{5}', '"bits": "xxxxx', text),
    "value": lambda text: text.replace('"value": 0.8875', '"value": 0.9875'),
    "samples": lambda text: text.replace('"samples": 400', '"samples": 4000'),
    "rows": lambda text: text.replace('"rows": [', '"rows": [1, '),
    "model": lambda text: text.replace('"model_fingerprint": "', '"model_fingerprint": "x'),
    "empty": lambda text: "",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_usage_errors_and_stay(run, stored, project, damage):
    path = project.path / "base.json"
    broken = DAMAGES[damage](path.read_text())
    path.write_text(broken)
    for options in ([], ["--robustness-update-baseline"]):
        result = run("", BASE, *options)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["ERROR: robustness: the baseline base.json cannot be used: *"])
    assert path.read_text() == broken


def test_a_damaged_file_of_the_head_table_under_xdist(run_apart, project):
    project.makepyprojecttoml('[tool.robustness]\nbaseline = "base.json"')
    (project.path / "base.json").write_text("{")
    for options in ([], ["-n1"]):
        result = run_apart(SUITE, *options)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert "the baseline base.json cannot be used" in result.stderr.str() + result.stdout.str()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--robustness-update-baseline"], "*update_baseline needs a baseline*"),
        (["--robustness-max-drop=0.1"], "*max_drop needs a baseline*"),
        (["--robustness-baseline=base.txt"], "*a baseline must be a scorecard*base.txt*"),
        ([BASE, "--robustness-max-drop=2"], "*max_drop is out of range*2 points of a hundred are 0.02*"),
        ([BASE, "--robustness-report=base.json"], "*a report would overwrite the baseline*"),
    ],
)
def test_wrong_options(run, options, message):
    result = run(SUITE, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("accuracy(max_drop=0.1)", "*max_drop needs a baseline to compare with*"),
        ("accuracy(max_drop=0.1, max_drop_from_baseline=0.2)", "*are the same*"),
        ("accuracy(max_drop=-1)", "*max_drop is out of range*"),
    ],
)
def test_wrong_margins(run, marker, message):
    result = run(f"@pytest.mark.{marker}\ndef test_it(): ...")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_nothing_that_cannot_be_relied_on_is_written(run, project):
    project.makepyfile(
        models=MODELS
        + """
import itertools
calls = itertools.count()

def fickle(images):
    return predict(images) + 5 * np.random.default_rng(next(calls)).random((len(images), 4))
"""
    )
    result = run("@pytest.mark.accuracy()\ndef test_it(): ...", BASE, "--robustness-model=models.py:fickle")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["written: base.json*: 0 rows (1 left out, which cannot be relied on)"])
    assert rows(project, "base.json") == []


def test_a_failed_row_is_written_and_said(run, project):
    result = run("@pytest.mark.accuracy(min_accuracy=0.99)\ndef test_it(): ...", BASE)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["written: base.json, there was no baseline: 1 row (1 failed)"])


def test_a_file_that_cannot_be_written(run, project):
    (project.path / "file").write_text("")
    result = run(SUITE, "--robustness-baseline=file/base.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["robustness: a report that cannot be written: *"])


def test_a_broken_run_writes_nothing(run_apart, project):
    result = run_apart(SUITE + "\ndef test_stop():\n    raise KeyboardInterrupt\n", BASE, "--robustness-n=100")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert not (project.path / "base.json").exists()


@pytest.mark.parametrize("name", ["card.md", "card.html", "card.csv"])
def test_every_report_is_written_beside_a_baseline(run, stored, project, name):
    run("", BASE, WORSE, f"--robustness-report={name}")
    text = (project.path / name).read_text()
    assert "baseline" in text
    if name == "card.md":
        assert "| change |" in text
        assert re.search(r"\| accuracy \| [\d.]+ % \| [^|]+ \| -\d", text)
