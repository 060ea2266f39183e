"""Support vector machines: libsvm is the oracle of votes and of probabilities."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, NuSVC
from threadpoolctl import threadpool_limits

from pytest_robustness.attacks import PGD
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.classifiers.twins import svm
from pytest_robustness.classifiers.twins.build import build_head

pytestmark = pytest.mark.filterwarnings("ignore:The `probability` parameter was deprecated:FutureWarning")

_X, _Y = load_digits(return_X_y=True)
_X = _X / 16


@pytest.fixture(autouse=True)
def _one_thread():
    """Matrices of this size are slower on many threads than on one."""
    with threadpool_limits(1):
        yield


@functools.cache
def _fitted(classes=10, **options):
    rows = np.flatnonzero(classes > _Y)[:300]
    return SVC(**options).fit(_X[rows], _Y[rows])


def _flat(images):
    return images.reshape(len(images), -1).astype(np.float64)


@pytest.mark.parametrize("shape", ["ovr", "ovo"])
@pytest.mark.parametrize("kernel", ["sigmoid", "linear"])
def test_ties_between_votes_go_where_predict_lets_them_go(kernel, shape):
    images = np.random.default_rng(1).random((500, 1, 8, 8), dtype=np.float32)
    estimator = _fitted(kernel=kernel, decision_function_shape=shape)
    labels = estimator.predict(_flat(images))
    tied = svm.with_shared_votes(estimator).predict(_flat(images)) != labels
    # The point of this test is that there are some.
    assert tied.sum() > 10
    assert np.array_equal(load_classifier(estimator).predict(images), labels)
    broken = _fitted(kernel=kernel, break_ties=True)
    assert np.array_equal(load_classifier(broken).predict(images), broken.predict(_flat(images)))


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_margins_of_pairs_are_those_of_libsvm(classes, images):
    estimator = _fitted(classes, decision_function_shape="ovo", kernel="poly", coef0=0.5, degree=4)
    margins = build_head(estimator).pairs(torch.from_numpy(_flat(images))).numpy()
    theirs = estimator.decision_function(_flat(images))
    np.testing.assert_allclose(margins, -theirs[:, None] if classes == 2 else theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("machine", [SVC, NuSVC])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_probabilities_are_coupled_as_in_libsvm(machine, classes, images):
    rows = np.flatnonzero(classes > _Y)[:300]
    options = {"nu": 0.05} if machine is NuSVC else {}
    estimator = machine(probability=True, gamma=0.02, random_state=0, **options).fit(_X[rows], _Y[rows])
    seen = np.concatenate([_X[rows], _flat(images)])
    ours = build_head(estimator).log_proba(torch.from_numpy(seen)).exp().numpy()
    np.testing.assert_allclose(ours, estimator.predict_proba(seen), rtol=1e-9, atol=1e-12)


def test_coupling_finds_the_probabilities_behind_consistent_pairs():
    # Where the pairs are p_i / (p_i + p_j), these p are the solution; libsvm stops within 0.005 / K of it.
    chances = torch.tensor([[0.5, 0.3, 0.15, 0.05], [0.25, 0.25, 0.25, 0.25]], dtype=torch.float64)
    pairs = chances[:, :, None] / (chances[:, :, None] + chances[:, None, :])
    pairs = pairs * (1 - torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close(svm.coupled(pairs), chances, atol=0.02, rtol=0)
    torch.testing.assert_close(svm.coupled(pairs).sum(dim=1), torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize("classes", [3, 10])
def test_gradients_are_those_of_the_soft_duels(classes, images):
    head = build_head(_fitted(classes))
    x = torch.from_numpy(_flat(images[:4]))
    direction = torch.from_numpy(np.random.default_rng(1).standard_normal(x.shape))
    for answer in (head, head.decision):
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(answer(leaf)[:, 1].sum(), leaf)
        ahead, behind = (head.duels(head.pairs(x + sign * 1e-6 * direction))[:, 1] for sign in (1, -1))
        torch.testing.assert_close((gradient * direction).sum(dim=1), (ahead - behind) / 2e-6, rtol=1e-6, atol=1e-6)


def test_a_class_that_wins_all_duels_has_all_votes(images):
    head = build_head(_fitted())
    x = torch.from_numpy(np.concatenate([_flat(images), _X[300:600]]))
    winners = head.duels(head.pairs(x)) > 0
    assert 100 < winners.sum() <= len(x)
    assert torch.equal(winners.nonzero()[:, 1], head(x)[winners.any(dim=1)].argmax(dim=1))
    assert (head(x)[winners] > 8.5).all()


def test_attacks_on_votes_find_more_than_along_the_decision_function(monkeypatch):
    # Its own gradient, without the steps, is that of the sum of margins, squashed.
    estimator = _fitted(kernel="linear")
    rows = np.arange(300, 400)
    clean, labels = _X[rows].reshape(-1, 1, 8, 8).astype(np.float32), _Y[rows]

    def robust():
        adversarial = PGD(eps=0.1, steps=10).run(load_classifier(estimator), clean, labels)
        return (estimator.predict(_flat(adversarial)) == labels).mean()

    with_duels = robust()
    monkeypatch.setattr(svm.SupportVectors, "duels", svm.SupportVectors._one_vs_rest)
    assert with_duels < robust() - 0.05


def test_own_probabilities_are_not_offered_and_this_is_said(images):
    estimator = _fitted(probability=True, random_state=0)
    classifier = load_classifier(estimator)
    assert classifier.offers == {"labels", "logits", "gradients"}
    assert "outputs='probabilities'" in classifier.warnings[0]
    assert np.array_equal(classifier.predict(images), estimator.predict(_flat(images)))
    other = load_classifier(estimator, outputs="probabilities")
    assert other.offers == {"labels", "probabilities"}
    np.testing.assert_allclose(other.probabilities(images), estimator.predict_proba(_flat(images)))


def test_probabilities_of_sure_pairs_have_gradients():
    # Beyond the clip of libsvm, 1e-7, all are alike.
    rows = np.flatnonzero(_Y < 2)
    estimator = SVC(probability=True, kernel="linear", C=1e4, random_state=0).fit(_X[rows], _Y[rows])
    head = build_head(estimator)
    far = torch.from_numpy(_X[rows[:1]] * 50).requires_grad_()
    assert head.log_proba(far).detach().exp().min() < 2e-6
    (gradient,) = torch.autograd.grad(head.log_proba(far).min(), far)
    assert gradient.abs().max() > 1e-3


def test_fitted_on_sparse_images(images):
    for kernel in ("linear", "rbf"):
        estimator = SVC(kernel=kernel).fit(sparse.csr_matrix(_X[:300]), _Y[:300])
        classifier = load_classifier(estimator)
        assert "gradients" in classifier.offers
        assert np.array_equal(classifier.predict(images), estimator.predict(_flat(images)))


class _Shy(SVC):
    def decision_function(self, X):
        return super().decision_function(X) / 2


def test_subclasses_have_no_twin():
    for estimator in (_Shy(), make_pipeline(StandardScaler(), _Shy()), BaggingClassifier(_Shy(), 2)):
        assert build_head(estimator.fit(_X[:200], _Y[:200])) is None
    assert build_head(VotingClassifier([("a", _Shy())]).fit(_X[:200], _Y[:200])) is None
    assert build_head(CalibratedClassifierCV(_Shy(), cv=2).fit(_X[:200], _Y[:200])) is None
