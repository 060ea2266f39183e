"""The fixture: every method measures and records; comparisons are verdicts, and explain themselves."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    "call",
    [
        "accuracy()",
        "corruption_accuracy('mnist-c-generated', ['stripe', 'scale'])",
        "ood('uniform-noise')",
        "ood('uniform-noise', score='entropy')['fpr95']",
        "calibration()",
        "calibration(bins=10)['nll']",
        "brier()",
        "sensitivity((0.8, 1.2), (-0.1, 0.1), points=9)",
        "accuracy(n=50, seed=3, confidence=0.9)",
    ],
)
def test_methods_measure(run, call):
    result = run(
        f"""
def test_it(robustness):
    measured = robustness.{call}
    assert 0 <= measured.low <= measured.value <= measured.high <= 2
    assert float(measured) == measured.value
"""
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["robustness: 0 passed, 0 failed, 0 inconclusive, * measured"])


def test_adversarial_accuracy(run):
    result = run(
        """
from pytest_robustness.attacks import FGSM

@pytest.fixture(scope="module")
def robustness_model():
    from nets import Net
    return Net()

def test_it(robustness):
    pgd = robustness.adversarial_accuracy("pgd", eps=0.02, steps=3)
    assert pgd <= robustness.accuracy().value
    assert robustness.adversarial_accuracy(FGSM(norm="linf", eps=0.02)).value >= pgd.value
"""
    )
    result.assert_outcomes(passed=1)


def test_the_message_of_an_assertion(run):
    result = run("def test_it(robustness):\n    assert robustness.accuracy() >= 0.9")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">       assert robustness.accuracy() >= 0.9",
            "E       assert accuracy().accuracy: 0.8875 is not >= 0.9",
            "E * failed: 0.8875 misses >= 0.9 by 0.0125",
            "E * interval * [[]0.85*, 0.91*[]] at 95 % confidence, n = 400",
            "E * shortfall  0.0125",
            "E * worst part class *: 0.8*",
            "test_model.py:3: AssertionError",
            "FAILED test_model.py::test_it - assert accuracy().accuracy: 0.8875 is not >= *",
        ]
    )


@pytest.mark.parametrize(
    ("assertion", "passes"),
    [
        ("0.8 <= robustness.accuracy()", True),
        ("0.9 <= robustness.accuracy()", False),
        ("robustness.accuracy() > 0.8875", False),
        ("robustness.accuracy() >= 0.8875", True),
        ("0.8 <= robustness.accuracy() <= 0.95", True),
        ("robustness.brier() < 0.2", False),
        ("0.3 > robustness.brier()", True),
        ("robustness.ood('uniform-noise')['fpr95'] <= 0.1", False),
        ("robustness.accuracy() >= robustness.accuracy(seed=1)", True),
        ("robustness.accuracy() > robustness.accuracy(seed=1)", False),
        ("robustness.accuracy() == 0.8875", True),
        ("not robustness.accuracy() >= 0.9", True),
    ],
)
def test_comparisons(run, assertion, passes):
    result = run(f"def test_it(robustness):\n    assert {assertion}")
    result.assert_outcomes(passed=int(passes), failed=int(not passes))
    if not passes:
        result.stdout.fnmatch_lines(["E       assert *: 0.* is not *", "E * interval *n = 400"])


def rows(project: pytest.Pytester, source: str, *options: str) -> list[dict]:
    project.makepyfile(test_model="import pytest\n" + source)
    project.runpytest("--robustness-report=card.json", *options)
    return json.loads((project.path / "card.json").read_text())["rows"]


def test_a_comparison_is_recorded_also_without_an_assertion(project):
    (row,) = rows(project, "def test_it(robustness):\n    robustness.accuracy() >= 0.9")
    assert row["threshold"] == {"op": ">=", "bound": 0.9}
    assert row["verdict"] == "failed"
    assert row["reason"] == "0.8875 misses >= 0.9 by 0.0125"
    assert row["test"] == "test_model.py::test_it"
    assert (row["metric"], row["value"], row["n"]) == ("accuracy", 0.8875, 400)


def test_measuring_again_does_not_undo_a_verdict(project):
    source = "def test_it(robustness):\n    robustness.accuracy() >= 0.9\n    robustness.accuracy()"
    assert [row["verdict"] for row in rows(project, source)] == ["failed"]


def test_two_bounds_are_two_rows_whatever_is_asked_again(project):
    source = """
def test_it(robustness):
    for bound in (0.8, 0.9, 0.8):
        robustness.accuracy() >= bound
"""
    found = rows(project, source)
    assert {row["id"]: row["verdict"] for row in found} == {
        "accuracy().accuracy": "passed",
        "accuracy().accuracy >= 0.9": "failed",
    }


def test_two_markers_of_one_family_keep_both_verdicts(project):
    source = """
