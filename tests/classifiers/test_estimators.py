"""Estimators without a twin, and those that cannot be used."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import CapabilityError, ClassifierError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16)[:300], y[:300]


@pytest.fixture
def flat(images):
    return images.reshape(len(images), -1).astype(np.float64)


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(10, random_state=0),
        KNeighborsClassifier(3, metric="cosine"),
        make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)),
    ],
)
def test_probabilities_come_from_predict_proba(estimator, digits, images, flat):
    estimator.fit(*digits)
    classifier = load_classifier(estimator)
    assert classifier.offers - {"members"} == {"labels", "probabilities"}
    assert (classifier.input_shape, classifier.num_classes) == ((1, 8, 8), 10)
    np.testing.assert_allclose(classifier.probabilities(images), estimator.predict_proba(flat))
    assert np.array_equal(classifier.predict(images), estimator.predict(flat))
    with pytest.raises(CapabilityError, match="differentiable twin"), classifier.differentiable():
        pass


class _OwnSVC(SVC):
    """May compute something else, so that there is no twin."""


@pytest.mark.parametrize("classes", [2, 10])
def test_the_decision_function_stands_in_for_logits(classes, digits, images, flat):
    X, y = digits
    estimator = _OwnSVC(break_ties=True).fit(X[y < classes], y[y < classes])
    classifier = load_classifier(estimator)
    assert classifier.offers == {"labels", "logits"}
    assert np.array_equal(classifier.predict(images), estimator.predict(flat))
    scores = classifier.logits(images)
    ours = scores[:, 1] - scores[:, 0] if classes == 2 else scores
    np.testing.assert_allclose(ours, estimator.decision_function(flat))
    with pytest.raises(CapabilityError, match="CalibratedClassifierCV"):
        classifier.probabilities(images)


@pytest.mark.parametrize("classes", [3, 4])
def test_scores_of_pairs_of_classes_are_no_logits(classes, digits, images, flat):
    # With three classes there are as many pairs as classes, so the shape alone says nothing.
    X, y = digits
    estimator = _OwnSVC(decision_function_shape="ovo").fit(X[y < classes], y[y < classes])
    classifier = load_classifier(estimator)
    assert classifier.offers == {"labels"}
    assert "decision_function" in classifier.warnings[0]
    assert np.array_equal(classifier.predict(images), estimator.predict(flat))


def test_labels_where_there_is_nothing_else(digits, images, flat):
    voting = VotingClassifier([("a", DecisionTreeClassifier(random_state=0)), ("b", KNeighborsClassifier(1))]).fit(
        *digits
    )
    classifier = load_classifier(voting)
    assert classifier.offers == {"labels"}
    assert np.array_equal(classifier.predict(images), voting.predict(flat))


def test_string_classes_become_numbers(digits, images, flat):
    X, y = digits
    for estimator in (RandomForestClassifier(5, random_state=0), KNeighborsClassifier(1)):
        estimator.fit(X, y.astype(str))
        assert np.array_equal(load_classifier(estimator).predict(images), estimator.predict(flat).astype(int))


def test_outputs_can_be_chosen(digits, images, flat):
    estimator = LogisticRegression(max_iter=20).fit(*digits)
    classifier = load_classifier(estimator, outputs="probabilities")
    assert classifier.offers == {"labels", "probabilities"}
    assert load_classifier(estimator, outputs="labels").offers == {"labels"}
    np.testing.assert_allclose(classifier.probabilities(images), estimator.predict_proba(flat))
    with pytest.raises(CapabilityError, match="SGDClassifier has no probabilities"):
        load_classifier(SGDClassifier(random_state=0).fit(*digits), outputs="probabilities")


def test_an_estimator_fitted_on_a_table_does_not_complain(digits, images):
    X, y = digits
    table = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    for estimator in (RandomForestClassifier(3, random_state=0), LogisticRegression(max_iter=20)):
        assert load_classifier(estimator.fit(table, y)).predict(images).shape == (30,)


@pytest.mark.parametrize("estimator", [LogisticRegression(), MLPClassifier(), make_pipeline(StandardScaler(), SVC())])
def test_unfitted_estimators_are_refused(estimator):
    with pytest.raises(ClassifierError, match="not fitted"):
        load_classifier(estimator)


@pytest.mark.parametrize("estimator", [LinearRegression(), KMeans(3, n_init=1, random_state=0)])
def test_what_is_no_classifier_is_refused(estimator, digits):
    with pytest.raises(ClassifierError, match="no classes_"):
        load_classifier(estimator.fit(*digits))


@pytest.mark.parametrize(
    "labels", [["cat", "dog"], [1, 2], [0, 2], [0.5, 1.5], [-1, 1]], ids=["words", "from-1", "gap", "halves", "signs"]
)
def test_other_classes_than_numbers_from_zero_are_refused(labels):
    X = np.random.default_rng(0).random((20, 16))
    estimator = DecisionTreeClassifier().fit(X, np.arange(20) % 2)
    estimator.classes_ = np.array(labels)
    with pytest.raises(ClassifierError, match="LabelEncoder"):
        load_classifier(estimator)


def test_several_labels_an_image_are_refused(digits, images):
    X, _ = digits
    both = np.random.default_rng(0).integers(0, 2, (300, 3))
    estimator = MLPClassifier((4,), max_iter=300, tol=1, random_state=0).fit(X, both)
    with pytest.raises(ClassifierError, match="several labels"):
        load_classifier(estimator).bound(images)


class _Lopsided(ClassifierMixin, BaseEstimator):
    """Predicts one thing and gives probabilities of another, as an SVC with Platt scaling may."""

    def fit(self, X, y):
        self.classes_, self.n_features_in_ = np.unique(y), X.shape[1]
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)

    def predict_proba(self, X):
        return np.tile([0.3, 0.7], (len(X), 1))


def test_disagreement_of_predictions_and_probabilities_is_told(digits, images):
    X, y = digits
    classifier = load_classifier(_Lopsided().fit(X, y % 2))
    assert classifier.warnings == ("predict and predict_proba disagree on 16 of 16 random images",)
    assert (classifier.predict(images) == 1).all()
