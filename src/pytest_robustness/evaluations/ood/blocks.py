"""Blocks of an evaluation of anomaly scores: its data by part, and what is joined from the outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.datasets import load_fitting, load_outliers
from pytest_robustness.evaluations.base import Block, blocks_of, gather
from pytest_robustness.evaluations.ood.outputs import OUTPUTS, head_arrays, is_fitted
from pytest_robustness.evaluations.ood.sets import sets_of
from pytest_robustness.evaluations.ood.summaries import separation
from pytest_robustness.metrics import SCORES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations.base import Arrays, Evaluation, Outcome, Subject
    from pytest_robustness.evaluations.measurement import Measurement
    from pytest_robustness.evaluations.ood.outputs import Passes

OUTLIERS_PART = "outliers"
"""What the parts of the blocks of outliers begin with; the name of the set follows."""

FIT_PART = "fit"


def further_data(outliers: Any, fit: Any, dataset: Dataset, *, seed: int) -> dict[str, Dataset]:
    """Load every set of outliers, and the data to fit on, by the part of their blocks."""
    found = {
        f"{OUTLIERS_PART}/{name}": load_outliers(source, like=dataset, seed=seed)
        for name, source in sets_of(outliers).items()
    }
    if fit is not None:
        found[FIT_PART] = load_fitting(fit, like=dataset, others=list(found.values()))
    return found


def all_blocks(subject: Subject) -> list[Block]:
    """Cut the samples, every set of outliers, and the fitting data into blocks."""
    return [
        *blocks_of(len(subject.dataset)),
        *(b for p, data in subject.further.items() for b in blocks_of(len(data), p)),
    ]


def scored_parts(subject: Subject) -> list[str]:
    """Return the parts that are scored: the samples, then the sets of outliers."""
    return ["", *(part for part in subject.further if part != FIT_PART)]


def fitting_arrays(subject: Subject, block: Block, passes: Passes, scores: Iterable[str]) -> Arrays:
    """Return what scores are fitted on: outputs, labels, and with the first block the model's last linear layer."""
    chosen = [SCORES[score] for score in scores if is_fitted(score)]
    found = passes.arrays({need for one in chosen for need in one.fits_on})
    found["labels"] = subject.samples(block).labels
    if block.start == 0 and any("head" in one.needs for one in chosen):
        found |= head_arrays(subject.classifier)
    return found


def fitting_data(outcomes: Mapping[Block, Outcome]) -> dict[str, NDArray[Any]]:
    """Join what `fitting_arrays` returned for all blocks."""
    first = next(block for block in outcomes if block.part == FIT_PART and block.start == 0)
    arrays = outcomes[first].arrays
    heads = {name: array for name, array in arrays.items() if name.startswith("head_")}
    return {name: gather(outcomes, name, part=FIT_PART) for name in arrays if name not in heads} | heads


def joined(outcomes: Mapping[Block, Outcome], part: str, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Join outputs of all blocks of a part."""
    return {
        name: gather(outcomes, name, part=part, axis=1 if name == "members" else 0) for name in names if name in OUTPUTS
    }


def scored_together(
    score: Callable[[Mapping[str, NDArray[Any]]], NDArray[np.float64]],
    subject: Subject,
    outcomes: Mapping[Block, Outcome],
    needs: Iterable[str],
) -> dict[str, NDArray[np.float64]]:
    """Score the samples and all outliers in one go, and return the scores by part.

    What a score refuses, it refuses for all of them: a few images alone may look like what they are not.
    """
    parts, names = scored_parts(subject), list(needs)
    arrays = [joined(outcomes, part, names) for part in parts]
    axes = {name: 1 if name == "members" else 0 for name in arrays[0]}
    together = {name: np.concatenate([one[name] for one in arrays], axis=axis) for name, axis in axes.items()}
    ends = np.cumsum([len(subject.dataset if not part else subject.further[part]) for part in parts])
    return dict(zip(parts, np.split(score(together), ends[:-1]), strict=True))


def summary(
    evaluation: Evaluation,
    subject: Subject,
    outcomes: Mapping[Block, Outcome],
    scores: Mapping[str, NDArray[np.float64]],
    *,
    confidence: float,
) -> tuple[Measurement, ...]:
    """Reduce the scores of every part to measurements."""
    outliers = {part.removeprefix(f"{OUTLIERS_PART}/"): found for part, found in scores.items() if part}
    return separation(evaluation, subject, outcomes, scores[""], outliers, confidence=confidence)
