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
    from pytest_robustness.saliency import SaliencyMap
    from pytest_robustness.saliency.masking import Mask

COST = 0.02
"""Accuracy that masking random ink must surely cost before a map that finds no more is doubted."""

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


def doubts(
    beyond: Estimate, cost: Estimate, used: SaliencyMap, mask: Mask, *, n: int, whole: bool = False
) -> list[str]:
    """Return why a map cannot be trusted to have found what matters: it is not shown to cost more than random ink.

    Where random ink costs next to nothing, there may be nothing to find, and no map is blamed for it.

    Parameters
    ----------
    beyond : Estimate
        The accuracy that the map costs beyond random ink.
    cost : Estimate
        The accuracy that random ink costs.
    used : SaliencyMap
    mask : float or str
        What pixels were masked by.
    n : int
        Samples.
    whole : bool
        Whether all fractions were masked, so that a smaller one is no remedy.
    """
    if beyond.low > 0 or cost.low <= COST:
        return []
    interval = f"{beyond.value:.2g} [{beyond.low:.2g}, {beyond.high:.2g}]"
    other = _other(used, mask) + ("" if whole else ", or a smaller fraction")
    if beyond.value > 0:
        text = f"{n} samples do not show that the map costs more than random ink ({interval})"
        return [f"{text}: measure more of them, or use {other}"]
    return [f"masking as many random ink pixels costs as much, the map finds no more ({interval}): use {other}"]


def _other(used: SaliencyMap, mask: Mask) -> str:
    """Name a map that may find more: this one with what pixels are masked by, or another one."""
    for option in ("baseline", "value"):
        if getattr(used, option, mask) != mask:
            return f"{option}={mask!r}, which pixels are masked by"
    if used.needs != "gradients":
        return "another map, such as map='occlusion', size=2, stride=1"
    other = f"map='occlusion', value={mask!r}" if used.name == "integrated-gradients" else "map='auto'"
    return f"another map, such as {other}"


def faults(silent: NDArray[np.bool_], needs: str) -> list[str]:
    """Return why the accuracy cannot be relied on, where the saliency of many images is zero in every pixel.

    What the map needs of a classifier says what to do about it.
    """
    if silent.mean() <= SILENT:
        return []
    count = f"the saliency of {silent.sum()} of {len(silent)} images is zero in every pixel"
    other = "map='occlusion'" if needs == "gradients" else "larger patches, as in Occlusion(size=8)"
    return [f"{count}: use {other}, or a model that returns logits"]
