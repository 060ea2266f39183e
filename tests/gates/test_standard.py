"""The requirements where none are given."""

from __future__ import annotations

import pytest

from pytest_robustness.errors import RobustnessError
from pytest_robustness.gates.evaluators import Evaluators
from pytest_robustness.gates.standard import standard_suite
from pytest_robustness.gates.suite import run_requirement
from tests.gates.small import IMAGES, LABELS, SETTINGS, net, pixels


def test_the_standard_suite_is_what_the_model_supports():
    def chosen(model: object) -> tuple[list[str], list[str]]:
        requirements, left_out = standard_suite(Evaluators().get(model, (IMAGES, LABELS), SETTINGS))
        assert all(not requirement.thresholds for requirement in requirements)
        return [requirement.evaluation.family for requirement in requirements], left_out

    attacks, outliers = ["adversarial"] * 3, ["ood"] * 3
    everything = ["accuracy", *attacks, "corruption", *outliers, "calibration", "sensitivity", "saliency"]
    assert chosen(net()) == (everything, [])
    # Without gradients there is one attack, on the scores.
    assert chosen(pixels) == ([family for i, family in enumerate(everything) if i not in {2, 3}], [])


def test_every_requirement_of_the_standard_suite_can_be_measured():
    evaluators, model = Evaluators(), net()
    requirements, _ = standard_suite(evaluators.get(model, (IMAGES, LABELS), SETTINGS))
    for requirement in requirements:
        try:
            rows = run_requirement(requirement, evaluators, SETTINGS, model=model, data=(IMAGES, LABELS))
        except RobustnessError as error:
            pytest.fail(f"{requirement}: {error}")
        assert rows
