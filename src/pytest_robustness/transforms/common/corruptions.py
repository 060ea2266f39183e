"""The common corruptions by name, at five severities, for any images of at least 28 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pytest_robustness.errors import ParameterError, unknown_name
from pytest_robustness.transforms.checks import checked_ids, checked_images
from pytest_robustness.transforms.common import blur, digital, noise, weather
from pytest_robustness.transforms.common.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SEVERITIES = (1, 2, 3, 4, 5)
"""The levels of every common corruption."""

SMALLEST = 28
"""Height and width that images must have, in pixels."""

_CHUNK = 2**19  # values that are corrupted at a time: what they need stays in the cache of the processor

_APPLY: dict[str, Callable[[Batch, int], npt.NDArray[Any]]] = {
    "gaussian_noise": noise.gaussian_noise,
    "shot_noise": noise.shot_noise,
    "impulse_noise": noise.impulse_noise,
    "defocus_blur": blur.defocus_blur,
    "glass_blur": blur.glass_blur,
    "motion_blur": blur.motion_blur,
    "zoom_blur": blur.zoom_blur,
    "snow": weather.snow,
    "frost": weather.frost,
    "fog": weather.fog,
    "brightness": weather.brightness,
    "contrast": digital.contrast,
    "elastic_transform": digital.elastic_transform,
    "pixelate": digital.pixelate,
    "jpeg_compression": digital.jpeg_compression,
}

COMMON: tuple[str, ...] = tuple(_APPLY)
"""Names of the common corruptions: noise, blur, weather, digital."""


def corrupt_common(
    images: npt.ArrayLike, name: str, *, severity: int = 1, seed: int = 0, ids: Iterable[int] | None = None
) -> npt.NDArray[np.uint8]:
    """Corrupt images as CIFAR-10-C does.

    Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR
    2019, arXiv:1903.12261; the constants are those with which CIFAR-10-C was released.

    ================= ==========================================================================================
    gaussian_noise    normal noise of standard deviation 0.04 .. 0.1
    shot_noise        ``Poisson(c x) / c``, c = 500 .. 50
    impulse_noise     1 .. 7 % of the values black or white
    defocus_blur      a disk of radius 0.3 .. 1.5 with a smoothed edge
    glass_blur        pixels moved about within a Gaussian blur, in one or two passes
    motion_blur       a half-Gaussian trace of 13 .. 19 pixels at an angle within 45 degrees
    zoom_blur         the mean of enlargements by 1 .. 1.25
    snow              streaks of flakes over a whitened image
    frost             a layer of frost; the texture is made here, see `weather.frost`
    fog               a fractal cloud, and less contrast
    brightness        0.05 .. 0.3 added to the value (HSV)
    contrast          distances from the mean times 0.75 .. 0.15
    elastic_transform an affine map, and a smooth random distortion
    pixelate          averaged down to 95 .. 65 % of the side
    jpeg_compression  JPEG of quality 80 .. 40
    ================= ==========================================================================================

    Lengths are meant for 32 x 32 pixels. For larger images they grow in proportion to the smaller side; for smaller
    ones they stay. What is no length stays for all: the noise of a pixel, shares of the side (zoom_blur, pixelate), the
    blocks of JPEG. Grey images are treated as the release treats grey colours.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W) or (N, C, H, W) with C = 1 (grey) or 3 (RGB)
        At least 28 x 28 pixels. Never changed.
    name : str
        One of `COMMON`.
    severity : int, optional
        1 to 5.
    seed : int, optional
        Of the run.
    ids : iterable of int, length N, optional
        Identities of the images in their data set; default 0 to N - 1. An image's noise follows its id.

    Returns
    -------
    ndarray of uint8, the shape of `images`
        A new array; rounded to the nearest, where the release cuts off.

    Raises
    ------
    ParameterError
        If the name or the severity is not known, the images are not uint8 of one of the shapes above, or there is not
        one id for each image.
    """
    if name not in COMMON:
        raise unknown_name("common corruption", name, COMMON)
    if isinstance(severity, bool) or severity not in SEVERITIES:
        raise ParameterError("a severity is out of range", got=severity, allowed="1, 2, 3, 4 or 5")
    pixels = checked_images(
        images, smallest=SMALLEST, mend="Use the corruptions of MNIST-C (suite mnist-c-generated) instead."
    )
    known_ids = checked_ids(ids, len(pixels))
    stacked = pixels if pixels.ndim == 4 else pixels[:, None]
    corrupted = np.empty_like(stacked)
    rows = max(1, _CHUNK // max(1, stacked[:1].size))
    for start in range(0, len(stacked), rows):
        part = slice(start, start + rows)
        corrupted[part] = _as_bytes(_APPLY[name](Batch(stacked[part], seed, known_ids[part]), int(severity)))
    return corrupted.reshape(pixels.shape)


def _as_bytes(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    rounded: npt.NDArray[np.uint8] = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return rounded
