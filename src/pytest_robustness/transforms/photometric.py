"""Changes of the values of pixels where they are: gamma, brightness, inverted stripes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pytest_robustness.errors import ParameterError


def gamma_brightness(images: npt.ArrayLike, gamma: float, brightness: float) -> npt.NDArray[np.float32]:
    """Return ``clip(images ** gamma + brightness, 0, 1)``.

    Parameters
    ----------
    images : array of uint8 in [0, 255] or of floats in [0, 1], any shape
        uint8 images are read as ``images / 255`` and go through a table of 256 values.
    gamma : float
        Exponent, >= 0. ``0 ** 0`` is 1, as numpy has it: at ``gamma=0`` a black pixel turns white, although it stays
        black for every ``gamma > 0``.
    brightness : float
        What is added, in units of the full pixel range.

    Returns
    -------
    ndarray of float32, the shape of `images`
        A new array.

    Raises
    ------
    ParameterError
        If `gamma` is negative or a parameter is not finite; if the pixels are neither uint8 nor floats in [0, 1].
    """
    pixels = np.asarray(images)
    if pixels.dtype == np.uint8:
        looked_up: npt.NDArray[np.float32] = gamma_brightness_table(gamma, brightness)[pixels]
        return looked_up
    _check_parameters(gamma, brightness)
    _check_floats(pixels)
    # In float64: in float32 a tiny gamma would become 0, and black white.
    changed: npt.NDArray[np.float64] = np.power(pixels, gamma, dtype=np.float64)
    changed += brightness
    return np.clip(changed, 0.0, 1.0, out=changed).astype(np.float32)


def gamma_brightness_table(gamma: float, brightness: float) -> npt.NDArray[np.float32]:
    """Return what `gamma_brightness` makes of each of the 256 values of a uint8 pixel.

    Parameters
    ----------
    gamma, brightness : float
        As for `gamma_brightness`.

    Returns
    -------
    ndarray of float32, shape (256,)

    Raises
    ------
    ParameterError
        If `gamma` is negative or a parameter is not finite.
    """
    _check_parameters(gamma, brightness)
    levels = np.arange(256) / 255.0
    table: npt.NDArray[np.float32] = np.clip(levels**gamma + brightness, 0.0, 1.0).astype(np.float32)
    return table


def brighten(images: npt.NDArray[np.uint8], amount: float) -> npt.NDArray[np.uint8]:
    """Add to the value (HSV) of each pixel and clip it at white; hue and saturation stay.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W), or (N, C, H, W) with the channels of one colour
        The value of a pixel is its largest channel; of a grey pixel, the pixel.
    amount : float
        In units of the full pixel range, >= 0.

    Returns
    -------
    ndarray of uint8, the shape of `images`
        Rounded to the nearest, halves to even.
    """
    if images.ndim == 3 or images.shape[1] == 1:
        table = np.rint(np.minimum(np.arange(256) + 255 * amount, 255)).astype(np.uint8)
        looked_up: npt.NDArray[np.uint8] = table[images]
        return looked_up
    value = images.max(axis=1, keepdims=True).astype(np.float64)
    brighter = np.minimum(value + 255 * amount, 255)
    # First the product, then the quotient: so grey pixels come out exactly as in the table above. Black has no hue and
    # turns grey.
    scaled = np.divide(images * brighter, value, out=np.broadcast_to(brighter, images.shape).copy(), where=value > 0)
    rounded: npt.NDArray[np.uint8] = np.rint(scaled).astype(np.uint8)
    return rounded


def invert_stripes(images: npt.NDArray[np.uint8], share: float) -> npt.NDArray[np.uint8]:
    """Invert the left-most and the right-most columns.

    Parameters
    ----------
    images : ndarray of uint8, shape (..., H, W)
    share : float
        Share of the columns inverted on each side, in [0, 0.5]; rounded, at least one column.

    Returns
    -------
    ndarray of uint8, the shape of `images`
    """
    columns = max(1, round(share * images.shape[-1]))
    inverted = images.copy()
    inverted[..., :columns] = 255 - images[..., :columns]
    inverted[..., -columns:] = 255 - images[..., -columns:]
    return inverted


def _check_parameters(gamma: float, brightness: float) -> None:
    if not (_is_finite(gamma) and gamma >= 0):
        raise ParameterError("gamma is no exponent for pixels", got=gamma, allowed="finite numbers >= 0")
    if not _is_finite(brightness):
        raise ParameterError("brightness cannot be added to pixels", got=brightness, allowed="finite numbers")


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and math.isfinite(value)


def _check_floats(pixels: npt.NDArray[np.generic]) -> None:
    if not np.issubdtype(pixels.dtype, np.floating):
        raise ParameterError(
            "images have a type that holds no pixels",
            got=str(pixels.dtype),
            allowed="uint8 in [0, 255] or floats in [0, 1]",
            mend="Convert them, for instance with images.astype(numpy.uint8).",
        )
    # A NaN fails both comparisons, and must: a power of it would be a silent NaN.
    if pixels.size and not (pixels.min() >= 0 and pixels.max() <= 1):
        raise ParameterError(
            "pixels lie outside [0, 1]",
            got=f"range {pixels.min()} to {pixels.max()}",
            allowed="floats in [0, 1], or uint8 in [0, 255]",
            mend="Divide by 255 where the pixels are 8-bit values.",
        )
