"""Deletion and insertion curves: accuracy over the share of an image's pixels that are masked, or shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pytest_robustness.evaluations.summaries import Estimate
from pytest_robustness.metrics import clustered_interval
from pytest_robustness.saliency import masked, number_of_pixels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.datasets import Dataset
    from pytest_robustness.saliency.masking import Mask

FRACTIONS = (0.0, 0.05, 0.10, 0.15, 0.20, 0.30, 0.50, 0.75, 1.0)
"""Shares of the pixels at which curves are measured. At the ends all orders of the pixels are alike."""

INSIDE = FRACTIONS[1:-1]

CURVES = ("deletion", "insertion", "random_ink", "random_ink_insertion")
"""Masked from the most salient pixel on; shown from it on; and the same in a random order, ink first."""


class Masking(NamedTuple):
    """Samples of a block, and how their pixels are masked."""

    classifier: Classifier
    samples: Dataset
    pixels: NDArray[np.float32]
    mask: Mask
    batch_size: int

    def predictions(self, ranks: NDArray[np.int64], fraction: float, *, shown: bool = False) -> NDArray[np.int64]:
        """Classify with the first pixels of an order (N, H, W) masked, or with only these shown; return labels (N,)."""
        count = number_of_pixels(fraction, ranks[0].size)
        where = ranks >= count if shown else ranks < count
        return self.classifier.predict(masked(self.pixels, where, self.mask), batch_size=self.batch_size)

    def hits(self, ranks: NDArray[np.int64], *, shown: bool = False) -> NDArray[np.bool_]:
        """Return which samples are classified correctly at each inner fraction of a curve, (len(INSIDE), N)."""
        found = [self.predictions(ranks, fraction, shown=shown) for fraction in INSIDE]
        correct: NDArray[np.bool_] = np.stack(found) == self.samples.labels
        return correct


def whole_curve(
    inner: NDArray[np.bool_], clean: NDArray[np.bool_], blank: NDArray[np.bool_], *, shown: bool
) -> NDArray[np.bool_]:
    """Return a curve with both ends, (len(FRACTIONS), N), from its inside, the clean images and those fully masked."""
    first, last = (blank, clean) if shown else (clean, blank)
    return np.concatenate([first[None], inner, last[None]])


def area(curve: NDArray[np.bool_], pixels: int, confidence: float) -> Estimate:
    """Return the area under a curve (len(FRACTIONS), N) over [0, 1]: the mean accuracy over all shares of pixels.

    The curve is a straight line between its points, which lie at the whole pixels that were masked. Each image is one
    cluster.
    """
    by_image = (weights(pixels) @ curve).clip(0.0, 1.0)  # the weights sum to 1 but for rounding
    return Estimate(float(by_image.mean()), *clustered_interval(by_image, confidence=confidence))


def area_difference(more: NDArray[np.bool_], less: NDArray[np.bool_], pixels: int, confidence: float) -> Estimate:
    """Return the difference of the areas under two curves (len(FRACTIONS), N) of the same images."""
    by_image = (weights(pixels) @ (1.0 + more - less) / 2).clip(0.0, 1.0)
    low, high = clustered_interval(by_image, confidence=confidence)
    return Estimate(float(2 * by_image.mean() - 1), 2 * low - 1, 2 * high - 1)


def deletion_pairs(
    curves: Mapping[str, NDArray[np.bool_]],
) -> tuple[tuple[NDArray[np.bool_], NDArray[np.bool_]], ...]:
    """Return the two pairs of curves between which lie what the map deletes beyond random ink, and what this does."""
    control = curves["random_ink"]
    untouched = np.broadcast_to(control[0], control.shape)
    return (control, curves["deletion"]), (untouched, control)


def weights(pixels: int) -> NDArray[np.float64]:
    """Return the weights (len(FRACTIONS),) with sum 1 that turn a curve into its area: the trapezoid rule."""
    widths = np.diff(shares(pixels))
    found = np.zeros(len(FRACTIONS))
    found[:-1] += widths / 2
    found[1:] += widths / 2
    return found


def shares(pixels: int) -> Sequence[float]:
    """Return the shares of an image that whole pixels make of `FRACTIONS`."""
    return [number_of_pixels(fraction, pixels) / pixels for fraction in FRACTIONS]
