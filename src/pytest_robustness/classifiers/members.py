"""The members of an ensemble: what each says on its own, as probabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.classifiers import outputs as checks
from pytest_robustness.classifiers.backend import on_torch
from pytest_robustness.classifiers.estimators import EstimatorBackend, ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pytest_robustness.classifiers.backend import Backend
    from pytest_robustness.classifiers.pytorch import TorchBackend

    Ask = Callable[[NDArray[np.float32]], NDArray[np.float64]]


def member_functions(backend: Backend) -> list[Ask]:
    """Return, for each member of an ensemble, the map from images (N, C, H, W) in [0, 1] to probabilities (N, K).

    Empty where the model is no ensemble whose members give probabilities. Ensembles are torch modules with an
    attribute ``members``, a ModuleList of modules that take the images and return what the whole does, and the
    VotingClassifier, BaggingClassifier, random forests and extra trees of scikit-learn, also behind a Pipeline or in a
    search. All members count alike, whatever weight the ensemble gives them.
    """
    if on_torch(backend) and backend.origin is None:
        from torch import nn

        members = getattr(backend.module, "members", None)
        if not isinstance(members, nn.ModuleList) or len(members) < 2 or backend.outputs == "labels":
            return []
        return [_of_module(replace(backend, module=member)) for member in members]
    origin = backend.origin if on_torch(backend) else backend
    if not isinstance(origin, EstimatorBackend) or backend.outputs == "labels":
        return []
    return _of_estimator(origin)


def _of_module(backend: TorchBackend) -> Ask:
    def probabilities(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
        raw = checks.checked(backend.scores(pixels), len(pixels), backend.outputs)
        if backend.outputs == "probabilities":
            return np.asarray(raw / raw.sum(axis=1, keepdims=True))
        return np.exp(checks.LINKS[backend.link or "softmax"](raw))

    return probabilities


def _of_estimator(backend: EstimatorBackend) -> list[Ask]:
    steps, ensemble = _taken_apart(backend.estimator)
    members = _MEMBERS.get(type(ensemble).__name__, lambda _: [])(ensemble)
    if len(members) < 2 or not all(hasattr(one, "predict_proba") for one, _ in members):
        return []
    classes = len(backend.columns)

    def of(member: Any, pixels_seen: Any) -> Ask:
        def probabilities(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
            flat = backend.flat(pixels)
            for step in steps:
                flat = ask(step, "transform", flat)
            raw = ask(member, "predict_proba", flat if pixels_seen is None else flat[:, pixels_seen])
            # Members are fitted on the positions of the classes, and a small sample may lack some.
            found = np.zeros((len(raw), classes))
            found[:, np.asarray(member.classes_, dtype=np.int64)] = raw
            return checks.checked(found[:, backend.columns], len(pixels), "probabilities")

        return probabilities

    return [of(member, seen) for member, seen in members]


def _taken_apart(estimator: Any) -> tuple[list[Any], Any]:
    """Return the transforms in front of an estimator, and the estimator that does the work."""
    from sklearn.frozen import FrozenEstimator
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
    from sklearn.pipeline import Pipeline

    steps: list[Any] = []
    while True:
        if isinstance(estimator, Pipeline):
            steps += [step for _, step in estimator.steps[:-1] if step not in {None, "passthrough"}]
            estimator = estimator.steps[-1][1]
        elif isinstance(estimator, GridSearchCV | RandomizedSearchCV):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        else:
            return steps, estimator


def _with_all_pixels(ensemble: Any) -> list[tuple[Any, Any]]:
    return [(member, None) for member in ensemble.estimators_]


def _with_their_pixels(ensemble: Any) -> list[tuple[Any, Any]]:
    return list(zip(ensemble.estimators_, ensemble.estimators_features_, strict=True))


_MEMBERS: dict[str, Callable[[Any], list[tuple[Any, Any]]]] = {
    "VotingClassifier": _with_all_pixels,
    "BaggingClassifier": _with_their_pixels,
    "RandomForestClassifier": _with_all_pixels,
    "ExtraTreesClassifier": _with_all_pixels,
}
