"""What a saliency map is: for each pixel of an image, how much it matters for the class that the image is taken for."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pytest_robustness.classifiers import outputs as checks
from pytest_robustness.errors import CapabilityError, ParameterError, check_number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from pytest_robustness.classifiers import Classifier


@dataclass(frozen=True)
class Targets:
    """Images with the class of each that is explained, all checked.

    Attributes
    ----------
    images : ndarray of float32, shape (N, C, H, W)
    classes, ids : ndarray of int64, shape (N,)
    seed, batch_size : int
    """

    images: NDArray[np.float32]
    classes: NDArray[np.int64]
    ids: NDArray[np.int64]
    seed: int
    batch_size: int

    def rows(self, start: int, stop: int) -> Targets:
        """Return the samples from one position to before another."""
        rows = slice(start, stop)
        return replace(self, images=self.images[rows], classes=self.classes[rows], ids=self.ids[rows])


@dataclass(frozen=True)
class SaliencyMap(ABC):
    """A frozen description of how saliency is computed; one public method, `attributions`."""

    name: ClassVar[str]
    needs: ClassVar[str]
    """``"gradients"`` or ``"scores"``: what the classifier must offer."""
    signed: ClassVar[bool]
    """Whether attributions tell what speaks for a class from what speaks against it."""

    def attributions(
        self,
        classifier: Classifier,
        images: ArrayLike,
        classes: ArrayLike | None = None,
        *,
        ids: ArrayLike | None = None,
        seed: int = 0,
        batch_size: int = 500,
    ) -> NDArray[np.float64]:
        """Return how much each value of each image matters for a class.

        Parameters
        ----------
        classifier : Classifier
        images : array_like of shape (N, C, H, W)
            uint8, or floats in [0, 1].
        classes : array_like of int, shape (N,), optional
            The class of each image that is explained; by default the one that it is taken for.
        ids : array_like of int, shape (N,), optional
            Identity of each sample, the key of its noise; by default its position.
        seed : int
            Seed of the noise, where there is some.
        batch_size : int
            Images in a forward pass.

        Returns
        -------
        ndarray of float64, shape (N, C, H, W)

        Raises
        ------
        CapabilityError
            Where the classifier lacks what the map needs.
        ClassifierError
            Where the images do not fit the classifier, or its outputs or gradients are not finite.
        ParameterError
            Where the classes or the ids do not fit the images.
        """
        self.check_fits(classifier)
        check_number("batch_size", batch_size, minimum=1, whole=True)
        pixels = np.asarray(images)
        checks.check_images(pixels)
        if classes is None:
            classes = classifier.predict(pixels, batch_size=batch_size)
        keys = _integers("ids", np.arange(len(pixels)) if ids is None else ids, len(pixels))
        chosen = _integers("classes", classes, len(pixels))
        check_class(int(chosen.min()), classifier.num_classes)
        check_class(int(chosen.max()), classifier.num_classes)
        given = Targets(checks.to_unit_floats(pixels), chosen, keys, seed, batch_size)
        return self._attributions(classifier, given)

    def check_fits(self, classifier: Classifier) -> None:
        """Raise CapabilityError, which says what to do, where a classifier lacks what the map needs."""
        offers = classifier.offers
        if self.needs == "gradients" and "gradients" not in offers:
            scored = offers & {"logits", "probabilities"}
            mend = "Use map='occlusion', which needs scores only." if scored else _LABELS_ONLY
        elif self.needs == "scores" and not offers & {"logits", "probabilities"}:
            mend = _LABELS_ONLY
        else:
            return
        got = f"{classifier.kind} model with {', '.join(sorted(offers))}"
        raise CapabilityError(
            f"the saliency map {self.name!r} needs {self.needs}, which {classifier.name} does not offer",
            got=got,
            mend=mend,
        )

    def label(self) -> str:
        """Return the name with the options that are not at their default: ``integrated-gradients(steps=64)``."""
        options: dict[str, Any] = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        own = [f"{f.name}={options[f.name]}" for f in dataclasses.fields(self) if options[f.name] != f.default]
        return f"{self.name}({', '.join(own)})" if own else self.name

    @abstractmethod
    def _attributions(self, classifier: Classifier, given: Targets) -> NDArray[np.float64]:
        """Return what `attributions` does, of checked arguments."""


_LABELS_ONLY = (
    "A label says nothing of what it rests on: give a model that returns logits or probabilities, "
    "load an estimator that has predict_proba or decision_function with these."
)


def check_class(label: int, num_classes: int | None) -> None:
    """Raise ParameterError for a class that a model does not have; without `num_classes`, for a negative one."""
    if label < 0 or (num_classes is not None and label >= num_classes):
        allowed = "0 and above" if num_classes is None else f"0 to {num_classes - 1}"
        raise ParameterError("the model has no such class", got=label, allowed=allowed)


def check_share(name: str, value: float) -> None:
    """Raise ParameterError unless `value` is a number from 0 to 1."""
    check_number(name, value, minimum=0.0)
    if value > 1:
        raise ParameterError(f"{name} is out of range", got=value, allowed="a number from 0 to 1")


def _integers(name: str, values: ArrayLike, count: int) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.shape != (count,) or not np.issubdtype(array.dtype, np.integer):
        raise ParameterError(f"{name} must be {count} integers", got=f"{array.dtype} of shape {array.shape}")
    return array.astype(np.int64)
