"""Evaluators are shared where, and only where, that is right."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

from pytest_robustness.evaluations import make_requirement
from pytest_robustness.gates import evaluators as room
from pytest_robustness.gates.evaluators import Evaluators
from pytest_robustness.gates.suite import run_requirement
from tests.gates.small import IMAGES, LABELS, SETTINGS, net, pixels


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

    real = room.load_classifier
    monkeypatch.setattr(room, "load_classifier", load)
    evaluators = Evaluators()
    for settings in (SETTINGS, SETTINGS.replaced({"n": 30}), SETTINGS.replaced({"device": "meta"}), SETTINGS):
        evaluators.get("x.py:y", (IMAGES, LABELS), settings)
    assert loaded == [("x.py:y", "cpu"), ("x.py:y", "meta")]
