"""ODIN: its step, its confidence, and what it counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from torch import nn

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import CapabilityError, ClassifierError, ParameterError
from pytest_robustness.evaluations.ood.gradient_scores import GRADIENT_SCORES, odin
from pytest_robustness.metrics import SCORES


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).random((9, 1, 4, 4), dtype=np.float32)


@pytest.fixture
def linear() -> nn.Module:
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    with torch.no_grad():
        net[1].weight.copy_(torch.from_numpy(np.random.default_rng(1).normal(size=(3, 16))))
        net[1].bias.zero_()
    return net


def test_a_linear_model_in_closed_form(pixels, linear):
    """The gradient of log p_k at T is (w_k - sum_j p_j w_j) / T."""
    weight = linear[1].weight.detach().double().numpy()
    flat = pixels.reshape(9, -1).astype(np.float64)
    p = softmax(flat @ weight.T / 1000, axis=1)
    slope = weight[p.argmax(axis=1)] - p @ weight
    moved = flat + 0.01 * np.sign(slope)
    expected = -softmax(moved @ weight.T / 1000, axis=1).max(axis=1)
    found = odin(load_classifier(linear), pixels, eps=0.01, batch_size=4)
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    assert found.dtype == np.float64


def test_without_a_step_it_is_the_softmax_at_that_temperature(pixels, linear):
    classifier = load_classifier(linear)
    expected = -softmax(classifier.logits(pixels) / 7, axis=1).max(axis=1)
    np.testing.assert_allclose(odin(classifier, pixels, temperature=7, eps=0), expected, rtol=1e-6)


def test_the_step_raises_the_confidence(pixels, linear):
    classifier = load_classifier(linear)
    assert (odin(classifier, pixels) < odin(classifier, pixels, eps=0)).all()


def test_passes_images_and_gradients_of_others_are_left_alone(pixels, linear):
    classifier, kept = load_classifier(linear), pixels.copy()
    before = classifier.passes.snapshot()
    odin(classifier, pixels, batch_size=4)
    spent = classifier.passes - before
    assert (spent.forwards, spent.backwards) == (18, 9)
    assert np.array_equal(pixels, kept)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in linear.parameters())


def test_integers_and_batches_make_no_difference(pixels, linear):
    classifier = load_classifier(linear)
    whole = (255 * pixels).astype(np.uint8)
    np.testing.assert_allclose(
        odin(classifier, whole, batch_size=2), odin(classifier, whole / np.float32(255)), rtol=1e-6
    )


def test_estimators_with_a_twin_and_those_without():
    X, y = load_digits(return_X_y=True)
    images = (X[:20] / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    linear = load_classifier(LogisticRegression(max_iter=400).fit(X / 16, y))
    assert np.isfinite(odin(linear, images)).all()
    with pytest.raises(CapabilityError, match="offers no gradients"):
        odin(load_classifier(RandomForestClassifier(3, random_state=0).fit(X, y)), images)


@pytest.mark.parametrize("options", [{"temperature": 0}, {"eps": -0.1}, {"batch_size": 0}, {"eps": float("nan")}])
def test_settings_out_of_range(options, pixels, linear):
    with pytest.raises(ParameterError):
        odin(load_classifier(linear), pixels, **options)


def test_models_and_images_that_cannot_be_used(pixels, linear):
    with pytest.raises(ClassifierError, match="wrong shape"):
        odin(load_classifier(linear), pixels[0])
    with torch.no_grad():
        linear[1].bias.fill_(torch.inf)
    with pytest.raises(ClassifierError, match="not finite"):
        odin(load_classifier(linear), pixels)


def test_every_score_that_needs_gradients_has_a_function():
    assert set(GRADIENT_SCORES) == {name for name, score in SCORES.items() if "gradients" in score.needs}
