"""`smallest_failure`: from a transform and an image to a counterexample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.counterexamples.cases import Case, Origin
from pytest_robustness.counterexamples.searching import ALONE, SCAN, TOLERANCE, LineSearch, Search, check_most
from pytest_robustness.counterexamples.shrinking import EXAMPLES, ShrinkSearch
from pytest_robustness.datasets import Dataset, as_dataset
from pytest_robustness.errors import EvaluationError, ParameterError, unknown_name
from pytest_robustness.strategies import own_transform, perturbations
from pytest_robustness.strategies.drawing import position_of
from pytest_robustness.strategies.table import named, narrowed
from pytest_robustness.transforms.parametric import refuse_taken_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.counterexamples.counterexample import Counterexample
    from pytest_robustness.strategies.change import Change


OPTIONS = ("classifier", "transform", "image", "data", "scan", "tolerance", "examples", "origin")
"""What `smallest_failure` takes beside the ranges of a function."""


def smallest_failure(
    classifier: object,
    transform: object,
    *,
    image: object,
    data: object = None,
    seed: int = 0,
    scan: int = SCAN,
    tolerance: float = TOLERANCE,
    examples: int = EXAMPLES,
    origin: Origin | None = None,
    **ranges: Any,
) -> Counterexample | None:
    """Search for the smallest change of an image that a classifier gets wrong.

    One parameter is scanned on both sides of the identity and bisected before the first value that fails, see
    `LineSearch`; compositions, and transforms of several parameters, are drawn and shrunk by hypothesis, see
    `ShrinkSearch`. Both state what they take for granted in ``search`` of the result.

    Parameters
    ----------
    classifier : Classifier or anything that `load_classifier` takes
        Nothing but its predictions is used.
    transform : str, callable, sequence of them, or strategy
        The name of a transform, a pure function of images with its ``ranges``, several for compositions of them, or a
        strategy such as ``perturbations("rotation", "brightness")``.
    image : int or (image, label)
        The index of an image in `data`, or an image (C, H, W) or (H, W) with its label.
    data : Dataset, name, path or (images, labels), optional
    seed : int
        Of noise and draws. The same seed gives the same result.
    scan : int
        Values on each side that are tried before bisection, 10,000 at most.
    tolerance : float
        Where bisection ends, in units of the way from the identity to the farther end of the range.
    examples : int
        Perturbations drawn for a composition, at most, and 10,000 at most.
    origin : Origin, optional
        What the line that reproduces the failure loads.
    **ranges : (low, high) or (low, high, identity)
        Ranges of parameters: narrower ones of a named transform, or those of a function.

    Returns
    -------
    Counterexample or None
        None where none of the changes tried fails. That is no proof that there is none.

    Raises
    ------
    ParameterError
        For a transform that is not known, impossible ranges, and an image that is wrong to begin with.
    DatasetError
        For an index that the data set does not have.
    EvaluationError
        Where the model does not say twice the same.
    """
    search = search_of(transform, seed=seed, scan=scan, tolerance=tolerance, examples=examples, **ranges)
    sample, known = _sample(image, data)
    loaded = load_classifier(classifier)
    if loaded.input_shape is None or loaded.num_classes is None:
        loaded = loaded.bound(sample.images if data is None else as_dataset(data).images[:8])
    check_right(loaded, sample)
    return search.smallest(Case(loaded, sample, known, origin=origin or Origin()))


def search_of(
    transform: object,
    *,
    seed: int = 0,
    scan: int = SCAN,
    tolerance: float = TOLERANCE,
    examples: int = EXAMPLES,
    **ranges: Any,
) -> Search:
    """Return the search that fits a transform; arguments as those of `smallest_failure`.

    Raises
    ------
    ParameterError
        For a transform that is not known, and impossible ranges.
    """
    from hypothesis.strategies import SearchStrategy

    if isinstance(transform, SearchStrategy):
        if ranges:
            mend = "Give the ranges to perturbations() itself."
            raise ParameterError("a strategy takes no ranges", got=sorted(ranges), mend=mend)
        return ShrinkSearch(transform, seed, examples)
    if isinstance(transform, list | tuple) and not transform:
        allowed = "the name of a transform, or several of them"
        raise ParameterError("no transform is named", got=transform, allowed=allowed)
    if callable(transform):
        mend = "Give own_transform(function, name=(low, high)) of pytest_robustness.strategies in its place."
        refuse_taken_names(transform, OPTIONS, mend=mend)
    check_most("scan", scan)
    if isinstance(transform, list | tuple):
        strategy = perturbations(*transform, seed=seed, **ranges)
        several = [named(one) for one in transform]
        lines = [_lines(one, ranges, seed, min(scan, ALONE), tolerance) for one in several]
        return ShrinkSearch(strategy, seed, examples, tuple(line for found in lines for line in found))
    if callable(transform):
        transform, ranges = own_transform(transform, **ranges), {}
    known = named(transform)
    for name in ranges:
        if name not in known.parameters:
            raise unknown_name(f"parameter of the transform {known.name}", name, known.parameters)
    if len(known.parameters) > 1:
        strategy = perturbations(known, max_size=1, seed=seed, **ranges)
        return ShrinkSearch(strategy, seed, examples, _lines(known, ranges, seed, min(scan, ALONE), tolerance))
    (line,) = _lines(known, ranges, seed, scan, tolerance)
    return line


def _lines(
    transform: Change, ranges: Mapping[str, Any], seed: int, scan: int, tolerance: float
) -> tuple[LineSearch, ...]:
    """Return the searches of the parameters of a transform, each by itself."""
    limits = narrowed(transform, ranges)
    return tuple(LineSearch(transform, parameter, limits[parameter], seed, scan, tolerance) for parameter in limits)


def check_right(classifier: Classifier, sample: Dataset) -> None:
    """Raise ParameterError where an image is wrong before any change, EvaluationError where that is left to chance."""
    check_steady(classifier)
    prediction, label = int(classifier.predict(sample.images)[0]), int(sample.labels[0])
    if prediction != label:
        raise ParameterError(
            "the image is classified wrongly before any change",
            got=f"{prediction}, label {label}",
            mend="There is no smallest change to find: choose an image that the model gets right.",
        )


def check_steady(classifier: Classifier) -> None:
    """Raise EvaluationError where the model was seen to say different things of the same images."""
    if any(warning.startswith("stochastic") for warning in classifier.warnings):
        mend = "Put it into evaluation mode and fix its randomness."
        raise EvaluationError(f"the outputs of {classifier.name} change from call to call", mend=mend)


def _sample(image: object, data: object) -> tuple[Dataset, bool]:
    """Return the image as a data set of one, and whether its id is an index in `data`."""
    if isinstance(image, tuple | list) and len(image) == 2:
        pixels, label = np.asarray(image[0]), image[1]
        whole = isinstance(label, int | np.integer) and not isinstance(label, bool)
        if pixels.ndim not in (2, 3) or not whole:
            raise ParameterError(
                "not an image with its label",
                got=f"an array of shape {pixels.shape} and {label!r}",
                allowed="(image, label): an image (C, H, W) or (H, W), and its class as a whole number",
            )
        one = pixels[None, None] if pixels.ndim == 2 else pixels[None]
        return as_dataset((one, [int(label)])), False
    if data is None:
        mend = "Give data=, or the image itself with its label: image=(image, label)."
        raise ParameterError("an index needs a data set", got=image, mend=mend)
    dataset = as_dataset(data)
    return dataset.take([position_of(dataset, image)]), True
