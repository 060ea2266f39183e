"""Members of ensembles: what each says on its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor, nn

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import CapabilityError, ClassifierError


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:400] / 16, y[:400]


@pytest.fixture
def digit_images(digits):
    return digits[0][:40].reshape(-1, 1, 8, 8).astype(np.float32)


class Mean(nn.Module):
    """The mean of the logits of its members."""

    def __init__(self, *members: nn.Module) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([member(x) for member in self.members]).mean(dim=0)


def test_members_of_a_module(make_net, images):
    nets = [make_net(seed).train() for seed in range(3)]
    classifier = load_classifier(Mean(*nets)).bound(images)
    assert "members" in classifier.offers
    before = classifier.passes.snapshot()
    found = classifier.members(images, batch_size=7)
    assert (classifier.passes - before).forwards == 30
    assert found.shape == (3, 30, 10)
    for member, net in zip(found, nets, strict=True):
        np.testing.assert_allclose(member, load_classifier(net).probabilities(images), rtol=1e-5, atol=1e-7)
    assert all(net.training for net in nets)


def test_members_that_give_probabilities(make_net, images):
    nets = [nn.Sequential(make_net(seed), nn.Softmax(1)) for seed in range(2)]
    found = load_classifier(Mean(*nets), outputs="probabilities").members(images)
    np.testing.assert_allclose(found.mean(axis=0), load_classifier(Mean(*nets)).logits(images), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=2), 1)


VOTERS = [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(random_state=0))]
ENSEMBLES = {
    "forest": RandomForestClassifier(7, random_state=0),
    "extra": ExtraTreesClassifier(7, random_state=0),
    "voting": VotingClassifier(VOTERS, voting="soft"),
    "voting with a twin": VotingClassifier([VOTERS[0], ("line", LogisticRegression(max_iter=300))], voting="soft"),
    "bagging": BaggingClassifier(DecisionTreeClassifier(), 6, max_features=0.4, random_state=0),
    "bagging with a twin": BaggingClassifier(GaussianNB(), 4, max_features=0.5, random_state=0),
    "bagging of few": BaggingClassifier(DecisionTreeClassifier(), 6, max_samples=12, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
    "search": GridSearchCV(RandomForestClassifier(5, random_state=0), {"max_depth": [4]}, cv=2),
}


@pytest.mark.parametrize("name", ENSEMBLES)
def test_the_mean_of_the_members_is_the_ensemble(name, digits, digit_images):
    X, y = digits
    estimator = ENSEMBLES[name].fit(X[40:], y[40:])
    classifier = load_classifier(estimator).bound(digit_images)
    assert "members" in classifier.offers
    found = classifier.members(digit_images, batch_size=17)
    np.testing.assert_allclose(found.sum(axis=2), 1)
    np.testing.assert_allclose(found.mean(axis=0), estimator.predict_proba(X[:40]), atol=1e-6)
    assert np.ptp(found, axis=0).max() > 0.1


def test_members_are_in_the_order_of_the_class_numbers(digits, digit_images):
    X, y = digits
    names = np.where(y == 1, 10, y).astype(str)
    names[:3] = "1"
    estimator = RandomForestClassifier(5, random_state=0).fit(X, names)
    assert list(estimator.classes_) != sorted(estimator.classes_, key=int)
    classifier = load_classifier(estimator)
    np.testing.assert_allclose(
        classifier.members(digit_images).mean(axis=0), classifier.probabilities(digit_images), atol=1e-9
    )


def test_bounds_and_scale_reach_the_members(digits, digit_images):
    X, y = digits
    estimator = RandomForestClassifier(5, random_state=0).fit(16 * X, y)
    found = load_classifier(estimator, bounds=(0, 16)).members(digit_images)
    np.testing.assert_allclose(found.mean(axis=0), estimator.predict_proba(16 * X[:40]), atol=1e-9)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(max_iter=50),
        KNeighborsClassifier(3),
        VotingClassifier([("a", Perceptron()), ("b", GaussianNB())]),
        BaggingClassifier(Perceptron(), 3, random_state=0),
        RandomForestClassifier(1, random_state=0),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_has_no_members(estimator, digits, digit_images):
    classifier = load_classifier(estimator.fit(*digits)).bound(digit_images)
    assert "members" not in classifier.offers
    with pytest.raises(CapabilityError, match="ModuleList named members"):
        classifier.members(digit_images)


def test_modules_without_members(make_net, images):
    for net in (make_net(), Mean(make_net())):
        with pytest.raises(CapabilityError, match="offers no members"):
            load_classifier(net).members(images)


def test_a_member_that_gives_nonsense(make_net, images):
    broken = make_net(1)
    with torch.no_grad():
        broken[4].bias.fill_(torch.nan)
    with pytest.raises(ClassifierError, match="not finite"):
        load_classifier(Mean(make_net(), broken)).members(images)
