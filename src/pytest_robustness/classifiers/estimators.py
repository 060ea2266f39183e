"""scikit-learn estimators: what they can give, in the order of the class numbers; a twin wherever one agrees."""

from __future__ import annotations

import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.classifiers.agreement import deviation_of, disagreement_in
from pytest_robustness.classifiers.preprocessing import Preprocessing
from pytest_robustness.errors import CapabilityError, ClassifierError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_robustness.classifiers.backend import Backend
    from pytest_robustness.classifiers.pytorch import TorchBackend

_METHODS = {"predict_proba": "probabilities", "decision_function": "logits", "predict": "labels"}
_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatorBackend:
    """A fitted estimator, asked through one of its methods; images are flattened to (N, C * H * W).

    Parameters
    ----------
    surrogate : TorchBackend, optional
        Lends its gradient to `differentiable`.
    """

    estimator: Any
    method: str
    columns: tuple[int, ...]
    prepare: Preprocessing = field(default_factory=Preprocessing)
    kind: str = "scikit-learn"
    link: str | None = None
    flattens: bool = True
    surrogate: TorchBackend | None = None

    @property
    def device(self) -> str:
        """Where the surrogate lives."""
        return "cpu" if self.surrogate is None else self.surrogate.device

    @property
    def has_gradients(self) -> bool:
        """Those of the surrogate."""
        return self.surrogate is not None

    @property
    def outputs(self) -> str:
        """What the method returns."""
        return _METHODS[self.method]

    @property
    def first_layer(self) -> str:
        """The number of pixels that it was fitted on."""
        count = getattr(self.estimator, "n_features_in_", None)
        return "" if count is None else f"images of {count} pixels"

    def scores(self, pixels: NDArray[np.float32], /) -> NDArray[Any]:
        """Return scores (N, K) in the order of the class numbers, or labels (N,)."""
        raw = ask(self.estimator, self.method, self.flat(pixels))
        if self.method == "predict":
            if raw.ndim != 1:
                raise ClassifierError("the estimator gives several labels an image", got=raw.shape, allowed="(N,)")
            return np.array([int(label) for label in raw], dtype=np.int64)
        if raw.ndim == 1:
            raw = np.stack([np.zeros_like(raw), raw], axis=1)
        return raw[:, self.columns] if raw.shape[1] == len(self.columns) else raw

    def flat(self, pixels: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return images as the estimator takes them, (N, C * H * W)."""
        # float64, because estimators that keep the type of their input then compute as they do in a notebook.
        return self.prepare.array(pixels).reshape(len(pixels), -1).astype(np.float64)

    @contextmanager
    def differentiable(self) -> Iterator[Callable[[Tensor], Tensor]]:
        """Yield the map from images to scores with the gradient of the surrogate; the largest is the prediction.

        Raises
        ------
        CapabilityError
            Where there is no surrogate.
        """
        if self.surrogate is None:
            raise CapabilityError("this estimator has no differentiable twin", got=type(self.estimator).__name__)
        with self.surrogate.differentiable() as smooth:
            yield lambda images: self._pointed(smooth(images), images)

    def relabelled(self) -> EstimatorBackend:
        """Return this backend with outputs that are labels."""
        return replace(self, method="predict")

    def _pointed(self, scores: Tensor, images: Tensor) -> Tensor:
        """Let the largest score be the prediction of the estimator, so that no attack stops before it has fooled it."""
        from torch import as_tensor

        from pytest_robustness.classifiers.twins import pointed_at

        found = self.scores(images.detach().cpu().numpy())
        labels = found if self.method == "predict" else found.argmax(axis=1)
        return pointed_at(scores, as_tensor(labels, device=scores.device))


def estimator_backend(
    estimator: Any, prepare: Preprocessing, device: str, outputs: str | None
) -> tuple[Backend, tuple[str, ...]]:
    """Return the richest backend of a fitted estimator, and warnings.

    Parameters
    ----------
    estimator : scikit-learn classifier
    prepare : Preprocessing
    device : str
        Where a differentiable twin is to live.
    outputs : {"logits", "probabilities", "labels"}, optional
        What to ask for; by default a twin's logits where there is a twin that agrees with the estimator on random
        images, else probabilities, else the decision function, else labels, with the gradient of a surrogate where
        there is one.

    Raises
    ------
    ClassifierError
        Where the estimator is not fitted, is no classifier, or its classes are not 0 .. K-1.
    CapabilityError
        Where it lacks the `outputs` that were asked for.
    """
    columns = class_columns(estimator)
    found, surrogate = [], None
    if outputs in {None, "logits"}:
        backend, exact, doubt = _twin_backend(estimator, columns, prepare, device)
        found += [doubt] if doubt else []
        if backend is not None and exact:
            return backend, tuple(found)
        surrogate = backend
    for method, kind in _METHODS.items():
        if hasattr(estimator, method) and outputs in {None, kind}:
            candidate = EstimatorBackend(
                estimator=estimator, method=method, columns=columns, prepare=prepare, surrogate=surrogate
            )
            doubt = disagreement_in(candidate)
            found += [doubt] if doubt else []
            # Scores of pairs of classes, or that predict something else, are no logits of the estimator.
            if not (doubt and method == "decision_function"):
                return candidate, tuple(found)
    raise CapabilityError(f"{type(estimator).__name__} has no {outputs}", got=f"outputs={outputs!r}")


def class_columns(estimator: Any) -> tuple[int, ...]:
    """Return where an estimator keeps the scores of class 0, 1, .. K-1; raise ClassifierError where it has no such."""
    _check_fitted(estimator)
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        raise ClassifierError(
            "not a fitted scikit-learn classifier: it has no classes_",
            got=type(estimator).__name__,
            mend="Call fit first; regressors and outlier detectors cannot be evaluated.",
        )
    try:
        numbers = [int(label) for label in classes]
        exact = all(isinstance(label, str) or number == label for number, label in zip(numbers, classes, strict=True))
    except (TypeError, ValueError):
        numbers, exact = [], False
    if not exact or sorted(numbers) != list(range(len(numbers))) or len(numbers) < 2:
        raise ClassifierError(
            "the classes of the estimator are not 0 .. K-1",
            got=list(classes)[:12],
            allowed="whole numbers from 0 to K - 1, or strings of them, at least two",
            mend="Fit it on encoded labels: sklearn.preprocessing.LabelEncoder().fit_transform(labels).",
        )
    return tuple(int(position) for position in np.argsort(numbers))


def inferred_shape(estimator: Any) -> tuple[int, int, int] | None:
    """Guess (C, H, W) from the number of pixels: a grey square, else a coloured one, else None."""
    count = int(getattr(estimator, "n_features_in_", 0))
    for channels in (1, 3):
        side = math.isqrt(count // channels)
        if side and channels * side * side == count:
            return channels, side, side
    return None


def _check_fitted(estimator: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if not hasattr(estimator, "fit"):
        return
    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise ClassifierError(
            "the estimator is not fitted", got=type(estimator).__name__, mend="Call fit before handing it over."
        ) from error


def ask(estimator: Any, method: str, flat: NDArray[np.float64]) -> NDArray[Any]:
    """Call a method of an estimator on flat images (N, D)."""
    with warnings.catch_warnings():
        # Fitted on a table with column names: an array is no mistake here.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        return np.asarray(getattr(estimator, method)(flat))


def _twin_backend(
    estimator: Any, columns: tuple[int, ...], prepare: Preprocessing, device: str
) -> tuple[TorchBackend | None, bool, str]:
    """Return the twin of an estimator, if there is one that holds; whether it is exact; and what is doubtful."""
    from pytest_robustness.classifiers.twins import build_twin

    twin = build_twin(estimator, columns)
    if twin is None:
        return None, False, ""
    origin = EstimatorBackend(estimator=estimator, method="predict", columns=columns, prepare=prepare)
    deviation = deviation_of(twin, origin)
    if not deviation <= _TOLERANCE:
        return None, False, f"no gradients: the differentiable twin deviates from the estimator by {deviation:.2g}"
    from pytest_robustness.classifiers.pytorch import TorchBackend, to_device

    backend = TorchBackend(
        module=to_device(twin.module, device),
        device=device,
        outputs="logits",
        prepare=prepare,
        kind="scikit-learn",
        link=twin.link,
        flattens=True,
        origin=origin,
    )
    doubt = ""
    if twin.exact and twin.link is None and hasattr(estimator, "predict_proba"):
        doubt = "no probabilities: predict does not follow predict_proba; load with outputs='probabilities' for those"
    return backend, twin.exact, doubt
