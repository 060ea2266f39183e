"""The trial before anything is measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import ClassifierError


def test_fills_in_shape_and_classes(make_net, images):
    classifier = load_classifier(make_net(classes=4))
    assert (classifier.input_shape, classifier.num_classes) == (None, None)
    bound = classifier.bound(images, num_classes=4)
    assert (bound.input_shape, bound.num_classes, bound.warnings) == ((1, 8, 8), 4, ())
    assert bound.passes is classifier.passes


def test_names_the_shape_that_was_expected(make_net, images):
    classifier = load_classifier(make_net(), input_shape=(1, 28, 28))
    with pytest.raises(ClassifierError, match=r"got \(1, 8, 8\); allowed: \(1, 28, 28\)"):
        classifier.bound(images)


def test_names_the_first_layer_where_the_shape_was_never_told():
    with pytest.raises(ClassifierError, match=r"in_features=784") as caught:
        load_classifier(nn.Sequential(nn.Flatten(), nn.Linear(784, 10))).bound(np.zeros((2, 1, 32, 32), np.uint8))
    assert "(1, 32, 32)" in str(caught.value)


def test_images_for_an_estimator_only_need_as_many_pixels():
    estimator = LogisticRegression().fit(np.random.default_rng(0).random((20, 48)), np.arange(20) % 2)
    classifier = load_classifier(estimator)
    assert classifier.input_shape == (3, 4, 4)
    assert classifier.bound(np.zeros((2, 1, 6, 8), np.uint8)).input_shape == (1, 6, 8)
    with pytest.raises(ClassifierError, match="another shape"):
        classifier.bound(np.zeros((2, 1, 6, 6), np.uint8))


def test_reports_a_model_that_throws_dice(images):
    class Noisy(nn.Module):
        def forward(self, x):
            return nn.functional.dropout(x.flatten(1)[:, :5], training=True)

    (warning,) = load_classifier(Noisy()).bound(images).warnings
    assert warning.startswith("stochastic")


def test_reports_a_model_that_looks_at_the_whole_batch(images):
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64, track_running_stats=False), nn.Linear(64, 3))
    (warning,) = load_classifier(model).bound(images).warnings
    assert warning.startswith("stochastic: the output for an image depends on the other images")


def test_dropout_left_in_training_mode_is_no_dice(make_net, images):
    assert load_classifier(make_net().train()).bound(images).warnings == ()


def test_reports_logits_that_look_like_probabilities(make_net, images):
    (warning,) = load_classifier(nn.Sequential(make_net(), nn.Softmax(dim=1))).bound(images).warnings
    assert "outputs='probabilities'" in warning


def test_a_callable_of_labels_is_recognised(images):
    classifier = load_classifier(lambda x: (x.mean(axis=(1, 2, 3)) > 0.5).astype(int))
    bound = classifier.bound(images, num_classes=2)
    assert bound.offers == {"labels"}
    assert np.array_equal(bound.predict(images), images.mean(axis=(1, 2, 3)) > 0.5)
    with pytest.raises(ClassifierError, match="outputs='labels'"):
        load_classifier(lambda x: np.zeros(len(x)), outputs="logits").bound(images)


@pytest.mark.parametrize(
    "outputs", [torch.zeros(8, 1), torch.zeros(8), torch.zeros(8, 3, 2), torch.full((8, 3), torch.nan)]
)
def test_refuses_outputs_that_cannot_be_used(outputs, images):
    class Fixed(nn.Module):
        def forward(self, x):
            return outputs

    with pytest.raises(ClassifierError):
        load_classifier(Fixed()).bound(images)


@pytest.mark.parametrize("outputs", [(torch.zeros(8, 3), None), {"logits": torch.zeros(8, 3)}, None])
def test_refuses_outputs_that_are_no_tensor(outputs, images):
    class Fixed(nn.Module):
        def forward(self, x):
            return outputs

    with pytest.raises(ClassifierError, match=type(outputs).__name__):
        load_classifier(Fixed()).bound(images)


def test_classes_have_to_fit(make_net, images):
    with pytest.raises(ClassifierError, match=r"fewer classes than the data has: got 4; allowed: at least 10"):
        load_classifier(make_net(classes=4)).bound(images, num_classes=10)
    with pytest.raises(ClassifierError, match=r"got 4; allowed: 5"):
        load_classifier(make_net(classes=4), num_classes=5).bound(images)
    (warning,) = load_classifier(make_net(classes=11)).bound(images, num_classes=10).warnings
    assert "11 classes" in warning


def test_binding_twice_says_everything_once(make_net, images):
    once = load_classifier(make_net(classes=11)).bound(images, num_classes=10)
    assert once.bound(images, num_classes=10).warnings == once.warnings
