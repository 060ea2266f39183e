"""Whether two data sets have images in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.errors import DatasetError

if TYPE_CHECKING:
    from pytest_robustness.datasets.dataset import Dataset

LARGEST_OVERLAP = 0.01
"""Some blank images in common are an accident; more is the same data under another name."""


LEAST_RANGE = 0.1
"""Images of a smaller range are compared as they are: in 8 bits different ones would look alike."""


def overlap(first: Dataset, second: Dataset) -> float:
    """Return the larger of the two shares of one set that is also in the other, by 8-bit content.

    Both ways, because the one may be a small sample of the other.
    """
    ours, theirs = _contents(first), _contents(second)
    common = set(ours) & set(theirs)
    return max(sum(content in common for content in contents) / len(contents) for contents in (ours, theirs))


def check_disjoint(found: Dataset, like: Dataset, *, role: str) -> None:
    """Raise DatasetError where `found` has so much in common with `like` that it cannot serve as `role`."""
    share = overlap(found, like)
    if share > LARGEST_OVERLAP:
        raise DatasetError(
            f"{found.name} cannot serve as {role}: they are images of {like.name}",
            got=f"{share:.1%} of the smaller set in the other",
            allowed=f"images that are not in {like.name}",
            mend="Choose a set that has nothing in common with the data.",
        )


def check_same_shape(found: Dataset, like: Dataset, *, what: str) -> None:
    """Raise DatasetError where the images of `found` have another shape than those of `like`."""
    if found.shape != like.shape:
        raise DatasetError(
            f"{what} of {found.name} have another shape than the images of {like.name}",
            got=found.shape,
            allowed=str(like.shape),
            mend="Choose another set, or resize the images and pass them as an array.",
        )


def _contents(dataset: Dataset) -> list[bytes]:
    """Return each image as bytes of 8-bit grey levels: rounding, as of float16 or of a division, changes no image."""
    images = dataset.images
    if images.dtype != np.uint8 and np.ptp(images) > LEAST_RANGE:
        images = np.rint(255 * images).astype(np.uint8)
    return [row.tobytes() for row in images]
