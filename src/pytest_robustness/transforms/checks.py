"""What may be corrupted: images and their identities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pytest_robustness.errors import ParameterError
from pytest_robustness.transforms.random import checked_id

if TYPE_CHECKING:
    from collections.abc import Iterable


def checked_images(images: npt.ArrayLike, *, smallest: int, mend: str = "") -> npt.NDArray[np.uint8]:
    """Return 8-bit images (N, H, W) or (N, C, H, W), C = 1 or 3, of at least `smallest` pixels a side.

    Raises
    ------
    ParameterError
        Where they are not; `mend` says what to do with small ones.
    """
    pixels = np.asarray(images)
    if pixels.dtype != np.uint8:
        raise ParameterError(
            "corruptions need 8-bit images",
            got=str(pixels.dtype),
            allowed="uint8",
            mend="Convert floats in [0, 1] with numpy.rint(255 * images).astype(numpy.uint8).",
        )
    if pixels.ndim not in (3, 4) or (pixels.ndim == 4 and pixels.shape[1] not in (1, 3)) or 0 in pixels.shape[1:]:
        raise ParameterError(
            "images have an impossible shape",
            got=pixels.shape,
            allowed="(N, H, W), or (N, C, H, W) with C = 1 (grey) or 3 (RGB)",
            mend="Move channels to the front with numpy.moveaxis(images, -1, 1) where they are last.",
        )
    if min(pixels.shape[-2:]) < smallest:
        raise ParameterError(
            "images are too small to be corrupted",
            got=f"{pixels.shape[-2]} x {pixels.shape[-1]} pixels",
            allowed=f"at least {smallest} x {smallest}",
            mend=mend,
        )
    return pixels


def checked_ids(ids: Iterable[int] | None, n: int) -> list[int]:
    """Return one id for each of `n` images, 0 to n - 1 by default; raise ParameterError where there are others."""
    known = list(range(n)) if ids is None else [checked_id(i) for i in ids]
    if len(known) != n:
        raise ParameterError("there must be one id for each image", got=f"{len(known)} ids", allowed=f"{n} ids")
    return known
