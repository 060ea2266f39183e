"""Requirements bring settings along, and each of their metrics is judged."""

from __future__ import annotations

import dataclasses

import pytest

from pytest_robustness.errors import ConfigurationError
from pytest_robustness.evaluations import make_requirement
from pytest_robustness.gates.evaluators import Evaluators
from pytest_robustness.gates.settings import Settings
from pytest_robustness.gates.suite import overall, requirements_from_tables, run_requirement, settings_for
from tests.gates.small import IMAGES, LABELS, SETTINGS, pixels


def test_settings_for_a_requirement():
    base = Settings(seed=1, n=10)
    requirement = make_requirement("accuracy", {"n": 20, "verdict": "point", "data": "digits"})
    expected = {"n": 20, "verdict": "point", "data": "digits"}
    assert settings_for(requirement, base) == dataclasses.replace(base, **expected)
    requirement = make_requirement("accuracy", {"data": (IMAGES, LABELS)})
    assert settings_for(requirement, base) == base


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"n": 0}, "accuracy: n is out of range"),
        ({"data": "mnits"}, "accuracy: unknown data set: got 'mnits'.*Did you mean 'mnist'"),
        ({"inconclusive": "x"}, "accuracy: .*allowed: fail, pass, skip"),
    ],
)
def test_wrong_settings_of_a_requirement(keys, message):
    with pytest.raises(ConfigurationError, match=message):
        settings_for(make_requirement("accuracy", keys), Settings())


def test_run_requirement_judges_each_metric():
    requirement = make_requirement("calibration", {"max_ece": 0.9, "max_brier": 0.01})
    payloads = run_requirement(requirement, Evaluators(), SETTINGS, model=pixels, data=(IMAGES, LABELS))
    verdicts = {payload["row"]["metric"]: payload["row"]["verdict"] for payload in payloads}
    assert verdicts["ece"] == "passed"
    assert verdicts["brier"] == "failed"
    assert set(verdicts.values()) == {"passed", "failed", "measured"}
    assert [payload["row"]["headline"] for payload in payloads] == [True] + [False] * (len(payloads) - 1)


def test_requirements_from_tables():
    made = requirements_from_tables(
        [{"family": "accuracy", "min_accuracy": 0.5}, {"family": "ood", "outliers": "kmnist"}]
    )
    assert [one.evaluation.family for one in made] == ["accuracy", "ood"]
    with pytest.raises(ConfigurationError, match=r"requirement 2: .*'acuracy'.*accuracy"):
        requirements_from_tables([{"family": "accuracy"}, {"family": "acuracy"}])
    with pytest.raises(ConfigurationError, match=r"requirement 1: .*min_acc"):
        requirements_from_tables([{"family": "accuracy", "min_acc": 0.5}])
    with pytest.raises(ConfigurationError, match=r"requirement 1"):
        requirements_from_tables([{"family": 3}])


@pytest.mark.parametrize(
    ("decisions", "inconclusive", "passes"),
    [
        ([], "fail", True),
        (["passed", "measured"], "fail", True),
        (["passed", "failed"], "pass", False),
        (["passed", "inconclusive"], "fail", False),
        (["passed", "inconclusive"], "pass", True),
        (["passed", "inconclusive"], "skip", True),
    ],
)
def test_overall(decisions, inconclusive, passes):
    assert overall(decisions, inconclusive=inconclusive) is passes
