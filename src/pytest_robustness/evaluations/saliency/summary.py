"""What is said of saliency beside the accuracy: its controls, what it loses beyond them, and where it says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_robustness.evaluations.summaries import Estimate, class_parts, correct_part
from pytest_robustness.metrics import clustered_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from pytest_robustness.evaluations.measurement import Part

SILENT = 0.05
"""Share of images whose saliency may be zero in every pixel: these are masked in no order of importance."""


def control_parts(hits: Mapping[str, NDArray[np.bool_]], labels: NDArray[np.int64], confidence: float) -> list[Part]:
    """Return the accuracies of the images as they are and with random pixels masked, then those of each class."""
    controls = [correct_part("clean", hits["prediction"], confidence)]
    controls += [correct_part(name, hits[name], confidence) for name in ("random", "random_ink")]
    return controls + class_parts(hits["masked"], labels, confidence)


def difference(more: NDArray[np.bool_], less: NDArray[np.bool_], confidence: float) -> Estimate:
    """Return the difference of two accuracies of the same samples; each contributes -1, 0 or 1."""
    halves = (1.0 + more - less) / 2
    low, high = clustered_interval(halves, confidence=confidence)
    return Estimate(float(more.mean() - less.mean()), 2 * low - 1, 2 * high - 1)


def doubts(estimates: Mapping[str, Estimate]) -> list[str]:
    """Return a warning where masking salient pixels costs no more than masking random ink."""
    drop, control = estimates["excess_drop"], estimates["random_ink"]
    if drop.low > 0 or estimates["accuracy"].value == 1:
        return []
    return [
        f"masking as many random ink pixels costs as much (accuracy {control.value:.4f}): the map finds nothing more"
    ]


def faults(silent: NDArray[np.bool_], needs: str) -> list[str]:
    """Return why the accuracy cannot be relied on, where the saliency of many images is zero in every pixel.

    What the map needs of a classifier says what to do about it.
    """
    if silent.mean() <= SILENT:
        return []
    count = f"the saliency of {silent.sum()} of {len(silent)} images is zero in every pixel"
    other = "map='occlusion'" if needs == "gradients" else "larger patches, as in Occlusion(size=8)"
    return [f"{count}: use {other}, or a model that returns logits"]
