"""Images as a smoothed classifier sees them: whole levels of brightness, or floats in [0, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.classifiers import outputs as checks
from pytest_robustness.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_ROUNDING = 1e-3
"""How far a float32 pixel may be from a level, in steps between levels; it is taken for that level."""


def levels_of(images: ArrayLike, levels: int, *, binarise: bool = False) -> NDArray[np.uint8]:
    """Return the level 0 .. K of each pixel, where 1 (255 in bytes) is the level K.

    Parameters
    ----------
    images : array_like of shape (N, C, H, W)
        uint8, or floats in [0, 1].
    levels : int
        K, from 1 to 255.
    binarise : bool, optional
        Take what is greater than 1/2 for K, and all else for 0.

    Returns
    -------
    ndarray of uint8, shape (N, C, H, W)

    Raises
    ------
    ClassifierError
        If these are no images.
    DatasetError
        If a pixel is no multiple of 1/K.
    """
    pixels = np.asarray(images)
    checks.check_images(pixels)
    white = 255 if pixels.dtype == np.uint8 else 1
    if binarise:
        return (pixels > white / 2).astype(np.uint8) * np.uint8(levels)
    scaled = pixels.astype(np.float64) * levels / white
    found = np.rint(scaled)
    off = np.abs(scaled - found) > _ROUNDING
    if off.any():
        raise _grey(pixels[off][0], levels)
    return found.astype(np.uint8)


def unit_floats(images: ArrayLike, white: int | None = None) -> NDArray[np.float32]:
    """Return images (N, C, H, W) as float32 in [0, 1]; with `white` these are levels, and this one becomes 1.

    Raises
    ------
    ClassifierError
        If these are no images.
    """
    pixels = np.asarray(images)
    if white is not None:
        return pixels.astype(np.float32) / np.float32(white)
    checks.check_images(pixels)
    return checks.to_unit_floats(pixels)


def _grey(pixel: Any, levels: int) -> DatasetError:
    mends = "The noise would turn it into values of another set, by which it can be told: nothing would be certified."
    way = "Leave binarise=True" if levels == 1 else "Round the images to these values"
    return DatasetError(
        f"a pixel is none of the values of noise with levels={levels}",
        got=pixel.item(),
        allowed="0 or 1 (0 or 255 in bytes)" if levels == 1 else f"multiples of 1/{levels} (of 255/{levels} in bytes)",
        mend=f"{mends} {way}, or take noise with levels=255 for images of 8 bits.",
    )
