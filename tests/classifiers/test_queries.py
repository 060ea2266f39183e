from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.classifiers import load_classifier

IMAGES = np.random.default_rng(0).random((6, 1, 2, 2), dtype=np.float32)
WEIGHTS = np.random.default_rng(1).normal(size=(4, 3))


def logits(images):
    return images.reshape(len(images), 4) @ WEIGHTS


def probabilities(images):
    scores = np.exp(logits(images))
    return scores / scores.sum(axis=1, keepdims=True)


def asked(classifier, images=IMAGES):
    before = classifier.passes.snapshot()
    with classifier.queries() as forward:
        found = forward(torch.from_numpy(images))
    assert (classifier.passes - before).forwards == len(images)
    return found


@pytest.mark.parametrize("outputs", ["logits", "probabilities", "labels"])
def test_the_largest_score_is_the_prediction(outputs):
    functions = {"logits": logits, "probabilities": probabilities, "labels": lambda x: logits(x).argmax(axis=1)}
    classifier = load_classifier(functions[outputs], outputs=outputs, num_classes=3)
    found = asked(classifier)
    assert found.shape == (6, 3)
    assert found.argmax(dim=1).tolist() == classifier.predict(IMAGES).tolist()


def test_scores_are_logits_or_logarithms_of_probabilities():
    assert np.allclose(asked(load_classifier(logits, num_classes=3)), logits(IMAGES))
    found = asked(load_classifier(probabilities, outputs="probabilities", num_classes=3))
    assert np.allclose(found, np.log(probabilities(IMAGES)))


def test_a_probability_of_zero_is_finite():
    sure = load_classifier(lambda x: np.eye(3)[logits(x).argmax(axis=1)], outputs="probabilities", num_classes=3)
    assert torch.isfinite(asked(sure)).all()


def test_labels_of_an_unknown_number_of_classes():
    classifier = load_classifier(lambda x: np.zeros(len(x), dtype=int), outputs="labels")
    assert asked(classifier).shape == (6, 2)


def test_a_torch_module_is_asked_without_gradients():
    classifier = load_classifier(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)))
    with classifier.queries() as forward:
        assert not forward(torch.from_numpy(IMAGES).requires_grad_()).requires_grad
        assert torch.is_grad_enabled()
