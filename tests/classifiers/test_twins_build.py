"""From estimator to twin: what has one, what has none, when it is dropped, and where its classes and pixels go."""

from __future__ import annotations

import functools
import pickle

import numpy as np
import pytest
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.classifiers.twins import build_twin, ensembles, heads
from pytest_robustness.classifiers.twins.transforms import Affine

# Agreement is asked for, not accuracy.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

_X, _Y = load_digits(return_X_y=True)
_X = _X / 16
_LINEAR = LogisticRegression(max_iter=20)
_BAYES = GaussianNB(var_smoothing=1e-2)
_KINDS = {
    "svc-rbf": SVC(),
    "svc-ovo": SVC(decision_function_shape="ovo"),
    "bayes-smooth": _BAYES,
    "qda": QuadraticDiscriminantAnalysis(reg_param=0.1),
    "voting": VotingClassifier([("a", _LINEAR), ("b", _BAYES)], voting="soft"),
    "voting-hard": VotingClassifier([("a", _LINEAR), ("b", _BAYES), ("c", LinearSVC(max_iter=5))]),
    "neighbours-5": KNeighborsClassifier(5),
    "calibrated-sigmoid-logistic": CalibratedClassifierCV(_LINEAR, cv=2),
    "calibrated-isotonic-logistic": CalibratedClassifierCV(_LINEAR, cv=2, method="isotonic"),
}


@pytest.fixture(autouse=True)
def _one_thread():
    """Matrices of this size are slower on many threads than on one."""
    with threadpool_limits(1):
        yield


@functools.cache
def _fitted(name):
    # A covariance of each class needs more images than there are pixels.
    count = 1000 if name == "qda" else 300
    return _KINDS[name].__sklearn_clone__().fit(_X[:count], _Y[:count])


def _flat(images):
    return images.reshape(len(images), -1).astype(np.float64)


def _calibrated(base, method):
    return CalibratedClassifierCV(base, method=method, cv=2)


@pytest.mark.parametrize(
    "name", ["svc-rbf", "svc-ovo", "bayes-smooth", "qda", "voting", "calibrated-isotonic-logistic"]
)
@pytest.mark.parametrize("damage", [1e-2, np.nan])
def test_a_twin_that_disagrees_is_not_used(name, damage, monkeypatch):
    from pytest_robustness.classifiers.twins import build

    estimator = _fitted(name)
    real = build.build_head

    def damaged(estimator):
        head = real(estimator)
        first = next(buffer for buffer in head.buffers() if buffer.is_floating_point())
        first += damage
        return head

    monkeypatch.setattr(build, "build_head", damaged)
    classifier = load_classifier(estimator)
    assert "gradients" not in classifier.offers
    assert "twin deviates" in classifier.warnings[0]


def test_a_surrogate_without_finite_scores_is_not_used(monkeypatch):
    from pytest_robustness.classifiers.twins import neighbors

    def broken(x, points, order):
        return torch.full((len(x), len(points)), torch.nan)

    monkeypatch.setattr(neighbors, "squared_distances", broken)
    classifier = load_classifier(_fitted("neighbours-5"))
    assert classifier.offers == {"labels", "probabilities"}


class _Inverted(LogisticRegression):
    def predict_proba(self, X):
        return super().predict_proba(X)[:, ::-1]


class _OtherVoting(VotingClassifier):
    pass


class _OtherNeighbours(KNeighborsClassifier):
    pass


