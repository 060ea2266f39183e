"""What becomes of samples under attack, stage after stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pytest_robustness.attacks.sanity import outside, unconfirmed, unmoved
from pytest_robustness.evaluations.adversarial.distances import distances

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.attacks import Attack
    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations.adversarial.course import Course
    from pytest_robustness.evaluations.base import Arrays, Block, Outcome, Subject


class Stage(NamedTuple):
    """A step of the plan: the part of its blocks, its attack (none: the clean images), the number of its radius."""

    part: str
    attack: Attack | None
    radius: int


def attack_samples(attack: Attack | None, subject: Subject, samples: Dataset, *, keep_images: bool) -> Arrays:
    """Attack samples that all resisted so far, or classify them as they are, and classify again what came out.

    Returns
    -------
    mapping
        ``fooled`` (B,) and ``prediction`` (B,); of an attack also ``distance`` (B,) from the clean image,
        ``unconfirmed``, ``unmoved`` and ``outside`` (B,), see `pytest_robustness.attacks.sanity`, and, if asked for,
        ``images`` of those that were fooled.
    """
    classifier, labels, size = subject.classifier, samples.labels, subject.batch_size
    if attack is None:
        predictions = classifier.predict(samples.images, batch_size=size)
        return {"fooled": predictions != labels, "prediction": predictions}
    clean = samples.pixels()
    found, claimed = attack.search(classifier, clean, labels, ids=samples.ids, seed=subject.seed, batch_size=size)
    # A targeted attack reports its target only, but any wrong class is one.
    doubtful = claimed if attack.target is None else np.ones_like(claimed)
    predictions = labels.copy()
    if doubtful.any():
        predictions[doubtful] = classifier.predict(found[doubtful], batch_size=size)
    fooled = predictions != labels
    arrays = {
        "fooled": fooled,
        "prediction": predictions,
        "distance": distances(found, clean, attack.reach.norm or "linf"),
        "unconfirmed": unconfirmed(claimed, ~fooled),
        # Samples of the very class that all are to be taken for are left alone.
        "unmoved": unmoved(clean, found, ~claimed) & (labels != attack.target),
        "outside": outside(clean, found, norm=attack.reach.norm, eps=attack.reach.eps),
    }
    return arrays | ({"images": found[fooled]} if keep_images else {})


def join_samples(
    subject: Subject, outcomes: Mapping[Block, Outcome], stages: list[Stage], course: Course, *, keep_images: bool
) -> dict[str, NDArray[Any]]:
    """Return what is known of every sample, (n,) each: the last that an attack made of it."""
    dataset, n = subject.dataset, len(subject.dataset)
    found: dict[str, NDArray[Any]] = {
        "index": np.array(dataset.ids),
        "label": np.array(dataset.labels),
        "prediction": np.array(dataset.labels),
        "distance": np.zeros(n),
        "fooled": ~course.standing,
        "unconfirmed": np.zeros(n, np.bool_),
        "unmoved": np.zeros(n, np.bool_),
        "outside": np.zeros(n, np.bool_),
    }
    if keep_images:
        found["images"] = dataset.pixels().copy()
    order = {stage.part: number for number, stage in enumerate(stages)}
    for block in sorted((b for b in outcomes if b.part in order), key=lambda b: order[b.part]):
        arrays, rows = outcomes[block].arrays, block.positions
        for name in (found.keys() & arrays.keys()) - {"fooled", "images"}:
            found[name][rows] = arrays[name]
        if "images" in arrays:
            found["images"][rows[arrays["fooled"]]] = arrays["images"]
    return found


def standing_at(
    radii: Sequence[float], stages: list[Stage], course: Course, distance: NDArray[np.float64]
) -> list[NDArray[np.bool_]]:
    """Return for each radius which samples stand, (n,): what fools inside a ball fools inside every larger one."""
    number = np.array([stage.radius for stage in stages] + [len(radii)])[course.fell]
    smallest = np.where(course.standing, len(radii), np.minimum(number, np.searchsorted(radii, distance)))
    return [(smallest > r) & (course.fell > 0) for r in range(len(radii))]
