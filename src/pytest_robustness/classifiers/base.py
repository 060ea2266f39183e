"""Classifier: one interface over every kind of model."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_robustness.classifiers import outputs as checks
from pytest_robustness.classifiers.backend import Backend, Forward, Passes
from pytest_robustness.classifiers.probing import bound_classifier
from pytest_robustness.classifiers.queries import score_function
from pytest_robustness.errors import CapabilityError, ClassifierError, ParameterError, RobustnessError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classifier:
    """A model behind one interface: images in, labels, logits, probabilities or gradients out.

    Made by `load_classifier`. Images are (N, C, H, W), uint8 or floats in [0, 1]; the classifier itself maps them to
    the range, mean and standard deviation that the model was trained with.

    Attributes
    ----------
    name, source : str
        For people: a short name, and where the model came from.
    kind : {"torch", "scikit-learn", "onnx", "callable"}
    fingerprint : str
        64 hexadecimal digits over weights, code and settings, taken when the model was loaded.
    cacheable : bool
        Whether equal fingerprints mean equal outputs; False where the package cannot know, as for a callable.
    input_shape : (int, int, int) or None
        (C, H, W), where known.
    num_classes : int or None
    bounds : (float, float)
        What the pixel values 0 and 1 become on their way into the model.
    warnings : tuple of str
        What is suspicious about the model, found while loading and in `bound`.
    passes : Passes
        Images through the model so far.
    """

    name: str
    source: str
    kind: str
    fingerprint: str
    cacheable: bool
    backend: Backend = field(repr=False)
    input_shape: tuple[int, int, int] | None = None
    num_classes: int | None = None
    bounds: tuple[float, float] = (0.0, 1.0)
    warnings: tuple[str, ...] = ()
    passes: Passes = field(default_factory=Passes)
    fixed_outputs: bool = field(default=True, repr=False)
    reload: tuple[str, Mapping[str, Any]] | None = field(default=None, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by source where the model came from one: classes of a model file cannot be imported elsewhere."""
        state = {name: getattr(self, name) for name in _FIELDS}
        if self.reload is not None:
            state["backend"] = self.backend.outputs
        return _restored, (state,)

    @property
    def offers(self) -> frozenset[str]:
        """Which of labels, probabilities, logits and gradients this model has."""
        backend = self.backend
        found = {"labels"}
        if backend.outputs == "logits":
            found |= {"logits"} if backend.link is None else {"logits", "probabilities"}
        if backend.outputs == "probabilities":
            found |= {"probabilities"}
        return frozenset(found | {"gradients"} if backend.has_gradients else found)

    @property
    def device(self) -> str:
        """The torch device on which `differentiable` expects its images."""
        return self.backend.device

    def predict(self, images: ArrayLike, *, batch_size: int = 500) -> NDArray[np.int64]:
        """Return the predicted labels (N,): the largest score, the lowest index on ties.

        Raises
        ------
        ClassifierError
            Where the images do not fit the model or its outputs cannot be used.
        """
        scores = self._scores(images, batch_size)
        if self.backend.outputs == "labels":
            return checks.checked_labels(scores, self.num_classes)
        return np.asarray(scores.argmax(axis=1), dtype=np.int64)

    def logits(self, images: ArrayLike, *, batch_size: int = 500) -> Scores:
        """Return the logits (N, K), or the decision function of an estimator that has no logits.

        Raises
        ------
        CapabilityError
            Where the model gives probabilities or labels only.
        """
        self._require("logits")
        return self._scores(images, batch_size)

    def log_probabilities(self, images: ArrayLike, *, batch_size: int = 500) -> Scores:
        """Return natural logarithms of probabilities, (N, K), in float64; -inf for a probability of exactly 0.

        Raises
        ------
        CapabilityError
            Where the model defines no probabilities.
        """
        self._require("probabilities")
        scores = self._scores(images, batch_size)
        if self.backend.outputs == "probabilities":
            with np.errstate(divide="ignore"):
                return np.log(scores)
        return checks.LINKS[str(self.backend.link)](scores)

    def probabilities(self, images: ArrayLike, *, batch_size: int = 500) -> Scores:
        """Return probabilities (N, K) in float64; rows sum to 1.

        Raises
        ------
        CapabilityError
            Where the model defines no probabilities.
        """
        values = np.exp(self.log_probabilities(images, batch_size=batch_size))
        return np.asarray(values / values.sum(axis=1, keepdims=True), dtype=np.float64)

    @contextmanager
    def differentiable(self) -> Iterator[Forward]:
        """Yield the map from float32 images (B, C, H, W) in [0, 1], on `device`, to logits (B, K).

        The map is differentiable in its images; inside the block the model is in evaluation mode and its parameters do
        not require gradients. Both are restored afterwards. A model that gives probabilities yields their logarithms.
        `passes` counts each call and each walk back.

        Raises
        ------
        CapabilityError
            Where the model has no gradients.
        """
        self._require("gradients")
        with self.backend.differentiable() as function:
            yield Forward(self, function)

    @contextmanager
    def queries(self) -> Iterator[Forward]:
        """Yield the map from float32 images (B, C, H, W) in [0, 1] to scores (B, K), for attacks without gradients.

        The scores are logits, else logarithms of probabilities, else 1 for the predicted label and 0 for the others:
        their largest is the prediction. `passes` counts each image.
        """
        with score_function(self.backend, self.num_classes) as function:
            yield Forward(self, function)

    def bound(self, images: ArrayLike, *, num_classes: int | None = None) -> Classifier:
        """Return this classifier after a trial on the first images, twice, with shape and classes filled in.

        Parameters
        ----------
        images : array_like of shape (N, C, H, W)
            Some images of the data set to be measured.
        num_classes : int, optional
            Number of classes in the data.

        Raises
        ------
        ClassifierError
            Where the images do not fit the model, or its outputs are not finite scores of at least two classes.
        """
        return bound_classifier(self, images, num_classes)

    def guarded(self, function: Callable[[Any], Any], images: Any) -> Any:
        """Call `function` on images; what goes wrong inside the model becomes a ClassifierError."""
        try:
            return function(images)
        except RobustnessError:
            raise
        except Exception as error:
            raise checks.model_failed(self, tuple(images.shape), error) from error

    def _scores(self, images: ArrayLike, batch_size: int) -> Scores:
        pixels = np.asarray(images)
        checks.check_images(pixels)
        if not checks.is_whole(batch_size, least=1):
            raise ParameterError("batch_size is out of range", got=batch_size, allowed="a whole number of at least 1")
        parts = []
        for start in range(0, len(pixels), int(batch_size)):
            batch = checks.to_unit_floats(pixels[start : start + int(batch_size)])
            raw = self.guarded(self.backend.scores, batch)
            self.passes.forwards += len(batch)
            parts.append(checks.checked(raw, len(batch), self.backend.outputs, offset=start))
        widths = {part.shape[1:] for part in parts}
        if len(widths) > 1:
            raise ClassifierError("the number of outputs changes from batch to batch", got=sorted(widths))
        return np.concatenate(parts)

    def _require(self, capability: str) -> None:
        if capability not in self.offers:
            raise CapabilityError(
                f"{self.name} offers no {capability}",
                got=f"{self.kind} model with {', '.join(sorted(self.offers))}",
                mend=_ADVICE[capability],
            )


