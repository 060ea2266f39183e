"""By which rule a drop from the baseline is judged."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pytest_robustness.engine import Evaluator
from pytest_robustness.evaluations import Accuracy, Measurement
from pytest_robustness.gates.drops import drop_rule
from pytest_robustness.gates.settings import Settings
from tests.gates.small import IMAGES, LABELS, pixels


@pytest.fixture(scope="module")
def whole() -> Measurement:
    return Evaluator(pixels, (IMAGES, LABELS)).measure(Accuracy())


@pytest.mark.parametrize(
    ("settings", "of_all", "rule"),
    [
        ({}, (True, True), "regress"),
        ({"verdict": "verify"}, (True, True), "regress"),  # what no margin was asked for is a tripwire, as ever
        ({"max_drop": 0.0}, (True, True), "regress"),  # no sample proves that nothing was lost
        ({"max_drop": 0.0, "verdict": "verify"}, (True, True), "verify"),
        ({"max_drop": 0.01}, (True, True), "point"),
        ({"max_drop": 0.01}, (False, True), "verify"),
        ({"max_drop": 0.01}, (True, False), "verify"),
        ({"max_drop": 0.01, "verdict": "regress"}, (False, False), "regress"),
    ],
)
def test_the_rule_of_a_drop(whole: Measurement, settings: dict[str, Any], of_all: tuple[bool, bool], rule: str) -> None:
    here, there = of_all
    metric = whole if here else dataclasses.replace(whole, population=10 * whole.population)
    assert drop_rule(metric, Settings(baseline="baseline.json", **settings), whole=there) == rule
