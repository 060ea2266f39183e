"""Weather: snow, frost, fog and brightness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.transforms.common.batch import BASE_SIZE
from pytest_robustness.transforms.common.blur import enlargement, trailed
from pytest_robustness.transforms.photometric import brighten
from pytest_robustness.transforms.plasma import corners, side_over

if TYPE_CHECKING:
    import numpy.typing as npt

    from pytest_robustness.transforms.common.batch import Batch, Floats

SNOW = (
    (0.1, 0.2, 1.0, 0.6, 8, 3, 0.95),
    (0.1, 0.2, 1.0, 0.5, 10, 4, 0.9),
    (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
    (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
    (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
)
"""Mean and standard deviation of the layer, its enlargement, the level below which it is empty, radius and standard
deviation of the fall, and the weight of the image beside its whitened copy."""

FROST = ((1.0, 0.2), (1.0, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))
"""Weights of the image and of the frost."""

FOG = ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75))
"""Weight of the fog, and how fast its details fade."""

BRIGHTNESS = (0.05, 0.1, 0.15, 0.2, 0.3)
"""What is added to the value (HSV)."""

_LUMA = np.array((0.299, 0.587, 0.114), np.float32)  # ITU-R BT.601
_ICE = np.array((0.86, 0.93, 1.0), np.float32)  # the bluish white of frost


def snow(batch: Batch, severity: int) -> Floats:
    """Whiten the image and let flakes fall on it, in streaks, from above and (turned by 180 degrees) from below."""
    mean, deviation, factor, level, radius, spread, weight = SNOW[severity - 1]
    height, width = batch.images.shape[-2:]
    layer = np.float32(mean) + np.float32(deviation) * batch.normal("snow", (height, width))
    if (factor := factor * batch.growth) > 1:
        across, down = (enlargement(side, factor).astype(np.float32) for side in (width, height))
        layer = down @ layer @ across.T
    layer = np.clip(np.where(layer < level, np.float32(0), layer), 0, 1)[:, None]
    angles = np.deg2rad(-90 + 90 * (batch.uniform("snow/angle", ()) - 0.5))
    flakes = trailed(layer, batch.length(radius), spread * batch.growth, angles)
    whitened = np.maximum(batch.unit, 1.5 * _grey(batch.unit) + 0.5)
    snowy: Floats = weight * batch.unit + (1 - weight) * whitened + flakes + flakes[..., ::-1, ::-1]
    return snowy


def frost(batch: Batch, severity: int) -> Floats:
    """Lay frost over the image with the weights of the release, `FROST`.

    The release takes photographs of frosted panes, which are not ours to ship. The texture here is made: bright ridges
    where a map of heights crosses its middle, over a second, softer map, in a bluish white on RGB images. So the
    figures are not those of the release for this corruption, though its constants are the same.
    """
    of_image, of_frost = FROST[severity - 1]
    texture = frost_texture(batch)
    tint = _ICE if batch.images.shape[1] == 3 else _ICE @ _LUMA[:, None]
    return np.float32(of_image) * batch.unit + np.float32(of_frost) * texture[:, None] * tint[:, None, None]


def frost_texture(batch: Batch) -> Floats:
    """Return the frost of each image, in [0, 1]: ndarray of shape (N, H, W)."""
    crystals, haze = _maps(batch, "frost/crystals", 1.75), _maps(batch, "frost/haze", 2.5)
    ridges = (1 - np.abs(2 * crystals - 1)) ** 3
    return np.float32(0.7) * ridges + np.float32(0.3) * haze


def fog(batch: Batch, severity: int) -> Floats:
    """Add a map of heights, `FOG`, and scale back to the brightest value of the image."""
    weight, decay = FOG[severity - 1]
    clouds = _maps(batch, "fog", decay)[:, None]
    brightest = batch.unit.max(axis=(1, 2, 3), keepdims=True)
    foggy: Floats = (batch.unit + np.float32(weight) * clouds) * (brightest / (brightest + np.float32(weight)))
    return foggy


def brightness(batch: Batch, severity: int) -> npt.NDArray[np.uint8]:
    """Add `BRIGHTNESS` to the value (HSV) of each pixel; hue and saturation stay."""
    return brighten(batch.images, BRIGHTNESS[severity - 1])


def _maps(batch: Batch, name: str, decay: float) -> Floats:
    """Return a map of heights over each image, in [0, 1]: ndarray of shape (N, H, W)."""
    height, width = batch.images.shape[-2:]
    side = side_over(height, width, least=BASE_SIZE)
    return corners(batch.words(name, side * side), height, width, decay)


def _grey(images: Floats) -> Floats:
    """Return the luma of RGB images; grey ones stay as they are."""
    if images.shape[1] == 1:
        return images
    luma: Floats = (images * _LUMA[:, None, None]).sum(axis=1, keepdims=True)
    return luma