@pytest.mark.parametrize(
    "estimator",
    [
        _OtherNeighbours(3),
        KNeighborsClassifier(3, p=3),
        KNeighborsClassifier(3, metric="cosine"),
        SVC(kernel=lambda X, Y: X @ Y.T),
        _OtherVoting([("a", LogisticRegression(max_iter=5))], voting="soft"),
        VotingClassifier([("a", LogisticRegression(max_iter=5)), ("b", _Inverted(max_iter=5))], voting="soft"),
        VotingClassifier([("a", LogisticRegression(max_iter=5)), ("b", DecisionTreeClassifier())]),
        BaggingClassifier(DecisionTreeClassifier(), 2),
        _calibrated(DecisionTreeClassifier(), "sigmoid"),
        _calibrated(_Inverted(max_iter=5), "isotonic"),
        # scikit-learn hands the calibrators the columns of the first pairs.
        _calibrated(SVC(decision_function_shape="ovo"), "sigmoid"),
        GaussianNB(priors=[0, *[1 / 9] * 9]),
        GridSearchCV(DecisionTreeClassifier(), {"max_depth": [3]}, cv=2),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_what_is_not_known_to_the_last_step_has_no_twin(estimator):
    with np.errstate(divide="ignore"):
        estimator.fit(_X[:200], _Y[:200])
        assert build_twin(estimator, range(10)) is None


def test_classifiers_with_twins_travel_between_processes(images):
    for name in ("svc-rbf", "voting", "calibrated-isotonic-logistic", "neighbours-5", "voting-hard"):
        classifier = load_classifier(_fitted(name))
        again = pickle.loads(pickle.dumps(classifier))
        assert np.array_equal(again.predict(images), classifier.predict(images))
        with classifier.differentiable() as ours, again.differentiable() as theirs:
            assert torch.equal(ours(torch.from_numpy(images)), theirs(torch.from_numpy(images)))


def test_classes_in_another_order_are_put_right(images):
    # As strings, 10 and 11 sort before 2.
    labels = np.where(_Y < 2, _Y + 10 * (np.arange(len(_Y)) % 2), _Y)[:400]
    for name in ("svc-ovo", "bayes-smooth", "voting-hard", "neighbours-5", "calibrated-sigmoid-logistic"):
        estimator = _KINDS[name].__sklearn_clone__().fit(_X[:400], labels.astype(str))
        assert estimator.classes_[2] == "10"
        classifier = load_classifier(estimator)
        assert "gradients" in classifier.offers
        predicted = estimator.predict(_flat(images)).astype(int)
        assert np.array_equal(classifier.predict(images), predicted)
        with classifier.differentiable() as forward:
            assert np.array_equal(forward(torch.from_numpy(images)).argmax(dim=1).numpy(), predicted)


def test_the_bounds_of_the_estimator_are_kept(images):
    for name in ("svc-rbf", "bayes-smooth", "neighbours-5"):
        estimator = _KINDS[name].__sklearn_clone__().fit(_X[:300] * 16, _Y[:300])
        classifier = load_classifier(estimator, bounds=(0, 16))
        assert classifier.warnings == ()
        assert np.array_equal(classifier.predict(images), estimator.predict(_flat(images) * 16))
        with classifier.differentiable() as forward:
            found = forward(torch.from_numpy(images)).argmax(dim=1).numpy()
        assert np.array_equal(found, estimator.predict(_flat(images) * 16))


def test_outputs_can_be_chosen(images):
    estimator = _fitted("neighbours-5")
    assert load_classifier(estimator, outputs="probabilities").offers == {"labels", "probabilities"}
    assert load_classifier(estimator, outputs="labels").offers == {"labels"}


def test_members_that_are_sure_of_different_classes_leave_a_way_out():
    # Each is sure of its class to the last bit, so that the mean of their probabilities is level far and wide.
    sure = [heads.Scores(Affine(np.eye(3), bias)) for bias in ([2000, 0, 0], [0, 1500, 0])]
    members = [ensembles.Member(head, has_proba=True) for head in sure]
    leaf = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    logs = ensembles.Mean(members)(leaf)
    torch.testing.assert_close(logs.exp(), torch.tensor([[0.5, 0.5, 0]], dtype=torch.float64))
    for k in range(2):
        (gradient,) = torch.autograd.grad(logs[0, k], leaf, retain_graph=True)
        assert gradient[0, k] > 1e-30
