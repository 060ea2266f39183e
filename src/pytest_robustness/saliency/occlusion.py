"""Saliency of classifiers without gradients: what the score of a class loses where a patch is covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pytest_robustness.errors import ParameterError, check_number
from pytest_robustness.saliency.base import SaliencyMap, Targets, check_class
from pytest_robustness.saliency.masking import Mask, as_mask, masked_wholly

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_robustness.classifiers import Classifier


@dataclass(frozen=True)
class Occlusion(SaliencyMap):
    """How much the score of the class falls where a square patch is covered, in all channels at once.

    Zeiler and Fergus 2014, arXiv:1311.2901. The score is a logit, else a probability. A pixel under several patches has
    the mean of their falls; patches at the right and lower edge may reach beyond it.

    Parameters
    ----------
    size : int, optional
        Side of the patch in pixels; by default a seventh of the shorter side of the image, rounded up.
    stride : int, optional
        Pixels from one patch to the next, at most `size`; by default `size`, so that patches do not overlap.
    value : float or {"zero", "mean", "invert"}
        What the patch is covered with, as a mask: a value from 0 to 1, the mean of the image, or 1 minus the pixel.
    """

    name: ClassVar[str] = "occlusion"
    needs: ClassVar[str] = "scores"
    signed: ClassVar[bool] = True

    size: int | None = None
    stride: int | None = None
    value: Mask = 0.0

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        for name in ("size", "stride"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), minimum=1, whole=True)
        if self.size is not None and self.stride is not None and self.stride > self.size:
            allowed = f"1 to the size of the patch, {self.size}"
            raise ParameterError("the stride leaves gaps between the patches", got=self.stride, allowed=allowed)
        object.__setattr__(self, "value", as_mask(self.value, "value"))

    def _attributions(self, classifier: Classifier, given: Targets) -> NDArray[np.float64]:
        _, channels, height, width = given.images.shape
        size = self.size or -(-min(height, width) // 7)
        stride = min(self.stride or size, size)
        blank = masked_wholly(given.images, self.value)
        before = _scores(classifier, given.images, given)
        falls = np.zeros((len(given.images), height, width))
        covered_by = np.zeros((height, width))
        for top in _starts(height, size, stride):
            for left in _starts(width, size, stride):
                patch = np.s_[..., top : top + size, left : left + size]
                covered = given.images.copy()
                covered[patch] = blank[patch]
                falls[patch] += (before - _scores(classifier, covered, given))[:, None, None]
                covered_by[patch] += 1
        return np.repeat((falls / covered_by)[:, None], channels, axis=1)


def _starts(side: int, size: int, stride: int) -> range:
    """Return where patches begin, so that every pixel lies under one."""
    return range(0, max(side - size, 0) + stride, stride)


def _scores(classifier: Classifier, images: NDArray[np.float32], given: Targets) -> NDArray[np.float64]:
    """Return the score of each image's class, (N,)."""
    ask = classifier.logits if "logits" in classifier.offers else classifier.probabilities
    scores = ask(images, batch_size=given.batch_size)
    check_class(int(given.classes.max()), scores.shape[1])
    return scores[np.arange(len(scores)), given.classes]
