"""Classifier: one interface over every kind of model."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_robustness.classifiers import outputs as checks
from pytest_robustness.classifiers.backend import Backend, Forward, Passes
from pytest_robustness.classifiers.capabilities import offered, require
from pytest_robustness.classifiers.members import member_functions
from pytest_robustness.classifiers.probing import bound_classifier
from pytest_robustness.errors import ClassifierError, ParameterError, RobustnessError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_robustness.classifiers.features import LinearHead


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
    last_layer : str or None
        The name of the last linear layer, which `bound` looks for; features are what enters it.
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
    last_layer: str | None = None
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
        """Which of labels, probabilities, logits, gradients, features, head and members this model has.

        Features and head of a model are known once it is `bound`.
        """
        return offered(self)

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
        require(self, "logits")
        return self._scores(images, batch_size)

    def log_probabilities(self, images: ArrayLike, *, batch_size: int = 500) -> Scores:
        """Return natural logarithms of probabilities, (N, K), in float64; -inf for a probability of exactly 0.

        Raises
        ------
        CapabilityError
            Where the model defines no probabilities.
        """
        require(self, "probabilities")
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

    def features(self, images: ArrayLike, *, batch_size: int = 500) -> NDArray[Any]:
        """Return the features (N, D): what enters the last linear layer, or the outputs of the layer that was named.

        In the type that the model computes in, float32 or float64.

        Raises
        ------
        CapabilityError
            Where the model does not end in a linear layer and was loaded without ``features=``.
        """
        from pytest_robustness.classifiers.features import checked_features, feature_function

        pixels = np.asarray(images)
        checks.check_images(pixels)
        passed = self._passed(feature_function(self, pixels), pixels, batch_size)
        return np.concatenate([checked_features(found, offset=start) for start, _, found in passed])

    def head(self) -> LinearHead:
        """Return weight (K, D) and bias (K,) of the last linear layer, in float64: what turns features into logits.

        Where the model itself ends in a softmax, ``features @ weight.T + bias`` are the logits before it.

        Raises
        ------
        CapabilityError
            Where there is no such layer, or `input_shape` is not known yet.
        """
        from pytest_robustness.classifiers.features import head_of

        return head_of(self)

    def members(self, images: ArrayLike, *, batch_size: int = 500) -> Scores:
        """Return the probabilities (M, N, K) of the M members of an ensemble.

        Raises
        ------
        CapabilityError
            Where the model is no ensemble whose members give probabilities.
        """
        require(self, "members")
        functions = member_functions(self.backend)
        passed = self._passed(lambda batch: np.stack([one(batch) for one in functions]), images, batch_size)
        return np.concatenate([found for _, _, found in passed], axis=1)

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
        require(self, "gradients")
        with self.backend.differentiable() as function:
            yield Forward(self, function)

    @contextmanager
    def queries(self) -> Iterator[Forward]:
        """Yield the map from float32 images (B, C, H, W) in [0, 1] to scores (B, K), for attacks without gradients.

        The scores are logits, else logarithms of probabilities, else 1 for the predicted label and 0 for the others:
        their largest is the prediction. `passes` counts each image.
        """
        from pytest_robustness.classifiers.queries import score_function

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
        passed = self._passed(self.backend.scores, images, batch_size)
        parts = [checks.checked(raw, count, self.backend.outputs, offset=start) for start, count, raw in passed]
        widths = {part.shape[1:] for part in parts}
        if len(widths) > 1:
            raise ClassifierError("the number of outputs changes from batch to batch", got=sorted(widths))
        return np.concatenate(parts)

    def _passed(
        self, function: Callable[[NDArray[np.float32]], Any], images: ArrayLike, batch_size: int
    ) -> Iterator[tuple[int, int, Any]]:
        """Yield the start of each batch, its length, and what the model made of it; count the passes."""
        pixels = np.asarray(images)
        checks.check_images(pixels)
        if not checks.is_whole(batch_size, least=1):
            raise ParameterError("batch_size is out of range", got=batch_size, allowed="a whole number of at least 1")
        for start in range(0, len(pixels), int(batch_size)):
            batch = checks.to_unit_floats(pixels[start : start + int(batch_size)])
            found = self.guarded(function, batch)
            self.passes.forwards += len(batch)
            yield start, len(batch), found


_FIELDS = tuple(Classifier.__dataclass_fields__)


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
