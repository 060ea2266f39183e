"""`find_counterexamples`: the smallest change for each of the first samples that fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.counterexamples.cases import Case, Origin
from pytest_robustness.counterexamples.smallest import check_steady
from pytest_robustness.counterexamples.sources import Source, source_of
from pytest_robustness.counterexamples.table import Counterexamples
from pytest_robustness.datasets import as_dataset
from pytest_robustness.errors import EvaluationError, check_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.counterexamples.counterexample import Counterexample
    from pytest_robustness.counterexamples.searching import Search
    from pytest_robustness.datasets import Dataset


def find_counterexamples(
    classifier: object,
    data: object,
    what: object,
    *,
    limit: int = 10,
    seed: int = 0,
    batch_size: int = 500,
    origin: Origin | None = None,
    **options: Any,
) -> Counterexamples:
    """Look for samples that are right as they are and wrong after a change, and for the smallest such change of each.

    Samples are looked at in a seeded order until `limit` of them have failed, so that those found are a fair sample of
    all that fail. Under an attack and under corruptions, the changes searched are those on the straight way from the
    image to the attacked or corrupted one; over a box of gamma and brightness, those in the box, widened to hold
    the identity.

    Parameters
    ----------
    classifier : Classifier or anything that `load_classifier` takes
    data : Dataset, name, path or (images, labels)
    what : Requirement, Evaluation, Measurement, or a transform as `smallest_failure` takes it
        Of the families adversarial, corruption and sensitivity.
    limit : int
        Counterexamples wanted.
    seed : int
        Of the order, of noise and of draws.
    batch_size : int
        Images in a forward pass.
    origin : Origin, optional
        What the lines that reproduce failures load.
    **options
        Those of `smallest_failure`, for a transform: ranges, ``scan``, ``tolerance``, ``examples``.

    Returns
    -------
    Counterexamples
        Empty where no sample failed; its ``summary`` says what was tried.

    Raises
    ------
    ParameterError
        For a family without changes, and what is no transform.
    EvaluationError
        Where the model does not say twice the same, or is right about no sample at all.
    """
    check_number("limit", limit, minimum=1, whole=True)
    dataset = as_dataset(data)
    loaded = load_classifier(classifier)
    if loaded.input_shape is None or loaded.num_classes is None:
        loaded = loaded.bound(dataset.images[:8])
    check_steady(loaded)
    source = source_of(what, dataset, seed=seed, **options)
    before = loaded.passes.forwards
    ordered = dataset.order(seed)
    found: list[Counterexample] = []
    examined = right = 0
    for start in range(0, len(dataset), source.chunk):
        samples = dataset.take(ordered[start : start + source.chunk])
        known = np.flatnonzero(loaded.predict(samples.images, batch_size=batch_size) == samples.labels)
        examined, right = examined + len(samples), right + len(known)
        if len(known):
            make = _case_maker(loaded, samples.take(known), batch_size, origin or Origin())
            suspects = source.suspects(loaded, samples.take(known), batch_size)
            found += [_smallest(make(row), searches, source) for row, searches in suspects[: limit - len(found)]]
        if len(found) == limit:
            break
    if not right:
        mend = "There is nothing to look into: is the data that of the model?"
        raise EvaluationError(f"none of {examined} samples is right before any change", got=dataset.name, mend=mend)
    return Counterexamples(
        name=source.name,
        found=tuple(sorted(found, key=lambda one: (one.magnitude, one.index))),
        limit=limit,
        budget=source.budget,
        examined=examined,
        right=right,
        n=len(dataset),
        forwards=loaded.passes.forwards - before,
    )


def _case_maker(classifier: Classifier, samples: Dataset, batch_size: int, origin: Origin) -> Callable[[int], Case]:
    return lambda row: Case(classifier, samples.take([row]), batch_size=batch_size, origin=origin)


def _smallest(case: Case, searches: Sequence[Search], source: Source) -> Counterexample:
    changes = [change for search in searches if (change := search.smallest(case)) is not None]
    if not changes:
        raise EvaluationError(
            "a sample that failed among others is right on its own",
            got=f"image {case.sample.ids[0]} under {source.name}",
            mend="The outputs of the model depend on its batch, or change from call to call.",
        )
    return min(changes, key=lambda change: change.magnitude)
