"""Outcomes that are kept, rows that are found again, and drops that are judged."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.regression import simulate
from pytest_robustness.errors import ConfigurationError
from pytest_robustness.evaluations import Measurement, Threshold, Verdict, make_requirement
from pytest_robustness.gates.baseline import Baseline, hold_against
from pytest_robustness.gates.drops import samples_for_margin
from pytest_robustness.gates.keeping import keep_baseline
from pytest_robustness.gates.planning import margin_dead_ends
from pytest_robustness.gates.settings import Settings
from pytest_robustness.gates.suite import settings_for
from pytest_robustness.metrics import binomial_interval, paired_interval
from pytest_robustness.scorecard.changes import baseline_lines, change_value
from pytest_robustness.scorecard.comparison import Change, compare_rows
from pytest_robustness.scorecard.format import summary_line
from pytest_robustness.scorecard.outcomes import ids_digest, pack_outcomes, unpack_outcomes
from pytest_robustness.scorecard.record import explain
from pytest_robustness.scorecard.renderers.huggingface import render_huggingface
from pytest_robustness.scorecard.renderers.markdown import render_markdown
from pytest_robustness.scorecard.renderers.terminal import render_terminal
from pytest_robustness.scorecard.rows import Row
from tests.scorecard.sample import CARDS, LENET, PERCEPTRON, SAMPLE, WHOLE, at_least, make_card, payload
from tests.scorecard.sample import make_row as make_any_row


def make_row(family: str = "accuracy", metric: str = "accuracy", value: float = 0.9, **changes: object) -> Row:
    return make_any_row(family, metric, value, **changes)


@given(st.integers(1, 300), st.integers(1, 4), st.integers(0, 99))
def test_outcomes_come_back_in_the_order_of_their_ids(n, times, seed):
    rng = np.random.default_rng(seed)
    ids, correct = rng.permutation(1000)[:n], rng.random((n, times)) < 0.7
    packed = pack_outcomes(ids, correct[:, 0] if times == 1 else correct)
    assert packed is not None
    assert json.loads(json.dumps(packed)) == packed
    assert np.array_equal(unpack_outcomes(packed), correct[np.argsort(ids)].mean(axis=1))
    assert packed["ids"] == ids_digest(np.sort(ids))


def test_ten_thousand_samples_are_about_a_kilobyte():
    correct = np.random.default_rng(0).random(10_000) < 0.95
    packed = pack_outcomes(np.arange(10_000), correct)
    assert len(json.dumps(packed)) < 1024
    half = pack_outcomes(np.arange(10_000), np.random.default_rng(0).random(10_000) < 0.5)
    assert len(json.dumps(half)) < 1800


def test_what_asks_too_often_keeps_no_outcomes():
    assert pack_outcomes(np.arange(3), np.ones((3, 256), bool)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"bits": "eJwDAAAAAAE="},
        {"bits": "?"},
        {"samples": 9},
        {"samples": 0},
        {"times": 0},
        {"samples": "x"},
        {"bits": 3},
    ],
)
def test_damaged_outcomes(change):
    packed = pack_outcomes(np.arange(8), np.ones(8, bool))
    with pytest.raises(ConfigurationError, match="outcomes of a row"):
        unpack_outcomes({**packed, **change})


def with_outcomes(correct: np.ndarray, **changes: object) -> Row:
    packed = pack_outcomes(np.arange(len(correct)), correct)
    return make_row(value=float(correct.mean()), outcomes=packed, n=len(correct), **changes)


def test_pairs_are_counted():
    before, after = np.ones(200, bool), np.ones(200, bool)
    before[:3], after[2:20] = False, False
    change = compare_rows(with_outcomes(before), with_outcomes(after))
    assert (change.lost, change.won, change.paired) == (17, 2, True)
    assert change.value == pytest.approx(-15 / 200)
    assert change.decision == "worse"
    assert compare_rows(with_outcomes(after), with_outcomes(before)).decision == "better"


@pytest.mark.parametrize(
    ("row", "note"),
    [
        (make_row(value=0.9), "no outcomes by sample of this row"),
        (with_outcomes(np.ones(100, bool)), "outcomes are of other samples"),
        (with_outcomes(np.ones(200, bool), data=WHOLE.key), "n is 1000, and was 10000"),
    ],
)
def test_what_cannot_be_paired_is_said(row, note):
    change = compare_rows(row, with_outcomes(np.ones(200, bool)))
    assert not change.paired
    assert note in change.note
    assert change.p is None


def test_of_metrics_that_should_be_low_more_is_a_drop():
    change = compare_rows(make_row("calibration", "ece", 0.02), make_row("calibration", "ece", 0.05))
    assert change.drop == pytest.approx(0.03)
    assert change.decision == "worse"
    assert change.least_drop < change.drop < change.most_drop


def test_a_value_that_is_none_is_nothing_shown():
    change = compare_rows(make_row(value=0.9), make_row(value=math.nan, low=math.nan, high=math.nan))
    assert math.isnan(change.value)
    assert change.decision == "same"
    assert isinstance(change, Change)


def stored(tmp_path: Path, rows: list[Row]) -> Baseline:
    path = tmp_path / "base.json"
    make_card(rows).write(path)
    return Baseline.read(path)


OTHER = dataclasses.replace(LENET, fingerprint="1234" * 16)
CARDS[OTHER.key] = OTHER.to_dict()


def test_rows_are_found_by_test_or_model_and_the_nearest_counts(tmp_path):
    rows = [
        make_row(value=0.5, test="a", id="1"),
        make_row(value=0.55, test="a", id="1", model=OTHER.key, metric="other"),
        make_row(value=0.6, test="b", id="1", threshold=None),
        make_row(value=0.7, test="b", id="1", data=WHOLE.key),
        make_row(value=0.8, test="c", id="1", model=PERCEPTRON.key),
        make_row(value=0.9, parameters={"eps": 0.1}, test="a", id="2"),
    ]
    baseline = stored(tmp_path, rows)

    def found(model: str = LENET.name, data: str = SAMPLE.name, **changes: object) -> float | None:
        row = baseline.find(make_row(**changes), model=model, data=data).row
        return None if row is None else row.value

    assert found(test="a") == 0.5
    assert found(test="b") == 0.6
    assert found(test="b", data=WHOLE.name) == 0.7
    assert found(test="a", data=WHOLE.name) == 0.7  # of the same model: its test has no other data
    assert found(test="b", data="hard") is None  # another data set is another question
    assert found(test="a", model="another", id="x >= 0.5") == 0.5  # of the same test, whatever the model and the bound
    assert found(test="new") in (0.5, 0.6)  # of the same model, whatever the test
    assert found(test="new", model="another", metric="worst") is None
    assert found(test="c", model=PERCEPTRON.name) == 0.8
    assert found(test="a", parameters={"eps": 0.2}) is None
    assert found(test="a", parameters={"eps": 0.1}) == 0.9


def test_models_of_one_name_are_told_apart_by_their_fingerprints_or_not_at_all(tmp_path):
    baseline = stored(tmp_path, [
        make_row(value=0.9, test="t[good]"),
        make_row(value=0.5, test="t[bad]", model=OTHER.key),
    ])  # fmt: skip

    def found(**changes: object) -> tuple[float | None, str]:
        row, note, _ = baseline.find(make_row(**changes), model=LENET.name, data=SAMPLE.name)
        return None if row is None else row.value, note

    assert found(test="t[v2]") == (0.9, "")
    assert found(test="t[v2]", model=OTHER.key) == (0.5, "")
    assert found(test="t[bad]", model=LENET.key) == (0.5, "")  # what the test is about got another model
    value, note = found(test="t[v2]", model=PERCEPTRON.key)
    assert value is None
    assert "ambiguous" in note


def test_what_is_written_is_lean_and_the_same_again(tmp_path):
    row = make_row(value=0.9, details={"x": [1]}, warnings=("w",), reason="r", seconds=9.0, cached=True, test="a")
    faulty = make_row("ood", "auroc", 0.7, faults=("broken",))
    card = Baseline(tmp_path / "none.json", None).renewed(make_card([row, faulty]))
    assert len(card.rows) == 1
    kept = card.rows[0]
    assert (kept.details, kept.warnings, kept.reason, kept.seconds, kept.cached) == ({}, (), "", 0.0, False)
    card.write(tmp_path / "base.json")
    again = Baseline.read(tmp_path / "base.json")
    slower = dataclasses.replace(row, seconds=1.0, cached=False)
    assert again.renewed(make_card([slower])).to_json() == (tmp_path / "base.json").read_text()


def test_age_and_commit(tmp_path):
    path = tmp_path / "base.json"
    made = dt.datetime.now(dt.UTC) - dt.timedelta(days=3)
    dataclasses.replace(make_card([make_row()]), created=made.isoformat()).write(path)
    about = Baseline.read(path, shown="base.json").to_dict(["gone"])
    assert about["age_days"] == pytest.approx(3, abs=0.1)
    assert about["commit"] == "0123abcd" * 5
    assert (about["state"], about["missing"], len(about["digest"])) == ("compared", ["gone"], 64)
    dataclasses.replace(make_card([make_row()]), created="long ago").write(path)
    assert Baseline.read(path).to_dict()["age_days"] is None


def test_the_same_model_with_the_same_outcome_has_not_changed():
    correct = np.arange(100) > 5
    change = compare_rows(with_outcomes(correct), with_outcomes(correct))
    assert (change.low, change.high, change.lost, change.won, change.decision) == (0, 0, 0, 0, "same")
    ece = make_row("calibration", "ece", 0.02)
    assert compare_rows(ece, ece).unchanged
    for other in (with_outcomes(correct, model=OTHER.key), with_outcomes(correct[::-1])):
        change = compare_rows(other, with_outcomes(correct))
        assert change.low < 0 < change.high
        assert not change.unchanged


def measurement(correct: np.ndarray, population: int) -> Measurement:
    low, high = binomial_interval(int(correct.sum()), len(correct))
    return Measurement(
        family="accuracy", metric="accuracy", parameters={}, value=float(correct.mean()), low=low, high=high,
        confidence=0.95, n=len(correct), population=population, higher_is_better=True,
    )  # fmt: skip


def held(before: Row, correct: np.ndarray, *, population: int = 1000, **asked: object) -> Row:
    """Return a row of a run, held against a baseline with one row."""
    card = make_card([before])
    row = with_outcomes(
        correct,
        model=OTHER.key,
        test=before.test,
        **{k: asked.pop(k) for k in ("threshold", "verdict", "reason", "n", "data") if k in asked},
    )
    settings = Settings(baseline="b.json", **asked)
    baseline = Baseline(Path("b.json"), card)
    found = hold_against(payload(row), measurement(correct, population), baseline, settings, gated=True)
    return Row.from_dict(found["row"])


RIGHT = np.arange(1000) >= 60


def test_point_counts_only_where_both_have_measured_everything():
    # 1.8 points less on all data than on the hundred of the baseline: a matter of chance.
    few = make_row(value=0.958, low=0.9, high=0.98, n=100, data=SAMPLE.key)
    row = held(few, RIGHT, max_drop=0.01)
    assert (row.verdict, row.baseline["rule"]) == ("inconclusive", "verify")
    all_of_them = make_row(value=0.958, low=0.94, high=0.97, n=10_000, data=WHOLE.key)
    row = held(all_of_them, RIGHT, max_drop=0.01, data=WHOLE.key)
    assert (row.verdict, row.baseline["rule"]) == ("failed", "point")


def test_a_row_that_fails_by_its_baseline_says_so_first_and_of_its_bound_that_it_is_met():
    before = with_outcomes(np.arange(1000) >= 20, test="t")
    bound = {"threshold": at_least(0.9), "verdict": "passed", "reason": "lies wholly above"}
    row = held(before, RIGHT, **bound)
    assert row.verdict == "failed"
    assert row.reason.startswith("-4.0 points [")
    assert "since the baseline: shown to be worse, p = " in row.reason
    assert row.reason.endswith("; >= 0.9 is met")
    data = dataclasses.replace(SAMPLE, name="mnist")  # which the Hub has
    card = dataclasses.replace(make_card(), rows=(row,), models=(OTHER,), datasets=(data,))
    assert summary_line(card).endswith("worst: accuracy 94.0 % (-4.0 points since the baseline)")
    for text in (
        render_huggingface(card),
        "\n".join(render_terminal(card, width=80, verbosity=0, color=False)),
        render_markdown(card),
    ):
        assert "-4.0 points" in text
    line = explain(
        measurement(RIGHT, 1000), Threshold("accuracy", ">=", 0.9), Verdict("failed", row.reason), row.baseline
    )[0]
    assert line.endswith("is worse than the baseline: -4.0 points")
    unsure = {
        "threshold": at_least(0.94),
        "verdict": "inconclusive",
        "reason": "contains 0.94; about 9,643 samples would",
    }
    assert held(before, RIGHT, **unsure).reason.endswith("; >= 0.94 is neither shown to be met nor to be missed")


@pytest.mark.parametrize(("lost", "won", "n", "margin", "needed"), [(0, 0, 300, 0.01, 373), (3, 3, 300, 0.02, None)])
def test_the_samples_that_settle_a_drop(lost, won, n, margin, needed):
    found = samples_for_margin(lost, won, n, margin, 0.95)
    assert needed is None or found == needed
    counts = [round(count * found / n) for count in (lost, won)]
    assert -paired_interval(*counts, found).low <= margin
    assert (
        -paired_interval(*(round(count * 0.95 * found / n) for count in (lost, won)), round(0.95 * found)).low > margin
    )
    after = np.arange(n) >= n // 2
    before = after.copy()
    before[:lost], after[:lost] = True, False
    row = held(with_outcomes(before), after, max_drop=margin, population=n + 1, verdict="measured")
    assert (row.verdict == "inconclusive") == (found > n)


def test_a_margin_that_no_changed_model_can_keep_is_told():
    def told(family: str = "accuracy", n: int | None = 300, **keys: object) -> str:
        requirement = make_requirement(family, {"max_drop": 0.01, **keys})
        return " ".join(margin_dead_ends(requirement, settings_for(requirement, Settings(baseline="b.json", n=n))))

    assert told().startswith("n = 300 is too few to pass max_drop = 0.01 but for the same model: ")
    assert told().endswith("may still be 0.01239; it takes 373")
    assert told(min_accuracy=0.5)
    for enough in ({"n": 373}, {"n": None}, {"verdict": "regress"}, {"verdict": "point"}, {"max_drop": 0}):
        assert told(**enough) == ""
    assert told("calibration", max_ece=0.1) == ""  # not compared image by image


def test_what_the_line_of_the_baseline_counts():
    before = with_outcomes(np.arange(1000) >= 20, test="t")
    worse = held(before, RIGHT, threshold=at_least(0.5), verdict="passed")
    only = dataclasses.replace(held(before, RIGHT), id="x", test="y")
    only = dataclasses.replace(only, baseline={**only.baseline, "max_drop": None, "shown": "better"})
    moved = dataclasses.replace(
        worse, id="z", baseline={**worse.baseline, "paired": False, "note": "unpaired: n is 5, and was 9"}
    )
    about = Baseline(Path("b.json"), make_card([before])).to_dict()
    card = dataclasses.replace(
        make_card(), rows=(worse, only, moved), models=(OTHER,), datasets=(SAMPLE,), baseline=about
    )
    assert baseline_lines(card)[0].endswith(
        ": 2 compared, 2 worse (accuracy), 0 better; 1 only measured, 0 worse, 1 better;"
        " 1 not paired (n is 5, and was 9)"
    )


def test_small_changes_keep_their_unit():
    assert change_value("accuracy", -0.0004) == "-0.04"
    assert change_value("mean", -0.000022) == "-0.00"
    assert change_value("accuracy", -0.009) == "-0.9"


def test_two_runs_that_write_at_once_keep_the_rows_of_both(tmp_path):
    path = tmp_path / "base.json"
    make_card([make_row(test=name, id=name) for name in "abc"]).write(path)
    first, second = (Baseline.read(path, update=True) for _ in range(2))
    how = {"finished": True, "whole": False, "strict": False}
    keep_baseline(first, make_card([make_row(value=0.8, test="a", id="a")]), [], **how)
    keep_baseline(second, make_card([make_row(value=0.7, test="b", id="b")]), [], **how)
    assert {row.test: row.value for row in Baseline.read(path).card.rows} == {"a": 0.8, "b": 0.7, "c": 0.9}
    gone = [row for row in second.card.rows if row.test == "c"]
    keep_baseline(second, make_card([make_row(value=0.7, test="b", id="b")]), gone, **how)
    assert {row.test for row in Baseline.read(path).card.rows} == {"a", "b"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["base.json"]


def test_strict_runs_do_not_lose_rows(tmp_path):
    baseline = stored(tmp_path, [make_row(test="a"), make_row(test="b", id="b")])
    card = baseline.attached(make_card([make_row(test="a")]), [baseline.card.rows[1]])
    how = {"finished": True, "whole": True}
    assert keep_baseline(baseline, card, [baseline.card.rows[1]], strict=False, **how).outcome == "fine"
    kept = keep_baseline(baseline, card, [baseline.card.rows[1]], strict=True, **how)
    assert kept.outcome == "absent"
    assert "--robustness-update-baseline accepts that" in kept.notes[-1][1]
    assert (
        "1 row of the baseline no longer exists: accuracy (b) (--robustness-update-baseline drops it)"
        in kept.notes[1][1]
    )
    # A row of which nothing was asked is not lost where another test measures the same.
    echoed = make_card([make_row(test="b", threshold=at_least(0.5), verdict="passed"), make_row(test="a")])
    assert [row.test for row in echoed.rows] == ["b"]
    assert stored(tmp_path, [make_row(test="a")]).unmeasured(echoed) == []


def test_a_commit_that_does_not_hold_what_was_measured_is_marked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in ("init -q", "-c user.name=a -c user.email=a@b commit -q --allow-empty -m x"):
        subprocess.run(["git", *command.split()], check=True)
    path, how = tmp_path / "base.json", {"finished": True, "whole": True, "strict": False}
    for dirty in (False, True):
        if dirty:
            (tmp_path / "model.pt").write_text("")
        keep_baseline(Baseline.read(path, update=True), make_card([make_row()]), [], **how)
        about = Baseline.read(path).to_dict()
        assert about["dirty"] is dirty
        line = baseline_lines(dataclasses.replace(make_card([make_row()]), baseline=about))[0]
        assert ("commit 0123abcd0123 with changes," in line) is dirty


def test_three_points_are_caught_and_equals_are_left_alone():
    caught = simulate(drop=0.03, won=0.005, runs=100, seed=1)
    assert caught.paired >= 99
    assert caught.unpaired < 95
    alarms = simulate(drop=0.0, won=0.01, runs=100, seed=1)
    assert alarms.paired <= 5
    assert simulate(drop=0.0, won=0.0, runs=20, seed=1).paired == 0
