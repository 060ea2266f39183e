"""Differentiable twins: the estimator itself is the oracle, finite differences are the oracle of the gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.classifiers.twins import build_twin

# Agreement is asked for, not accuracy.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

_SGD_LOSSES = ["hinge", "squared_hinge", "perceptron", "log_loss", "modified_huber", "squared_error"]
_CLASSIFIERS = {
    **{
        f"mlp-{name}": MLPClassifier((12, 7), activation=name, max_iter=2, random_state=0)
        for name in ("identity", "logistic", "tanh", "relu")
    },
    "mlp-no-hidden": MLPClassifier((), max_iter=2, random_state=0),
    "logistic": LogisticRegression(max_iter=15),
    "logistic-sag-no-intercept": LogisticRegression(max_iter=3, solver="sag", fit_intercept=False, random_state=0),
    **{f"sgd-{name}": SGDClassifier(loss=name, max_iter=2, alpha=0.1, random_state=0) for name in _SGD_LOSSES},
    "linear-svc": LinearSVC(max_iter=5, random_state=0),
    "perceptron": Perceptron(max_iter=5, random_state=0),
    "ridge": RidgeClassifier(),
}
_TRANSFORMS = {
    "plain": [],
    "standard": [StandardScaler()],
    "centred": [StandardScaler(with_std=False)],
    "spread": [StandardScaler(with_mean=False)],
    "min-max": [MinMaxScaler((-1, 2))],
    "clipped": [MinMaxScaler((0.2, 0.7), clip=True)],
    "l1": [Normalizer("l1")],
    "l2": [Normalizer("l2")],
    "max": [Normalizer("max")],
    "pca": [PCA(10, random_state=0)],
    "white": [PCA(10, whiten=True, random_state=0)],
    "white-all": [PCA(whiten=True, svd_solver="full")],
    "chain": [MinMaxScaler(), Normalizer("l2"), "passthrough", StandardScaler(), PCA(12, whiten=True, random_state=0)],
}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16)[:200], y[:200]


@pytest.fixture(autouse=True)
def _one_thread():
    """Matrices of this size are slower on many threads than on one."""
    with threadpool_limits(1):
        yield


def _fitted(classifier, transforms, digits, classes):
    X, y = digits
    chosen = y < classes
    return make_pipeline(*transforms, classifier).fit(X[chosen], y[chosen])


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("transforms", _TRANSFORMS.values(), ids=_TRANSFORMS)
def test_twins_agree_with_their_estimators(transforms, classes, digits, images):
    flat = images.reshape(len(images), -1).astype(np.float64)
    for name, model in _CLASSIFIERS.items():
        estimator = _fitted(model, transforms, digits, classes)
        classifier = load_classifier(estimator)
        assert {"logits", "gradients"} <= classifier.offers, name
        assert classifier.warnings == ()
        assert classifier.kind == "scikit-learn"
        assert np.array_equal(classifier.predict(images), estimator.predict(flat)), name
        if hasattr(estimator, "decision_function"):
            decision = estimator.decision_function(flat)
            logits = classifier.logits(images)
            ours = logits[:, 1] - logits[:, 0] if classes == 2 else logits
            np.testing.assert_allclose(ours, decision, rtol=1e-9, atol=1e-9, err_msg=name)
        assert hasattr(estimator, "predict_proba") == ("probabilities" in classifier.offers)
        if hasattr(estimator, "predict_proba"):
            theirs = estimator.predict_proba(flat)
            np.testing.assert_allclose(classifier.probabilities(images), theirs, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("transforms", _TRANSFORMS.values(), ids=_TRANSFORMS)
def test_gradients_are_those_of_finite_differences(transforms, classes, digits, images):
    # float32 pixels cannot carry small enough steps, so the module behind the map is asked in float64.
    points = 0.05 + 0.9 * torch.from_numpy(images[:3]).double()
    for name in ("mlp-tanh", "logistic", "sgd-hinge"):
        estimator = _fitted(_CLASSIFIERS[name], transforms, digits, classes)
        twin = build_twin(estimator, range(classes))
        assert twin is not None
        leaf = points.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(twin.module(leaf)[:, 1].sum(), leaf)
        direction = torch.from_numpy(np.random.default_rng(1).standard_normal(points.shape))
        step = 1e-6
        ahead, behind = (twin.module(points + sign * step * direction)[:, 1] for sign in (1, -1))
        found = (gradient * direction).sum(dim=(1, 2, 3))
        torch.testing.assert_close(found, (ahead - behind) / (2 * step), rtol=1e-4, atol=1e-5)


def test_float32_networks_agree_too(digits, images):
    X, y = digits
    estimator = MLPClassifier((16,), max_iter=5, random_state=0).fit(X.astype(np.float32), y)
    assert estimator.coefs_[0].dtype == np.float32
    theirs = estimator.predict_proba(images.reshape(len(images), -1))
    np.testing.assert_allclose(load_classifier(estimator).probabilities(images), theirs, atol=1e-6)


def test_a_black_image_meets_the_normalizer(digits):
    classifier = load_classifier(_fitted(LogisticRegression(max_iter=20), [Normalizer()], digits, 10))
    black = np.zeros((1, 1, 8, 8), dtype=np.uint8)
    assert np.isfinite(classifier.logits(black)).all()


class _Inverted(LogisticRegression):
    def decision_function(self, X):
        return -super().decision_function(X)


def test_subclasses_have_no_twin(digits, images):
    estimator = _fitted(_Inverted(max_iter=20), [], digits, 10)
    classifier = load_classifier(estimator)
    assert classifier.offers == {"labels", "probabilities"}
    flat = images.reshape(len(images), -1).astype(np.float64)
    assert np.array_equal(classifier.predict(images), estimator.predict(flat))


class _Half(BaseEstimator):
    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, X):
        return X / 2


def test_unknown_steps_have_no_twin(digits):
    assert load_classifier(_fitted(LogisticRegression(), [_Half()], digits, 2)).offers == {"labels", "probabilities"}


@pytest.mark.parametrize("damage", [0.01, np.nan])
def test_a_twin_that_disagrees_is_not_used(digits, images, damage, monkeypatch):
    from pytest_robustness.classifiers.twins import build, linear

    def wrong(estimator):
        head = linear.mlp(estimator)
        head.layers[0].bias += damage
        return head

    estimator = _fitted(_CLASSIFIERS["mlp-relu"], [], digits, 10)
    monkeypatch.setitem(build.CLASSIFIERS, MLPClassifier, wrong)
    classifier = load_classifier(estimator)
    (warning,) = classifier.warnings
    assert "twin deviates" in warning
    assert classifier.offers == {"labels", "probabilities"}
    flat = images.reshape(len(images), -1).astype(np.float64)
    np.testing.assert_allclose(classifier.probabilities(images), estimator.predict_proba(flat))


def test_classes_in_another_order_are_put_right(digits, images):
    # As strings, 10 and 11 sort before 2.
    X, y = digits
    labels = np.where(y < 2, y + 10 * (np.arange(len(y)) % 2), y)
    assert set(labels) == set(range(12))
    numbers = LogisticRegression(max_iter=30).fit(X, labels)
    strings = Pipeline([("model", LogisticRegression(max_iter=30))]).fit(X, labels.astype(str))
    assert strings.classes_[2] == "10"
    ours, theirs = load_classifier(strings), load_classifier(numbers)
    np.testing.assert_allclose(ours.logits(images), theirs.logits(images), atol=1e-2)
    flat = images.reshape(len(images), -1).astype(np.float64)
    assert np.array_equal(ours.predict(images), strings.predict(flat).astype(int))
    assert "gradients" in ours.offers


def test_the_bounds_of_the_estimator_are_kept(digits, images):
    X, y = digits
    estimator = LogisticRegression(max_iter=20).fit(X * 16, y)
    classifier = load_classifier(estimator, bounds=(0, 16))
    assert classifier.warnings == ()
    flat = images.reshape(len(images), -1).astype(np.float64) * 16
    np.testing.assert_allclose(classifier.probabilities(images), estimator.predict_proba(flat), atol=1e-5)
