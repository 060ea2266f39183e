"""Weather: fog, and mud on the lens.

The functions are pure: the random numbers come in as arrays, see `pytest_robustness.transforms.random`. Images are
uint8 of shape (N, H, W) or (N, C, H, W); all channels of an image meet the same weather. The input is never changed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pytest_robustness.transforms.plasma import corners, side_over

Images = npt.NDArray[np.uint8]

SMALLEST_MAP = 256
"""Side of the map of `fog`, of which images up to that size see a corner; larger ones have a larger map."""

MUD = 63
"""Grey value of the mud of `spatter`."""


def fog_side(height: int, width: int) -> int:
    """Return the side of the square map that `fog` draws for images of this size: a power of two, 256 at least."""
    return side_over(height, width, least=SMALLEST_MAP)


def fog(images: Images, numbers: npt.NDArray[np.uint16], *, thickness: float, decay: float) -> Images:
    """Lay fog over images: ``(x + t f) m / (m + t)`` with t the thickness and m the brightest pixel of the image.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W) or (N, C, H, W)
    numbers : ndarray of uint16, shape (N, S * S) with S = fog_side(H, W)
        Uniform on 0 .. 65535, for `plasma.corners`, of whose map f the image sees the upper left corner.
    thickness : float
        How much fog is added at most, in units of the full pixel range, > 0.
    decay : float
        As for `plasma.corners`.

    Returns
    -------
    ndarray of uint8, the shape of `images`
    """
    height, width = images.shape[-2:]
    maps = corners(numbers, height, width, decay)
    maps = maps.reshape(len(images), *(1,) * (images.ndim - 3), height, width)
    brightest = images.max(axis=tuple(range(1, images.ndim)), keepdims=True).astype(np.float32) / 255
    foggy = (images + maps * np.float32(255 * thickness)) * (brightest / (brightest + np.float32(thickness)))
    rounded: Images = np.rint(np.minimum(foggy, 255)).astype(np.uint8)
    return rounded


def spatter(
    images: Images,
    normal: npt.NDArray[np.float64],
    *,
    mean: float,
    deviation: float,
    blur: tuple[float, float],
    threshold: float,
    edge: tuple[float, float],
) -> Images:
    """Throw mud on the lens: where blurred noise is above a threshold, the image turns into a dark grey.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W) or (N, C, H, W)
    normal : ndarray of float64, shape (N, H, W)
        Standard normal numbers.
    mean, deviation : float
        Of the noise that is made of them.
    blur : tuple of float
        Standard deviations of the blur of the noise along the columns and the rows, in pixels.
    threshold : float
        Noise above is a drop.
    edge : tuple of float
        Standard deviations of the blur of the drops; where less than 0.8 is left of a drop, there is none.

    Returns
    -------
    ndarray of uint8, the shape of `images`
    """
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(mean + deviation * normal, (0, *blur), mode="nearest")
    drops = gaussian_filter((noise > threshold).astype(np.float32), (0, *edge), mode="nearest")
    drops[drops < 0.8] = 0
    drops = drops.reshape(len(images), *(1,) * (images.ndim - 3), *images.shape[-2:])
    muddy: Images = np.rint(images * (1 - drops) + MUD * drops).astype(np.uint8)
    return muddy
