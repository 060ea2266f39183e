"""Evaluators are shared where, and only where, that is right; requirements bring settings along."""

from __future__ import annotations

import dataclasses
import gc

import numpy as np
import pytest
import torch

from pytest_robustness.errors import ConfigurationError, RobustnessError
from pytest_robustness.evaluations import make_requirement
from pytest_robustness.scorecard import suite
from pytest_robustness.scorecard.settings import Settings
from pytest_robustness.scorecard.suite import (
    Evaluators,
    overall,
    requirements_from_tables,
    run_requirement,
    settings_for,
    standard_suite,
)

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 1, 8, 8)).astype(np.uint8)
LABELS = IMAGES[:, 0, 0, :4].argmax(axis=1)
SETTINGS = Settings(data="./unused.npz")


def pixels(images: np.ndarray) -> np.ndarray:
    return images[:, 0, 0, :4]


def net() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4))


def test_evaluators_are_shared_for_the_same_model_data_and_settings():
    evaluators, model = Evaluators(), net()
    first = evaluators.get(model, (IMAGES, LABELS), SETTINGS)
    assert evaluators.get(model, (IMAGES.copy(), LABELS), SETTINGS) is first
    assert evaluators.get(model, (IMAGES, LABELS), SETTINGS.replaced({"confidence": 0.5})) is first


@pytest.mark.parametrize("changed", [{"seed": 1}, {"n": 30}, {"batch_size": 7}, {"cache": False}])
def test_other_settings_are_other_evaluators(changed):
    evaluators, model = Evaluators(), net()
    first = evaluators.get(model, (IMAGES, LABELS), SETTINGS)
    assert evaluators.get(model, (IMAGES, LABELS), SETTINGS.replaced(changed)) is not first


def test_a_model_that_was_changed_is_another_model():
    evaluators, model = Evaluators(), net()
    first = evaluators.get(model, (IMAGES, LABELS), SETTINGS)
    with torch.no_grad():
        model[1].weight += 1
    assert evaluators.get(model, (IMAGES, LABELS), SETTINGS) is not first


def test_callables_are_told_apart_also_when_one_takes_the_address_of_another():
    evaluators = Evaluators()
    accuracies = []
    for shift in (0, 1) * 5:

        def factory(shift: int = shift) -> object:
            return lambda images: np.roll(pixels(images), shift, axis=1)

        payload = run_requirement(
            make_requirement("accuracy", {}), evaluators, SETTINGS, model=factory, data=(IMAGES, LABELS)
        )[0]
        accuracies.append(payload["row"]["value"])
        del factory
        gc.collect()
    assert accuracies == [1.0, 0.0] * 5


def test_a_source_is_loaded_once(monkeypatch):
    loaded = []

    def load(source: object, **options: object) -> object:
        loaded.append((source, options["device"]))
        return real(pixels, name="pixels")

    real = suite.load_classifier
    monkeypatch.setattr(suite, "load_classifier", load)
    evaluators = Evaluators()
    for settings in (SETTINGS, SETTINGS.replaced({"n": 30}), SETTINGS.replaced({"device": "meta"}), SETTINGS):
        evaluators.get("x.py:y", (IMAGES, LABELS), settings)
    assert loaded == [("x.py:y", "cpu"), ("x.py:y", "meta")]


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
