"""Scores beside each other: the same as each on its own, left out where they cannot be, and shown as a table."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import load_dataset
from pytest_robustness.engine import Evaluator
from pytest_robustness.errors import CapabilityError, ParameterError
from pytest_robustness.evaluations import OutOfDistribution, ScoreComparison, score_table
from pytest_robustness.evaluations.ood.outputs import is_fitted
from pytest_robustness.metrics import SCORES

DIGITS = load_dataset("digits")
DATA, FIT = DIGITS.take(slice(0, 600)), DIGITS.take(slice(600, 1400))
FITTED = {name for name in SCORES if is_fitted(name)}
METRICS = ["auroc", "aupr_out", "aupr_in", "fpr95", "fpr95_in"]


@pytest.fixture(scope="module")
def classifier():
    network = MLPClassifier((40,), tol=0.01, random_state=0)
    return load_classifier(network.fit(FIT.pixels().reshape(len(FIT), -1), FIT.labels))


@pytest.fixture(scope="module")
def evaluator(classifier):
    return Evaluator(classifier, DATA)


@pytest.fixture(scope="module")
def compared(evaluator):
    return evaluator.measure(ScoreComparison("letters", fit=FIT))


@pytest.fixture(scope="module")
def table(compared):
    return score_table([compared, *compared.others])


def test_every_score_is_as_on_its_own(evaluator, table):
    assert set(table) == set(SCORES) - {"ensemble"}
    for name, together in table.items():
        alone = evaluator.measure(OutOfDistribution("letters", name, FIT))
        assert together.name == alone.name
        assert [m.metric for m in (together, *together.others)] == METRICS
        for metric in METRICS:
            one, other = together[metric], alone[metric]
            assert (one.value, one.low, one.high) == (other.value, other.low, other.high)
            assert (one.n, one.parts, one.details.get("roc")) == (other.n, other.parts, other.details.get("roc"))


def test_the_model_is_asked_once_for_each_kind_of_output(evaluator, compared, classifier):
    images = 600 + 600 + 800
    # Scores and features of all, ODIN twice of what is scored; a few to find the last layer.
    assert 2 * images + 2 * 1200 <= compared.forwards <= 2 * images + 2 * 1200 + 4 * 6
    again = Evaluator(classifier, DATA).measure(ScoreComparison("letters", ["msp", "max-logit", "energy", "gen"]))
    assert again.forwards == 1200


def test_all_leaves_out_what_cannot_be_and_says_so(evaluator, compared):
    assert set(compared.details["left_out"]) == {"ensemble"}
    assert compared.details["left_out"]["ensemble"].endswith("offers no members")
    without = evaluator.measure(ScoreComparison("letters"))
    table = score_table([without, *without.others])
    assert set(table) == set(SCORES) - FITTED - {"ensemble"}
    assert set(table.left_out) == FITTED | {"ensemble"}
    assert any(
        "left out: kl-matching, temperature, " in warning and "dice (fitted on data" in warning
        for warning in without.warnings
    )
    assert not any("left out" in warning for warning in without.others[-1].warnings)


def test_what_says_nothing_is_left_out_too():
    scale = np.random.default_rng(0).normal(size=(64, 10))
    model = load_classifier(lambda images: log_softmax(images.reshape(len(images), -1) @ scale, axis=1))
    found = Evaluator(model, DATA).measure(ScoreComparison("letters"))
    table = score_table([found, *found.others])
    assert "the energy of log-probabilities is 0 for every input" in table.left_out["energy"]
    assert {"msp", "max-logit", "entropy"} <= set(table)
    with pytest.raises(ParameterError, match="the energy of log-probabilities"):
        Evaluator(model, DATA).measure(ScoreComparison("letters", ["energy", "msp"]))


def test_what_is_named_must_be_possible(evaluator):
    with pytest.raises(CapabilityError, match=r"ensemble: .* offers no members.*scores='all'"):
        evaluator.measure(ScoreComparison("letters", ["msp", "ensemble"]))
    with pytest.raises(ParameterError, match="score 'knn', 'vim' is fitted on data"):
        ScoreComparison("letters", ["msp", "knn", "vim"])
    labels_only = load_classifier(lambda images: np.zeros(len(images), int), outputs="labels", num_classes=10)
    with pytest.raises(CapabilityError, match="offers no probabilities"):
        Evaluator(labels_only, DATA).measure(ScoreComparison("letters"))


def test_a_score_that_was_left_out_says_why(table):
    with pytest.raises(ParameterError, match=r"the score 'ensemble' was left out: got '.* offers no members'"):
        table["ensemble"]
    with pytest.raises(ParameterError, match=r"unknown score of this table: got 'kn'.*'knn'"):
        table["kn"]
    assert "knn" in table
    assert not {"ensemble", "kn"} & {name for name in ("ensemble", "kn") if name in table}
    assert table.get("ensemble") is None
    assert table.get("knn") is table["knn"]


@pytest.mark.parametrize("op", ["__ge__", "__gt__", "__le__", "__lt__"])
def test_a_table_is_not_compared(table, op):
    first = next(iter(table))
    sign = {"__ge__": ">=", "__gt__": ">", "__le__": "<=", "__lt__": "<"}[op]
    with pytest.raises(ParameterError, match=rf"Compare one of its scores: table\['{first}'\] {sign} 0\.9"):
        getattr(table, op)(0.9)
    with pytest.raises(ParameterError, match="Compare one of its scores"):
        assert table >= 0.5


def test_all_is_among_the_names():
    with pytest.raises(ParameterError, match=r"unknown anomaly score: got 'al'; allowed: all, msp.*Did you mean 'all'"):
        ScoreComparison("letters", "al")
    assert ScoreComparison("letters", "MSP").scores == ("msp",)


@pytest.mark.parametrize("scores", [[], ["msp", "MSP"], ["msp", "nothing"], "nothing", 3, None])
def test_names_are_checked(scores):
    with pytest.raises(ParameterError, match=r"scores must be|unknown anomaly score"):
        ScoreComparison("letters", scores)


def test_data_that_no_score_is_fitted_on_are_not_loaded():
    comparison = ScoreComparison("letters", ["msp", "energy"], fit="mnist-train")
    assert comparison == ScoreComparison("letters", ["msp", "energy"])
    assert list(comparison.further_data(DATA, seed=0)) == ["outliers/letters"]


def test_too_few_data_to_fit_on_leave_a_score_out(evaluator):
    found = evaluator.measure(ScoreComparison("letters", fit=FIT.take(slice(0, 30))))
    left_out = score_table([found, *found.others]).left_out
    assert "knn" in left_out
    assert "fitted on data, and" not in left_out["knn"]


def test_the_table_is_ordered_and_aligned(table):
    values = [measurement.value for measurement in table.values()]
    assert values == sorted(values, reverse=True)
    head, rule, *lines, last = str(table).splitlines()
    assert head.split("  ")[0] == "score"
    assert all(word in head for word in ("AUROC", "95 % interval", "AUPR out", "AUPR in", "FPR95 out", "FPR95 in"))
    assert len({len(line) for line in (rule, *lines)}) == 1
    assert [line.split()[0] for line in lines] == list(table)
    assert lines[0].split()[1] == f"{values[0]:.4f}"
    assert last.startswith("left out: ensemble (")


def test_the_table_as_a_data_frame(table):
    frame = table.to_dataframe()
    assert list(frame.index) == list(table)
    assert list(frame.columns) == [f"{metric}{end}" for metric in METRICS for end in ("", "_low", "_high")]
    assert frame.loc["knn", "fpr95_high"] == table["knn"]["fpr95"].high


def test_groups_of_sets_have_their_columns(evaluator):
    found = evaluator.measure(ScoreComparison(["letters", "uniform-noise"], ["msp", "entropy"]))
    table = score_table([found, *found.others])
    assert "worst AUROC" in str(table)
    assert [part.name for part in table["msp"].parts] == ["letters", "uniform-noise"]
    assert table["msp"]["worst_auroc"].value == min(part.value for part in table["msp"].parts)


def test_a_linear_model_has_features_too():
    model = LogisticRegression(tol=0.01).fit(FIT.pixels().reshape(len(FIT), -1), FIT.labels)
    found = Evaluator(load_classifier(model), DATA).measure(ScoreComparison("letters", ["knn", "msp"], fit=FIT))
    assert set(score_table([found, *found.others])) == {"knn", "msp"}
