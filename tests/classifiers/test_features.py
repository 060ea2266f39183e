"""Features: which layer they are taken from, what its head computes, and who has none."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from pytest_robustness.classifiers import LinearHead, load_classifier
from pytest_robustness.errors import CapabilityError, ClassifierError, ParameterError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:400] / 16, y[:400]


@pytest.fixture
def digit_images(digits):
    return digits[0][:40].reshape(-1, 1, 8, 8).astype(np.float32)


class Twisted(nn.Module):
    """Linear layers that are not called in the order in which they were made; the last one twice."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(16, 5)
        self.first = nn.Linear(64, 16)
        self.beside = nn.Linear(64, 5)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        self.last(flat[:1, :16])
        logits = self.last(self.first(flat).relu())
        self.beside(flat)
        return logits


def test_features_are_what_enters_the_last_layer(make_net, images):
    net = make_net(dropout=0.5).train()
    classifier = load_classifier(net).bound(images)
    assert classifier.last_layer == "4"
    assert {"features", "head"} <= classifier.offers
    features, head = classifier.features(images, batch_size=7), classifier.head()
    expected = net.eval()[:3](torch.from_numpy(images)).detach().numpy()
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-6)
    assert features.dtype == np.float32
    assert isinstance(head, LinearHead)
    np.testing.assert_allclose(features @ head.weight.T + head.bias, classifier.logits(images), rtol=1e-4, atol=1e-5)


def test_the_last_layer_is_the_one_whose_output_is_returned(images):
    net = Twisted().double()
    classifier = load_classifier(net).bound(images)
    assert classifier.last_layer == "last"
    features, head = classifier.features(images), classifier.head()
    assert features.shape == (30, 16)
    assert features.dtype == np.float64
    np.testing.assert_allclose(features @ head.weight.T + head.bias, classifier.logits(images), atol=1e-9)


@pytest.mark.parametrize(
    ("layers", "outputs"),
    [([nn.LogSoftmax(1)], "logits"), ([nn.Softmax(1)], "probabilities"), ([nn.Identity(), nn.Identity()], "logits")],
)
def test_a_softmax_at_the_end_is_seen_through(layers, outputs, make_net, images):
    net = make_net()
    plain, wrapped = load_classifier(net), load_classifier(nn.Sequential(net, *layers), outputs=outputs)
    wrapped, plain = wrapped.bound(images), plain.bound(images)
    assert wrapped.last_layer == "0.4"
    np.testing.assert_array_equal(wrapped.features(images), plain.features(images))
    for ours, theirs in zip(wrapped.head(), plain.head(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_layer_without_bias(images):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 3, bias=False))
    head = load_classifier(net, input_shape=(1, 8, 8)).head()
    np.testing.assert_array_equal(head.bias, np.zeros(3))
    np.testing.assert_array_equal(head.weight, net[1].weight.detach().numpy())


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU()),
        nn.Sequential(nn.Conv2d(1, 5, 8), nn.Flatten()),
        nn.Sequential(nn.Linear(8, 5), nn.Flatten(), nn.AvgPool1d(10)),
    ],
)
def test_models_that_do_not_end_in_a_linear_layer(net, images):
    classifier = load_classifier(net).bound(images)
    assert classifier.last_layer is None
    assert not {"features", "head"} & classifier.offers
    for ask in (lambda: classifier.features(images), classifier.head):
        with pytest.raises(CapabilityError, match=r"offers no features: .*features='layer\.name'"):
            ask()


def test_unbound_classifiers_look_for_themselves(make_net, images):
    classifier = load_classifier(make_net())
    np.testing.assert_array_equal(classifier.features(images), classifier.bound(images).features(images))
    with pytest.raises(CapabilityError, match="Call bound first"):
        classifier.head()
    assert load_classifier(make_net(), input_shape=(1, 8, 8)).head().weight.shape == (10, 144)


def test_passes_are_counted(make_net, images):
    classifier = load_classifier(make_net()).bound(images)
    before = classifier.passes.snapshot()
    classifier.features(images, batch_size=11)
    assert (classifier.passes - before).forwards == 30


def test_a_layer_named_by_the_user(make_net, images):
    net = make_net()
    classifier = load_classifier(net, features="1").bound(images)
    expected = net.eval()[:2](torch.from_numpy(images)).flatten(1).detach().numpy()
    np.testing.assert_allclose(classifier.features(images), expected, rtol=1e-5, atol=1e-6)
    assert "features" in classifier.offers
    assert "head" not in classifier.offers
    with pytest.raises(CapabilityError, match=r"no head: got \"features='1'\""):
        classifier.head()
    assert classifier.fingerprint != load_classifier(net).fingerprint


def test_layers_that_cannot_be_named(make_net, digits):
    with pytest.raises(ParameterError, match="no such layer for features: got 'head'"):
        load_classifier(make_net(), features="head")
    with pytest.raises(ParameterError, match="features names a layer of a torch module"):
        load_classifier(LogisticRegression().fit(*digits), features="coef_")


