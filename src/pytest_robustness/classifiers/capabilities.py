"""What a classifier offers, and what to do where it lacks something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_robustness.classifiers.backend import on_torch
from pytest_robustness.classifiers.members import member_functions
from pytest_robustness.errors import CapabilityError

if TYPE_CHECKING:
    from pytest_robustness.classifiers.base import Classifier


def offered(classifier: Classifier) -> frozenset[str]:
    """Return which of labels, probabilities, logits, gradients, features, head and members a classifier has."""
    backend = classifier.backend
    found = {"labels"}
    if backend.outputs == "logits":
        found |= {"logits"} if backend.link is None else {"logits", "probabilities"}
    if backend.outputs == "probabilities":
        found |= {"probabilities"}
    if backend.has_gradients:
        found |= {"gradients"}
    if on_torch(backend) and backend.layer is not None:
        found |= {"features"}
    elif classifier.last_layer is not None:
        found |= {"features", "head"}
    return frozenset(found | {"members"} if member_functions(backend) else found)


def require(classifier: Classifier, capability: str) -> None:
    """Raise CapabilityError, which says what to do, where a classifier lacks a capability."""
    offers = classifier.offers
    if capability not in offers:
        raise CapabilityError(
            f"{classifier.name} offers no {capability}",
            got=f"{classifier.kind} model with {', '.join(sorted(offers))}",
            mend=_ADVICE[capability],
        )


_ADVICE = {
    "logits": "Give a model that returns logits (outputs='logits'); accuracy and label-only attacks work without them.",
    "probabilities": "Wrap the estimator in sklearn.calibration.CalibratedClassifierCV, or give a model that returns "
    "logits or probabilities; accuracy works without them.",
    "gradients": "The attacks of this version all need gradients: give "
    "a torch module or a scikit-learn estimator that has a differentiable twin: MLPClassifier, LogisticRegression, "
    "SGDClassifier, LinearSVC, Perceptron, RidgeClassifier, SVC, NuSVC, GaussianNB, LinearDiscriminantAnalysis, "
    "QuadraticDiscriminantAnalysis, KNeighborsClassifier, also behind StandardScaler, MinMaxScaler, Normalizer or PCA, "
    "in a VotingClassifier, BaggingClassifier, CalibratedClassifierCV, GridSearchCV or RandomizedSearchCV.",
    "members": "Give a VotingClassifier, BaggingClassifier, RandomForestClassifier or ExtraTreesClassifier whose "
    "members have predict_proba, or a torch module with a ModuleList named members of at least two modules.",
}
