"""What a row of the adversarial family shows: a few fooled samples, and what classes are taken for before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.evaluations.base import BLOCK_SIZE
from pytest_robustness.evaluations.sheets import adversarial_sheet, sheet_picture
from pytest_robustness.metrics import confusion_matrix
from pytest_robustness.saliency import Gradient, pixel_saliency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations.base import Arrays, Block, Outcome, Subject


EXAMPLES = 6
"""Fooled samples that are shown: noise makes large pictures."""


def has_examples(block: Block) -> bool:
    """Return whether the fooled samples of a block are shown: one block of each attack is enough."""
    return block.start < BLOCK_SIZE


def examples(subject: Subject, samples: Dataset, arrays: Arrays, block: Block, *, needs: str) -> Arrays:
    """Return the first fooled samples of a block, and their saliency where the attack itself used gradients.

    Parameters
    ----------
    subject : Subject
    samples : Dataset
        Of the block.
    arrays : mapping
        What `attack_samples` made of them, with ``images``.
    block : Block
    needs : str
        What the attack needs: a picture is no reason to ask for gradients that it did without.

    Returns
    -------
    mapping
        ``example_rows`` (E,), their positions in the data set; ``example_images`` (E, C, H, W); ``example_saliency``
        (2, E, H, W): of each clean image for its label, and of the adversarial one for what it is taken for.
    """
    chosen = np.flatnonzero(arrays["fooled"])[:EXAMPLES]
    if len(chosen) == 0:
        return {}
    found = {"example_rows": block.positions[chosen], "example_images": arrays["images"][:EXAMPLES]}
    if needs != "gradients" or "gradients" not in subject.classifier.offers:
        return found
    images = np.concatenate([samples.pixels(chosen), found["example_images"]])
    classes = np.concatenate([samples.labels[chosen], arrays["prediction"][chosen]])
    maps = Gradient().attributions(subject.classifier, images, classes, batch_size=subject.batch_size)
    saliency = pixel_saliency(maps)
    return found | {"example_saliency": saliency.reshape(2, len(chosen), *saliency.shape[1:])}


def picture_details(
    subject: Subject,
    outcomes: Mapping[Block, Outcome],
    order: Sequence[str],
    predictions: NDArray[np.int64],
    *,
    whole: bool,
) -> dict[str, Any]:
    """Return what pictures need, as builtin values.

    Parameters
    ----------
    subject : Subject
    outcomes : mapping
    order : sequence of str
        The parts of the blocks, from the clean images to the last attack.
    predictions : ndarray of int64, shape (n,)
        What each sample is taken for under attack.
    whole : bool
        Whether all samples were attacked, so that the confusion matrices are those of the data set.
    """
    details = _sheet(subject, outcomes, order, predictions)
    if whole:
        labels, clean = subject.dataset.labels, predictions.copy()
        for block, outcome in outcomes.items():
            if block.part == order[0]:
                clean[block.positions] = outcome.arrays["prediction"]
        largest = int(max(labels.max(), clean.max(), predictions.max())) + 1
        classes = subject.classifier.num_classes or largest
        for name, found in (("confusion_clean", clean), ("confusion", predictions)):
            details[name] = confusion_matrix(found, labels, num_classes=classes).tolist()
    return details


def _sheet(
    subject: Subject, outcomes: Mapping[Block, Outcome], order: Sequence[str], predictions: NDArray[np.int64]
) -> dict[str, Any]:
    ranked = sorted((b for b in outcomes if b.part in order), key=lambda b: (order.index(b.part), b.start))
    found = [outcomes[block].arrays for block in ranked if "example_rows" in outcomes[block].arrays]
    found = [arrays for arrays in found if "example_saliency" in arrays] or found
    if not found:
        return {}
    rows = np.concatenate([arrays["example_rows"] for arrays in found])[:EXAMPLES]
    saliency = None
    if "example_saliency" in found[0]:
        saliency = np.concatenate([arrays["example_saliency"] for arrays in found], axis=1)[:, :EXAMPLES]
    sheet = adversarial_sheet(
        subject.dataset.pixels(rows),
        np.concatenate([arrays["example_images"] for arrays in found])[:EXAMPLES],
        clean_saliency=None if saliency is None else saliency[0],
        adversarial_saliency=None if saliency is None else saliency[1],
    )
    told = zip(subject.dataset.labels[rows], predictions[rows], strict=True)
    captions = [f"{label} \N{RIGHTWARDS ARROW} {taken}" for label, taken in told]
    return {"adversarial_examples": sheet_picture(sheet, captions)}