@pytest.mark.calibration(max_brier=0.01)
@pytest.mark.calibration(max_ece=0.01)
def test_it(): ...
"""
    judged = {row["metric"]: row["verdict"] for row in rows(project, source) if row["threshold"]}
    assert judged == {"ece": "failed", "brier": "failed"}


def test_other_data_other_size_other_seed_are_other_rows(project):
    source = """
import numpy as np

def test_it(robustness):
    robustness.accuracy()
    robustness.accuracy(n=100)
    robustness.accuracy(seed=1)
    robustness.accuracy(n=100, seed=1)
    robustness.accuracy(data=(np.zeros((2, 8, 8), np.uint8), [0, 1])) >= 0.9
"""
    found = rows(project, source)
    assert sorted((row["data"], row["n"], "seed=1" in row["id"]) for row in found) == [
        ("arrays", 2, False), ("squares", 100, False), ("squares", 100, True), ("squares", 400, False),
        ("squares", 400, True),
    ]  # fmt: skip


def test_an_inconclusive_comparison(run):
    source = "def test_it(robustness):\n    assert robustness.accuracy(n=100) >= 0.88"
    result = run(source)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["accuracy* is not shown to be >= 0.88", "* inconclusive: *"])
    run(source, "--robustness-inconclusive=pass").assert_outcomes(passed=1)
    result = run(source, "--robustness-inconclusive=skip", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["robustness: 1 skipped; the first: inconclusive: accuracy*"])


def test_asking_for_the_opposite_is_no_way_past_an_inconclusive_verdict(run):
    result = run("def test_it(robustness):\n    assert not robustness.accuracy(n=100) < 0.88")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["accuracy* is not shown to be < 0.88"])


FAULTY = """
import pytest, torch

class Quantised(torch.nn.Module):
    def forward(self, images):
        return 20 * torch.nn.functional.avg_pool2d(images.round(), 4).flatten(1)

@pytest.fixture
def robustness_model():
    return Quantised()

def test_it(robustness):
    assert {}
"""


@pytest.mark.parametrize("question", ["{} >= 0.1", "not {} < 0.1", "{} <= 0.999"])
def test_a_value_that_cannot_be_relied_on_answers_no_question(run, question):
    asked = question.format("robustness.adversarial_accuracy('fgsm', eps=0.01)")
    result = run(FAULTY.replace("{}", asked))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the gradient is exactly zero*"])


def test_another_rule_or_confidence_is_another_row(project):
    marks = ["min_accuracy=0.95, verdict='point'", "min_accuracy=0.5, verdict='regress'", "confidence=0.5"]
    decorators = "\n".join(f"@pytest.mark.accuracy({mark})" for mark in marks)
    found = rows(project, f"import pytest\n\n{decorators}\ndef test_it(): ...")
    assert sorted((row["id"].removeprefix("accuracy().accuracy"), row["verdict"]) for row in found) == [
        (" confidence=0.5", "measured"),
        (" verdict=point", "failed"),
        (" verdict=regress", "passed"),
    ]


def test_the_message_uses_the_rule_that_decided(run):
    # By the rule of the run this would be inconclusive; by that of the call it fails.
    result = run(
        "def test_it(robustness):\n    assert robustness.accuracy(n=100, verdict='point', confidence=0.5) >= 0.97",
        "--robustness-verdict=verify",
    )
    result.stdout.fnmatch_lines(["E * failed: *misses >= 0.97*", "E * at 50 % confidence*"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("accuracy(nn=3)", "*'nn'*"),
        ("accuracy(n=0)", "*n is out of range*got 0*"),
        ("accuracy(n=401)", "*401*"),
        ("accuracy(data='mnits')", "*'mnits'*'mnist'*"),
        ("adversarial_accuracy('pdg', eps=0.1)", "*'pdg'*pgd*"),
        ("adversarial_accuracy('pgd', eps=0.1)", "*predict offers no gradients*"),
        ("ood('uniform-noise', score='x')", "*'x'*msp*"),
        ("accuracy(min_accuracy=0.9)", "*takes no thresholds*min_accuracy*assert robustness.accuracy() >= 0.9*"),
        ("accuracy() >= float('nan')", "*bound*nan*"),
    ],
)
def test_mistakes_end_in_the_line_of_the_user(run, call, message):
    result = run(f"def test_it(robustness):\n    robustness.{call}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f">       robustness.{call}", f"E * pytest_robustness.errors.{message}"])
    assert "plugin/facade.py" not in result.stdout.str() or "nan" in call


def test_what_the_model_raised_is_shown(run):
    result = run("def test_it(robustness):\n    robustness.accuracy()", "--robustness-model=models.py:broken")
    result.stdout.fnmatch_lines(["E * OSError: no more GPU", "E * pytest_robustness.errors.ClassifierError: *"])


def test_inside_a_fixture_of_the_user(project):
    source = """
@pytest.fixture
def accuracy(robustness):
    return robustness.accuracy()

def test_it(accuracy):
    assert accuracy >= 0.8