def test_a_layer_that_does_not_run(images):
    net = Twisted()
    net.idle = nn.Linear(2, 2)
    with pytest.raises(ClassifierError, match="did not run: got 'idle'"):
        load_classifier(net, features="idle").features(images)
    net.forward = lambda x: net.last(net.first(x.flatten(1))) + 0 * net.beside(torch.zeros(1, 64))
    with pytest.raises(ClassifierError, match="does not give one row an image"):
        load_classifier(net, features="beside").features(images)


def test_features_that_are_not_finite(make_net, images):
    net = make_net()
    named = load_classifier(nn.Sequential(net, Broken()), features="1.inner")
    with pytest.raises(ClassifierError, match="not finite, first for image 20"):
        named.features(np.concatenate([images[:20], np.zeros((1, 1, 8, 8), np.float32)]), batch_size=8)


class Broken(nn.Module):
    """An inner layer that divides by the mean of the logits of an empty image."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = _Inverse()
        self.empty: Tensor | None = None

    def forward(self, logits: Tensor) -> Tensor:
        if len(logits) == 5:
            self.inner(torch.zeros_like(logits) + (torch.arange(5) < 4)[:, None])
        else:
            self.inner(logits * 0 + 1)
        return logits


class _Inverse(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 1 / x


@pytest.mark.parametrize("classes", [10, 2])
@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier((20, 12), max_iter=30, random_state=0),
        make_pipeline(StandardScaler(), MLPClassifier((12,), activation="tanh", max_iter=30, random_state=0)),
        LogisticRegression(max_iter=50),
    ],
)
def test_estimators(estimator, classes, digits, digit_images):
    X, y = digits
    estimator.fit(X[y < classes], y[y < classes])
    classifier = load_classifier(estimator).bound(digit_images)
    assert {"features", "head"} <= classifier.offers
    features, head = classifier.features(digit_images), classifier.head()
    assert features.dtype == np.float64
    assert head.weight.shape == (classes, features.shape[1])
    np.testing.assert_allclose(features @ head.weight.T + head.bias, classifier.logits(digit_images), atol=1e-9)


def test_features_of_a_perceptron_are_its_last_hidden_activations(digits, digit_images):
    estimator = MLPClassifier((20, 12), max_iter=30, random_state=0).fit(*digits)
    hidden = digit_images.reshape(40, -1).astype(np.float64)
    for weight, bias in zip(estimator.coefs_[:-1], estimator.intercepts_[:-1], strict=True):
        hidden = np.maximum(hidden @ weight + bias, 0)
    classifier = load_classifier(estimator).bound(digit_images)
    np.testing.assert_allclose(classifier.features(digit_images), hidden, atol=1e-12)
    np.testing.assert_allclose(classifier.head().weight, estimator.coefs_[-1].T)
    np.testing.assert_allclose(classifier.head().bias, estimator.intercepts_[-1])


def test_the_head_is_in_the_order_of_the_class_numbers(digits, digit_images):
    X, y = digits
    # As text, "10" comes before "2".
    names = np.array([str(label) for label in range(11)])[np.where(y == 1, 10, y)]
    names[:3] = "1"
    estimator = MLPClassifier((12,), max_iter=30, random_state=0).fit(X, names)
    assert list(estimator.classes_) != sorted(estimator.classes_, key=int)
    classifier = load_classifier(estimator).bound(digit_images)
    features, head = classifier.features(digit_images), classifier.head()
    np.testing.assert_allclose(features @ head.weight.T + head.bias, classifier.logits(digit_images), atol=1e-9)


@pytest.mark.parametrize(
    "model",
    [RandomForestClassifier(5, random_state=0), KNeighborsClassifier(3, metric="cosine"), lambda x: x[:, 0, 0, :5]],
)
def test_kinds_of_models_without_features(model, digits, digit_images):
    classifier = load_classifier(model.fit(*digits) if hasattr(model, "fit") else model).bound(digit_images)
    assert "features" not in classifier.offers
    with pytest.raises(CapabilityError, match="offers no features"):
        classifier.features(digit_images)
    with pytest.raises(CapabilityError, match="offers no features"):
        classifier.head()


@pytest.mark.parametrize("bad", [np.zeros((3, 8, 8)), np.full((2, 1, 8, 8), 7.0)])
def test_images_are_checked(bad, make_net, images):
    with pytest.raises(ClassifierError, match=r"images have the wrong shape|pixel values"):
        load_classifier(make_net()).bound(images).features(bad)


def test_the_last_layer_survives_pickling(make_net, images):
    classifier = load_classifier(make_net()).bound(images)
    again = pickle.loads(pickle.dumps(classifier))
    assert again.last_layer == "4"
    np.testing.assert_array_equal(again.features(images), classifier.features(images))
