"""What a test records is builtin data; what a failure says is all that is needed."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from pytest_robustness.engine import Evaluator
from pytest_robustness.evaluations import Accuracy, Measurement, Part, Threshold, Verdict, judge
from pytest_robustness.scorecard.record import explain, make_payload


def first_pixels(images: np.ndarray) -> np.ndarray:
    return images[:, 0, 0]


@pytest.fixture(scope="module")
def evaluator() -> Evaluator:
    images = np.random.default_rng(0).random((40, 1, 4, 4))
    return Evaluator(first_pixels, (images, images[:, 0, 0].argmax(axis=1)))


def measurement(**changes: Any) -> Measurement:
    plain = Measurement(
        family="accuracy", metric="accuracy", parameters={}, value=0.8, low=0.7, high=0.875, confidence=0.9, n=1000,
        population=4000, higher_is_better=True,
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)


def exact_types(value: object) -> set[type]:
    if type(value) is dict:
        return {dict}.union(*map(exact_types, value.values()))
    if type(value) is list:
        return {list}.union(*map(exact_types, value))
    return {type(value)}


def test_a_payload_is_builtin_data(evaluator):
    measured = evaluator.measure(Accuracy())
    measured = dataclasses.replace(
        measured, value=np.float64(1.0), n=np.int64(40), parameters={"eps": np.float32(0.5), "names": ("a",)},
        details={"array": np.arange(3)}, warnings=("doubt",), faults=("fault",),
    )  # fmt: skip
    threshold = Threshold("accuracy", ">=", np.float64(0.5))
    payload = make_payload(measured, evaluator, threshold=threshold, verdict=judge(measured, threshold), test="t")
    assert exact_types(payload) <= {dict, list, str, int, float, bool, type(None)}
    assert json.loads(json.dumps(payload)) == payload
    assert payload["row"]["warnings"] == ["doubt", "fault"]
    assert payload["row"]["faults"] == payload["faults"] == ["fault"]
    assert payload["row"]["threshold"] == {"op": ">=", "bound": 0.5}
    assert payload["model"]["input_shape"] == [1, 4, 4]
    assert (payload["data"]["n"], payload["data"]["population"]) == (40, 40)


def test_a_doubt_is_told_once(evaluator):
    doubted, threshold = measurement(doubts=("a doubt",)), Threshold("accuracy", ">=", 0.5)
    passing = judge(doubted, threshold)
    assert passing.reason.endswith("but a doubt")
    undecided = judge(doubted, Threshold("accuracy", ">=", 0.75))
    for verdict, warnings in ((None, ["a doubt"]), (passing, []), (undecided, ["a doubt"])):
        payload = make_payload(doubted, evaluator, threshold=verdict and threshold, verdict=verdict, test="t")
        assert payload["row"]["warnings"] == warnings
        if verdict is not None:
            assert ("  ! a doubt" in explain(doubted, threshold, verdict)) == bool(warnings)


def test_the_id_of_a_row(evaluator):
    measured = evaluator.measure(Accuracy())
    assert make_payload(measured, evaluator)["row"]["id"] == "accuracy().accuracy"
    row = make_payload(measured, evaluator, id="mine", headline=False)["row"]
    assert (row["id"], row["headline"], row["verdict"], row["threshold"]) == ("mine", False, "measured", None)


def test_an_explanation():
    parts = (Part("class 0", 0.9, 0.8, 0.95, 500), Part("class 1", 0.7, 0.6, 0.8, 500))
    threshold = Threshold("accuracy", ">=", 0.9)
    lines = explain(measurement(parts=parts, warnings=("doubt",)), threshold, Verdict("failed", "too low"))
    assert lines == [
        "accuracy().accuracy: 0.8 is not >= 0.9",
        "  verdict    failed: too low",
        "  interval   [0.7, 0.875] at 90 % confidence, n = 1,000 of 4,000",
        "  shortfall  0.1",
        "  worst part class 1: 0.7 [0.6, 0.8], n = 500",
        "  ! doubt",
    ]


def test_an_explanation_of_what_is_not_sure():
    threshold = Threshold("accuracy", ">=", 0.75)
    lines = explain(measurement(population=1000), threshold, Verdict("inconclusive", "who knows"))
    assert lines == [
        "accuracy().accuracy: 0.8 is not shown to be >= 0.75",
        "  verdict    inconclusive: who knows",
        "  interval   [0.7, 0.875] at 90 % confidence, n = 1,000",
    ]


def test_an_explanation_where_less_is_better():
    threshold = Threshold("ece", "<=", 0.02)
    shown = explain(measurement(metric="ece", value=0.05, higher_is_better=False), threshold, Verdict("failed", ""))
    assert "  shortfall  0.03" in shown


def test_an_explanation_of_no_number():
    shown = explain(measurement(value=float("nan")), Threshold("accuracy", ">=", 0.5), Verdict("failed", "no number"))
    assert shown[0] == "accuracy().accuracy: nan is not >= 0.5"
    assert not any("shortfall" in line for line in shown)