"""
    (row,) = rows(project, source)
    assert (row["verdict"], row["test"]) == ("passed", "test_model.py::test_it")


def test_a_measurement_costs_once(run):
    result = run(
        """
@pytest.fixture
def robustness_model():
    from nets import Net
    return Net()

def test_one(robustness):
    assert not robustness.accuracy().cached
    assert robustness.accuracy(confidence=0.9).cached

def test_two(robustness):
    assert robustness.accuracy().cached
    assert not robustness.accuracy(seed=1).cached
"""
    )
    result.assert_outcomes(passed=2)


def test_a_plain_measurement_compares_as_a_number(run):
    result = run(
        """
def test_it():
    from pytest_robustness import Evaluator
    from pytest_robustness.evaluations import Accuracy
    import models
    measured = Evaluator(models.predict, "./squares.npz").measure(Accuracy())
    assert measured >= 0.8
    assert measured >= 0.9
"""
    )
    result.stdout.fnmatch_lines(
        [">       assert measured >= 0.9", "E       assert accuracy().accuracy: 0.8875 is not >= 0.9"]
    )


def test_plain_assertions_of_others_are_left_alone(run):
    result = run("def test_it(robustness):\n    robustness.accuracy()\n    assert 1 >= 2")
    result.stdout.fnmatch_lines(["E       assert 1 >= 2"])


def test_shows_itself(run):
    run(
        """
def test_it(robustness):
    assert repr(robustness).startswith("<robustness of 'models.py:predict' on 'squares.npz'")
"""
    ).assert_outcomes(passed=1)


def test_a_method_that_is_not_there(run):
    result = run("def test_it(robustness):\n    robustness.certified()")
    result.stdout.fnmatch_lines(
        ["E *AttributeError: *no method 'certified'; it has accuracy, *, certified_accuracy, saliency, *"]
    )


def test_scores_beside_each_other(project):
    source = """
def test_it(robustness, capsys):
    table = robustness.ood("uniform-noise", scores="all")
    assert "energy" in table and table["msp"].value == robustness.ood("uniform-noise").value
    assert list(table.to_dataframe().index) == list(table)
    assert str(table).startswith("score ")
    assert table["msp"] >= 0.6
    assert table["msp"]["fpr95"] <= 1
    with capsys.disabled():
        table["energy"] >= 0.999
"""
    found = [row for row in rows(project, source) if row["family"] == "ood"]
    scores = {row["parameters"]["score"] for row in found}
    assert {"msp", "entropy", "energy", "gen", "max-logit"} <= scores
    # The first score stands for the table, and what was compared stands for itself.
    assert {(row["parameters"]["score"], row["metric"]) for row in found if row["headline"]} == {
        ("msp", "auroc"),
        ("energy", "auroc"),
    }
    assert {row["id"] for row in found if row["verdict"] == "passed"} == {
        "ood(outliers=uniform-noise, score=msp).auroc",
        "ood(outliers=uniform-noise, score=msp).fpr95",
    }
    assert [row["parameters"]["score"] for row in found if row["verdict"] == "failed"] == ["energy"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("ood('uniform-noise', 'msp', scores='all')", "*ParameterError: score and scores exclude each other*"),
        (
            "ood('uniform-noise', scores=['msp', 'knn'])",
            "*ParameterError: the score 'knn' is fitted*Give fit=*",
        ),
        ("ood('uniform-noise', score='knn')", "*ConfigurationError: ood: the score 'knn' is fitted on data*"),
        ("ood('uniform-noise', scores=['msp', 'odin'])", "*CapabilityError: scores cannot be computed: *gradients*"),
        ("ood('uniform-noise', scores='all', min_auroc=0.5)", "*takes no thresholds*"),
        ("ood('uniform-noise', scores='all', bins=3)", "*ConfigurationError*'bins'*allowed: outliers, score, fit*"),
        ("ood(['uniform-noise', 'uniform_noise'])", "*a set of outliers is named twice*"),
    ],
)
def test_what_ood_refuses(run, call, message):
    result = run(f"def test_it(robustness):\n    robustness.{call}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E {message}"])


def test_a_marker_takes_one_score(run):
    result = run("@pytest.mark.ood(outliers='uniform-noise', scores='all', min_auroc=0.5)\ndef test_it(): ...")
    result.stderr.fnmatch_lines(["*unknown parameter of the family 'ood': got 'scores'*Did you mean 'score'?*"])


def test_several_sets_of_outliers(run):
    result = run(
        """
@pytest.mark.ood(outliers=["uniform-noise", "gaussian-noise"], min_auroc=0.5, min_each=0.5, max_fpr95_in=0.999)
def test_it(robustness):
    several = robustness.ood("mnist-far")
    assert [part.name for part in several.parts] == ["far/uniform-noise", "far/gaussian-noise", "far/photo-patches"]
    assert several["worst_auroc"] <= several.value
"""
    )
    result.assert_outcomes(passed=1)