_FIELDS = tuple(Classifier.__dataclass_fields__)

_ADVICE = {
    "logits": "Give a model that returns logits (outputs='logits'); accuracy and label-only attacks work without them.",
    "probabilities": "Wrap the estimator in sklearn.calibration.CalibratedClassifierCV, or give a model that returns "
    "logits or probabilities; accuracy works without them.",
    "gradients": "The attacks of this version all need gradients: give "
    "a torch module or a scikit-learn estimator that has a differentiable twin: MLPClassifier, LogisticRegression, "
    "SGDClassifier, LinearSVC, Perceptron, RidgeClassifier, SVC, NuSVC, GaussianNB, LinearDiscriminantAnalysis, "
    "QuadraticDiscriminantAnalysis, KNeighborsClassifier, also behind StandardScaler, MinMaxScaler, Normalizer or PCA, "
    "in a VotingClassifier, BaggingClassifier, CalibratedClassifierCV, GridSearchCV or RandomizedSearchCV.",
}


def _restored(state: dict[str, Any]) -> Classifier:
    if isinstance(state["backend"], str):
        from pytest_robustness.classifiers.loading import load_classifier

        source, options = state["reload"]
        fresh = load_classifier(source, **options)
        if fresh.fingerprint != state["fingerprint"]:
            raise ClassifierError(
                f"{source} is not the model that it was when this run began",
                got=f"fingerprint {fresh.fingerprint[:12]}, before {state['fingerprint'][:12]}",
                mend="Leave the model's files alone during a run, and let its factory build the same model each time.",
            )
        backend = fresh.backend
        state["backend"] = backend if backend.outputs == state["backend"] else backend.relabelled()
    return Classifier(**state)
