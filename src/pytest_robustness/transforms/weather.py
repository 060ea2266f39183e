"""Weather: fog, and mud on the lens.

The functions are pure: the random numbers come in as arrays, see `pytest_robustness.transforms.random`. Images are
uint8 of shape (N, H, W) or (N, C, H, W); all channels of an image meet the same weather. The input is never changed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

SMALLEST_MAP = 256
"""Side of the map of `fog`, of which images up to that size see a corner; larger ones have a larger map."""

MUD = 63
"""Grey value of the mud of `spatter`."""


def fog_side(height: int, width: int) -> int:
    """Return the side of the square map that `fog` draws for images of this size: a power of two, 256 at least."""
    return max(SMALLEST_MAP, 1 << (max(height, width) - 1).bit_length())


def fog(images: Images, numbers: npt.NDArray[np.uint16], *, thickness: float, decay: float) -> Images:
    """Lay fog over images: ``(x + t f) m / (m + t)`` with t the thickness and m the brightest pixel of the image.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W) or (N, C, H, W)
    numbers : ndarray of uint16, shape (N, S * S) with S = fog_side(H, W)
        Uniform on 0 .. 65535, for `fog_maps`, of whose map f the image sees the upper left corner.
    thickness : float
        How much fog is added at most, in units of the full pixel range, > 0.
    decay : float
        As for `fog_maps`.

    Returns
    -------
    ndarray of uint8, the shape of `images`
    """
    height, width = images.shape[-2:]
    maps = fog_maps(numbers, height, width, decay)
    maps = maps.reshape(len(images), *(1,) * (images.ndim - 3), height, width)
    brightest = images.max(axis=tuple(range(1, images.ndim)), keepdims=True).astype(np.float32) / 255
    foggy = (images + maps * np.float32(255 * thickness)) * (brightest / (brightest + np.float32(thickness)))
    rounded: Images = np.rint(np.minimum(foggy, 255)).astype(np.uint8)
    return rounded


def fog_maps(numbers: npt.NDArray[np.uint16], height: int, width: int, decay: float) -> Floats:
    """Return the upper left corners of plasma fractals that are scaled to [0, 1] over their whole square.

    The fractals are made by the diamond-square algorithm on a square whose sides meet: from one point at 0, the middle
    of every four neighbours gets their mean plus a number from [-a, a]; halving the distance divides a by `decay`
    squared.

    Parameters
    ----------
    numbers : ndarray of uint16, shape (N, S * S)
        Uniform on 0 .. 65535; S is a power of two, and not below `height` or `width`.
    height, width : int
        Size of the corner.
    decay : float
        > 1: the higher, the smoother.

    Returns
    -------
    ndarray of float32, shape (N, height, width)
    """
    n, side = len(numbers), round(numbers.shape[1] ** 0.5)
    # A choice is -1 to 1 in steps of 2 ** -15: 1e-5 of the range of the map.
    signed = numbers.view(np.int16)
    points = np.zeros((n, 1, 1), dtype=np.float32)
    amplitude = 1.0
    used = 0
    while 2 * points.shape[1] < side:
        fresh = signed[:, used : used + 3 * points[0].size]
        points = _interleaved(points, *_between(points, fresh, amplitude))
        used += fresh.shape[1]
        amplitude /= decay**2
    # The last and largest step is not put together but for the corner: the extremes need no order.
    parts = (points, *_between(points, signed[:, used : used + 3 * points[0].size], amplitude))
    low = np.min([part.min(axis=(1, 2)) for part in parts], axis=0)[:, None, None]
    high = np.max([part.max(axis=(1, 2)) for part in parts], axis=0)[:, None, None]
    rows, columns = (height + 1) // 2, (width + 1) // 2
    corner = _interleaved(*(part[:, :rows, :columns] for part in parts))[:, :height, :width]
    scaled: Floats = (corner - low) / (high - low)
    return scaled


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


def _between(points: Floats, numbers: npt.NDArray[np.int16], amplitude: float) -> tuple[Floats, Floats, Floats]:
    """Return the new points right of, below, and right below of each old one; as floats of the shape of `points`."""
    noise = numbers.reshape(len(points), 3, *points.shape[1:])
    step = np.float32(amplitude / 2**15)
    quarter = np.float32(0.25)
    wrapped = np.empty((len(points), points.shape[1] + 1, points.shape[2] + 1), dtype=np.float32)
    wrapped[:, :-1, :-1] = points
    wrapped[:, -1, :-1], wrapped[:, :-1, -1], wrapped[:, -1, -1] = points[:, 0], points[:, :, 0], points[:, 0, 0]
    beside = wrapped[:, :, :-1] + wrapped[:, :, 1:]
    middle = (beside[:, :-1] + beside[:, 1:]) * quarter + noise[:, 0] * step
    around = np.empty_like(wrapped)
    around[:, 1:, 1:] = middle
    around[:, 0, 1:], around[:, 1:, 0] = middle[:, -1], middle[:, :, -1]
    right = (around[:, :-1, 1:] + around[:, 1:, 1:] + beside[:, :-1]) * quarter + noise[:, 1] * step
    below = around[:, 1:, :-1] + around[:, 1:, 1:] + wrapped[:, :-1, :-1] + wrapped[:, 1:, :-1]
    return right, below * quarter + noise[:, 2] * step, middle


def _interleaved(points: Floats, right: Floats, below: Floats, middle: Floats) -> Floats:
    n, height, width = points.shape
    whole = np.empty((n, 2 * height, 2 * width), dtype=np.float32)
    whole[:, ::2, ::2], whole[:, ::2, 1::2] = points, right
    whole[:, 1::2, ::2], whole[:, 1::2, 1::2] = below, middle
    return whole
