"""Every kind of estimator with a twin: it says what the estimator says, and its gradients lead attacks."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import sklearn
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC, NuSVC
from sklearn.utils.fixes import parse_version
from threadpoolctl import threadpool_limits

from pytest_robustness.attacks import PGD, zero_gradients
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.classifiers.estimators import EstimatorBackend
from pytest_robustness.classifiers.twins import build_twin
from pytest_robustness.classifiers.twins.build import CLASSIFIERS

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # Of releases that are about to drop SVC(probability=True), and of covariances that are not of full rank.
    pytest.mark.filterwarnings("ignore:The `probability` parameter was deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*covariance matrix:UserWarning"),
    pytest.mark.filterwarnings("ignore:Variables are collinear"),
]

_X, _Y = load_digits(return_X_y=True)
_X = (_X / 16).astype(np.float32).astype(np.float64)
_METHODS = [
    "sigmoid",
    "isotonic",
    *(["temperature"] if parse_version(sklearn.__version__) >= parse_version("1.8") else []),
]
_ALL = {"labels", "logits", "probabilities", "gradients"}


def _mlp():
    return MLPClassifier((12,), max_iter=60, learning_rate_init=0.01, random_state=0)


def _mlp_of_few():
    return MLPClassifier((), max_iter=60, learning_rate_init=0.05, random_state=0)


def _members():
    """Of every link: softmax, one-vs-rest, modified Huber, coupled pairs, densities, and a pipeline in a pipeline."""
    return [
        ("logistic", LogisticRegression(max_iter=20)),
        ("ovr", SGDClassifier(loss="log_loss", max_iter=3, random_state=0)),
        ("huber", SGDClassifier(loss="modified_huber", max_iter=3, alpha=0.1, random_state=0)),
        ("svc", SVC(probability=True, random_state=0)),
        ("bayes", GaussianNB(var_smoothing=1e-2)),
        ("mlp", make_pipeline(make_pipeline(MinMaxScaler(), StandardScaler()), _mlp())),
    ]


def _calibrated(base, method, **options):
    return CalibratedClassifierCV(base, method=method, cv=2, **options)


_SCORES = {
    **{f"svc-{kernel}": SVC(kernel=kernel) for kernel in ("rbf", "poly", "sigmoid", "linear")},
    "svc-break-ties": SVC(kernel="sigmoid", break_ties=True),
    "svc-auto": SVC(kernel="poly", degree=2, coef0=1.0, gamma="auto", C=5),
    "svc-gamma": SVC(gamma=0.05, class_weight="balanced"),
    "svc-ovo": SVC(decision_function_shape="ovo"),
    "nu-svc": NuSVC(nu=0.05),
    "grid": GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": [0.1, 1]}, cv=2),
    "grid-ovo": GridSearchCV(SVC(decision_function_shape="ovo"), {"C": [1]}, cv=2),
}
_PROBABILITIES = {
    "bayes": GaussianNB(),
    "bayes-smooth": GaussianNB(var_smoothing=1e-2),
    "lda-svd": LinearDiscriminantAnalysis(),
    "lda-lsqr": LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1),
    "lda-eigen": LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto"),
    "qda": QuadraticDiscriminantAnalysis(reg_param=0.1),
    "voting": VotingClassifier(_members(), voting="soft"),
    "voting-weights": VotingClassifier([*_members(), ("out", "drop")], voting="soft", weights=[1, 2, 0, 0.5, 3, 1, 9]),
    "bagging": BaggingClassifier(
        LogisticRegression(max_iter=20), 4, max_features=0.6, bootstrap_features=True, random_state=0
    ),
    "bagging-svc": BaggingClassifier(SVC(probability=True, random_state=0), 2, random_state=0),
    # No sample weights, so the samples of a member are drawn, and with them its classes.
    "bagging-few": BaggingClassifier(_mlp_of_few(), 4, max_samples=18, random_state=0),
    "frozen": _calibrated(FrozenEstimator(LogisticRegression(max_iter=20)), "sigmoid"),
    "random": RandomizedSearchCV(LogisticRegression(max_iter=20), {"C": [0.1, 1]}, n_iter=1, cv=2, random_state=0),
    "nested": VotingClassifier(
        [("a", _calibrated(SVC(), "isotonic")), ("b", BaggingClassifier(_mlp(), 2, random_state=0))], voting="soft"
    ),
    **{
        f"calibrated-{method}-{name}": _calibrated(base, method, ensemble=ensemble)
        for method in _METHODS
        for name, base, ensemble in [
            ("logistic", LogisticRegression(max_iter=20), True),
            ("svc", SVC(), True),
            ("bayes", GaussianNB(var_smoothing=1e-2), False),
            ("mlp", _mlp(), False),
            ("bagging", BaggingClassifier(LogisticRegression(max_iter=20), 2, random_state=0), False),
        ]
    },
}
_SURROGATES = {
    **{f"neighbours-{k}": KNeighborsClassifier(k) for k in (1, 5)},
    "neighbours-weighted": KNeighborsClassifier(4, weights="distance", algorithm="kd_tree"),
    "neighbours-manhattan": KNeighborsClassifier(3, p=1),
    "neighbours-chebyshev": KNeighborsClassifier(3, metric="chebyshev"),
    "voting-hard": VotingClassifier([*_members()[:2], ("c", LinearSVC(max_iter=5))], weights=[1, 1, 2]),
    "voting-neighbours": VotingClassifier([*_members()[:2], ("c", KNeighborsClassifier(3))], voting="soft"),
    "bagging-votes": BaggingClassifier(SVC(), 3, random_state=0),
    "calibrated-neighbours": _calibrated(KNeighborsClassifier(5), "sigmoid"),
}
_KINDS = {**_SCORES, **_PROBABILITIES, **_SURROGATES}


@pytest.fixture(autouse=True)
def _one_thread():
    """Matrices of this size are slower on many threads than on one."""
    with threadpool_limits(1):
        yield


@functools.cache
def _fitted(name, classes):
    # A covariance of each class needs more images than there are pixels.
    rows = np.flatnonzero(classes > _Y)[: 1000 if name == "qda" else 300]
    if name == "frozen":
        inner = LogisticRegression(max_iter=20).fit(_X[rows[::2]], _Y[rows[::2]])
        return _calibrated(FrozenEstimator(inner), "sigmoid").fit(_X[rows], _Y[rows])
    if name == "nu-svc" and classes == 10:
        return NuSVC(nu=0.1).fit(_X[rows], _Y[rows])
    return _KINDS[name].__sklearn_clone__().fit(_X[rows], _Y[rows])


def _held_out(classes, count=60):
    rows = np.flatnonzero(classes > _Y)[-count:]
    return _X[rows].reshape(-1, 1, 8, 8).astype(np.float32), _Y[rows]


def _seen(classes, images):
    """Real digits, noise, and what lies between."""
    digits, _ = _held_out(classes)
    return np.concatenate([digits, images, (digits[:30] + images) / 2])


def _flat(images):
    return images.reshape(len(images), -1).astype(np.float64)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("name", _SCORES)
def test_scores_and_predictions_are_those_of_the_estimator(name, classes, images):
    estimator, seen = _fitted(name, classes), _seen(classes, images)
    classifier = load_classifier(estimator)
    assert classifier.offers == {"labels", "logits", "gradients"}
    assert classifier.warnings == ()
    labels = estimator.predict(_flat(seen))
    assert np.array_equal(classifier.predict(seen), labels)
    if not name.endswith("-ovo") or classes == 2:
        decision, logits = estimator.decision_function(_flat(seen)), classifier.logits(seen)
        if classes == 2:
            np.testing.assert_allclose(logits[:, 1] - logits[:, 0], decision, rtol=1e-9, atol=1e-12)
        else:
            followed = decision.argmax(axis=1) == labels
            assert followed.mean() > 0.5
            np.testing.assert_allclose(logits[followed], decision[followed], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("name", _PROBABILITIES)
def test_probabilities_and_predictions_are_those_of_the_estimator(name, classes, images):
    estimator, seen = _fitted(name, classes), _seen(classes, images)
    classifier = load_classifier(estimator)
    assert classifier.offers - {"members"} == _ALL
    assert classifier.warnings == ()
    assert np.array_equal(classifier.predict(seen), estimator.predict(_flat(seen)))
    # Densities of pixels that never change reach 1e10, and with them the rounding.
    tolerance = 1e-7 if name == "bayes" else 1e-9
    theirs = estimator.predict_proba(_flat(seen))
    np.testing.assert_allclose(classifier.probabilities(seen), theirs, rtol=tolerance, atol=tolerance)
    with classifier.differentiable() as forward:
        ours = forward(torch.from_numpy(seen)).softmax(dim=1).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", _SURROGATES)
@pytest.mark.parametrize("classes", [2, 10])
def test_what_has_a_surrogate_answers_for_itself(name, classes, images):
    estimator, seen = _fitted(name, classes), _seen(classes, images)
    classifier = load_classifier(estimator)
    assert isinstance(classifier.backend, EstimatorBackend)
    assert not build_twin(estimator, range(classes)).exact
    labels = estimator.predict(_flat(seen))
    assert np.array_equal(classifier.predict(seen), labels)
    if hasattr(estimator, "predict_proba"):
        assert classifier.offers - {"members"} == {"labels", "probabilities", "gradients"}
        np.testing.assert_allclose(classifier.probabilities(seen), estimator.predict_proba(_flat(seen)), atol=1e-12)
    else:
        assert classifier.offers == {"labels", "gradients"}
    # In the middle of an attack, too: the surrogate alone would be wrong here and there.
    with classifier.differentiable() as forward:
        assert np.array_equal(forward(torch.from_numpy(seen)).argmax(dim=1).numpy(), labels)


def test_the_surrogate_alone_would_be_wrong(images):
    seen = _seen(10, images)
    for name in ("neighbours-5", "voting-hard"):
        estimator = _fitted(name, 10)
        alone = build_twin(estimator, range(10)).module(torch.from_numpy(seen).double())
        assert not np.array_equal(alone.argmax(dim=1).numpy(), estimator.predict(_flat(seen)))


@pytest.mark.parametrize("name", _KINDS)
def test_attacks_find_their_way(name):
    estimator = _fitted(name, 10)
    classifier = load_classifier(estimator)
    clean, labels = _held_out(10)
    assert not zero_gradients(classifier, clean, labels).any()
    # As far from the border as from 0 to a fifth: noise of that size changes next to nothing.
    noise = np.random.default_rng(0).choice([-0.2, 0.2], clean.shape).astype(np.float32)
    noisy = (estimator.predict(_flat(np.clip(clean + noise, 0, 1))) == labels).mean()
    adversarial = PGD(eps=0.2, steps=10).run(classifier, clean, labels)
    robust = (estimator.predict(_flat(adversarial)) == labels).mean()
    before = (estimator.predict(_flat(clean)) == labels).mean()
    assert before > 0.6
    assert robust < before - 0.25
    assert robust <= noisy
    assert np.array_equal(classifier.predict(adversarial), estimator.predict(_flat(adversarial)))


_REPLACED = {name for name in _PROBABILITIES if name.startswith("calibrated-") and name.endswith("-svc")} | {
    "nested",  # of more than two classes an SVC has the gradient of soft duels: see test_twins_svm.py
    "calibrated-isotonic-bayes",  # has steps between probabilities of 1 - 1e-15, which no difference can resolve
}
_SMOOTH = [
    *(("svc-" + kernel, 2) for kernel in ("rbf", "poly", "sigmoid", "linear")),
    *((name, 2) for name in [*_PROBABILITIES, "voting-hard"]),
    *((name, 10) for name in [*_PROBABILITIES, "voting-hard"] if name not in _REPLACED),
]


@pytest.mark.parametrize(("name", "classes"), _SMOOTH)
def test_gradients_are_those_of_finite_differences(name, classes, images):
    twin = build_twin(_fitted(name, classes), range(classes))
    # Inside the box that the digits span, where neither clip nor step is within reach of a difference.
    points = torch.from_numpy((_held_out(classes, 8)[0] + images[:8]) / 2).double()
    leaf = points.clone().requires_grad_()
    scores = twin.module(leaf)
    direction = torch.from_numpy(np.random.default_rng(1).standard_normal(points.shape))
    step, checked = 1e-6, 0
    for k in range(classes):
        (gradient,) = torch.autograd.grad(scores[:, k].sum(), leaf, retain_graph=True)
        ahead, behind = (twin.module(points + sign * step * direction)[:, k] for sign in (1, -1))
        found = (gradient * direction).sum(dim=(1, 2, 3))
        wanted = (ahead - behind) / (2 * step)
        # Of a probability of zero the score only stands in for a logarithm.
        some = scores[:, k] > scores.amax(dim=1) - 700 if "isotonic" in name else scores[:, k].isfinite()
        checked += int(some.sum())
        scale = float(found.abs().max().clamp_min(1))
        torch.testing.assert_close(found[some], wanted[some], rtol=1e-4, atol=1e-6 * scale)
    assert checked >= len(points)


def test_every_classifier_of_the_registry_is_in_these_tests_or_the_first_ones():
    first = {"MLPClassifier", "LogisticRegression", "SGDClassifier", "LinearSVC", "Perceptron", "RidgeClassifier"}
    kinds = {type(estimator) for estimator in _KINDS.values()}
    assert {cls for cls in CLASSIFIERS if cls.__name__ not in first} <= kinds
