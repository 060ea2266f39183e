"""From a fitted estimator to its twin, by its exact class: a subclass may compute something else."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, LinearSVC, NuSVC
from torch import Tensor, nn

from pytest_robustness.classifiers.twins import calibrated, ensembles, gaussian, linear, neighbors, svm
from pytest_robustness.classifiers.twins.heads import Chain, Head
from pytest_robustness.classifiers.twins.transforms import build_transforms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_robustness.classifiers.twins.ensembles import Build


class Twin(NamedTuple):
    """A differentiable stand-in for an estimator.

    Attributes
    ----------
    module : torch.nn.Module
        From (B, C, H, W) to logits (B, K).
    link : str or None
        The rule from logits to probabilities; None where there is none.
    exact : bool
        Whether the logits are the estimator's own. Those of a surrogate are not: its gradients are of use, but what is
        predicted must come from the estimator.
    methods : tuple of str
        The methods of `oracle`, as far as it has them, that an exact twin reproduces.
    oracle : scikit-learn estimator
        What to compare an exact twin with: the estimator, with settings under which its methods give a score a class.
    """

    module: nn.Module
    link: str | None
    exact: bool
    methods: tuple[str, ...]
    oracle: Any


def build_twin(estimator: Any, columns: Sequence[int]) -> Twin | None:
    """Return the differentiable twin of a fitted estimator, or None where there is none.

    Parameters
    ----------
    estimator : scikit-learn estimator
        A classifier, or a Pipeline, a search or an ensemble of those that have twins.
    columns : sequence of int
        Position of the classes 0 .. K-1 in the estimator's own order.
    """
    head = build_head(estimator)
    if head is None:
        return None
    order = list(columns)
    layers = [nn.Flatten(), head] if order == sorted(order) else [nn.Flatten(), head, _Columns(order)]
    return Twin(nn.Sequential(*layers), head.link, head.exact, head.methods, _oracle(estimator))


def build_head(estimator: Any) -> Head | None:
    """Return the twin of a fitted estimator on flat images, its classes in the estimator's order, or None."""
    estimator = _unwrapped(estimator)
    if type(estimator) is Pipeline:
        return _pipeline(estimator)
    if type(estimator) in ENSEMBLES:
        return ENSEMBLES[type(estimator)](estimator, build_head)
    build = CLASSIFIERS.get(type(estimator))
    return None if build is None else build(estimator)


class _Columns(nn.Module):
    """Put the columns into the order of the class numbers."""

    def __init__(self, order: list[int]) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.order]


def _pipeline(estimator: Pipeline) -> Head | None:
    if not estimator.steps:
        return None
    *steps, last = [step for _, step in estimator.steps]
    transform, head = build_transforms(steps), build_head(last)
    if transform is None or head is None:
        return None
    return Chain(transform, head) if steps else head


def _unwrapped(estimator: Any) -> Any:
    """Return the estimator that does the work."""
    while type(estimator) in _WRAPPERS:
        estimator = getattr(estimator, _WRAPPERS[type(estimator)])
    return estimator


def _oracle(estimator: Any) -> Any:
    estimator = _unwrapped(estimator)
    if type(estimator) is Pipeline:
        shown = copy.copy(estimator)
        *steps, (name, last) = estimator.steps
        shown.steps = [*steps, (name, _oracle(last))]
        return shown
    return svm.with_shared_votes(estimator) if type(estimator) in {SVC, NuSVC} else estimator


CLASSIFIERS: dict[type, Callable[[Any], Head | None]] = {
    MLPClassifier: linear.mlp,
    LogisticRegression: linear.logistic_regression,
    SGDClassifier: linear.sgd,
    LinearSVC: linear.scores_only,
    Perceptron: linear.scores_only,
    RidgeClassifier: linear.scores_only,
    LinearDiscriminantAnalysis: linear.linear_discriminant,
    QuadraticDiscriminantAnalysis: gaussian.quadratic_discriminant,
    GaussianNB: gaussian.gaussian_naive_bayes,
    SVC: svm.support_vectors,
    NuSVC: svm.support_vectors,
    KNeighborsClassifier: neighbors.soft_neighbours,
}

ENSEMBLES: dict[type, Callable[[Any, Build], Head | None]] = {
    VotingClassifier: ensembles.voting,
    BaggingClassifier: ensembles.bagging,
    CalibratedClassifierCV: calibrated.calibrated,
}

_WRAPPERS: dict[type, str] = {
    GridSearchCV: "best_estimator_",
    RandomizedSearchCV: "best_estimator_",
    FrozenEstimator: "estimator",
}
