"""The trial of a classifier on a few images of the data, before anything is measured."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.classifiers import outputs as checks
from pytest_robustness.classifiers.backend import on_torch
from pytest_robustness.errors import ClassifierError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from pytest_robustness.classifiers.base import Classifier

_PROBE = 8


def bound_classifier(classifier: Classifier, images: ArrayLike, num_classes: int | None) -> Classifier:
    """Try a classifier twice on the first images; see `Classifier.bound`."""
    pixels = np.asarray(images)[:_PROBE]
    checks.check_images(pixels)
    shape = _fitting_shape(classifier, pixels.shape)
    classifier = _settled(replace(classifier, input_shape=shape), pixels)
    first, second = (_outputs(classifier, pixels) for _ in range(2))
    found = list(classifier.warnings)
    if first.shape != second.shape or not np.allclose(first, second, rtol=1e-5, atol=1e-6):
        found.append("stochastic: two identical calls gave different outputs, so every figure is one draw of many")
    elif len(pixels) > 3 and not _alike(_outputs(classifier, pixels[: len(pixels) // 2]), first):
        found.append("stochastic: the output for an image depends on the other images of its batch")
    if classifier.backend.outputs == "logits" and _look_like_probabilities(first):
        found.append("the logits look like probabilities: load the model with outputs='probabilities' if they are")
    classes = classifier.num_classes if first.ndim == 1 else first.shape[1]
    if num_classes is not None and classes is not None and classes != num_classes:
        found.extend(_more_classes_than(classifier, classes, num_classes))
    layer = _last_layer(classifier, pixels)
    classifier.passes.forwards += len(pixels)
    return replace(
        classifier,
        num_classes=num_classes if classes is None else classes,
        last_layer=layer,
        warnings=tuple(dict.fromkeys(found)),
    )


def _last_layer(classifier: Classifier, pixels: NDArray[np.generic]) -> str | None:
    """Return the name of the last linear layer; only what runs on torch can have one."""
    if not on_torch(classifier.backend):
        return None
    from pytest_robustness.classifiers.features import last_layer

    layer = classifier.guarded(lambda some: last_layer(classifier.backend, some), checks.to_unit_floats(pixels))
    return None if layer is None else layer.name


def _fitting_shape(classifier: Classifier, shape: tuple[int, ...]) -> tuple[int, int, int]:
    got = (int(shape[1]), int(shape[2]), int(shape[3]))
    expected = classifier.input_shape
    fits = expected in {None, got}
    if not fits and classifier.backend.flattens and expected is not None:
        fits = math.prod(expected) == math.prod(got)
    if not fits:
        raise ClassifierError(
            f"{classifier.name} takes images of another shape (C, H, W)",
            got=got,
            allowed=str(expected),
            mend="Resize the data, or correct input_shape where it was given by hand.",
        )
    return got


def _settled(classifier: Classifier, pixels: NDArray[np.generic]) -> Classifier:
    """Turn a callable that said nothing about its outputs into one of labels, where it returns (N,)."""
    if classifier.fixed_outputs:
        return classifier
    raw = classifier.guarded(classifier.backend.scores, checks.to_unit_floats(pixels))
    if np.ndim(raw) == 1:
        classifier = replace(classifier, backend=classifier.backend.relabelled())
    return replace(classifier, fixed_outputs=True)


def _outputs(classifier: Classifier, pixels: NDArray[np.generic]) -> NDArray[np.float64]:
    raw = classifier.guarded(classifier.backend.scores, checks.to_unit_floats(pixels))
    classifier.passes.forwards += len(pixels)
    scores = checks.checked(raw, len(pixels), classifier.backend.outputs)
    if scores.ndim == 1:
        return checks.checked_labels(scores, classifier.num_classes).astype(np.float64)
    if classifier.num_classes is not None and scores.shape[1] != classifier.num_classes:
        raise ClassifierError(
            f"{classifier.name} has another number of classes than num_classes says",
            got=scores.shape[1],
            allowed=str(classifier.num_classes),
        )
    return scores


def _alike(some: NDArray[np.float64], all_of_them: NDArray[np.float64]) -> bool:
    """Tell whether the first outputs are what they were in a larger batch, but for rounding."""
    return bool(np.allclose(some, all_of_them[: len(some)], rtol=1e-2, atol=1e-3))


def _look_like_probabilities(scores: NDArray[np.float64]) -> bool:
    return bool((scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-3))


def _more_classes_than(classifier: Classifier, classes: int, num_classes: int) -> list[str]:
    if classes < num_classes:
        raise ClassifierError(
            f"{classifier.name} knows fewer classes than the data has",
            got=classes,
            allowed=f"at least {num_classes}",
        )
    return [f"the model has {classes} classes, the data {num_classes}"]
