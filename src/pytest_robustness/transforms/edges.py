"""Edges of images, in white on black."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

LOW, HIGH = 0.1, 0.2
"""Thresholds on the gradient, in units of the full pixel range and the sums of Sobel's filter."""

LUMA = (0.2125, 0.7154, 0.0721)
"""Shares of red, green and blue in the brightness of a colour (ITU-R BT.709, as scikit-image has them)."""


def canny_edges(images: Images, *, sigma: float = 1.0) -> Images:
    """Replace images by their edges, found by Canny's method as scikit-image has it.

    Canny, "A computational approach to edge detection", PAMI 1986: the gradient of the blurred image (black outside,
    and made up for at the border), thinned to its local maxima by interpolation between neighbours, from 0.1 on where
    that hangs together with 0.2.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W) or (N, C, H, W)
        Of colours, the edges of the brightness are found, and drawn in all channels.
    sigma : float, optional
        Standard deviation of the blur, in pixels, >= 1. The gradient is multiplied by it, so that a larger picture of
        the same has the same edges.

    Returns
    -------
    ndarray of uint8, the shape of `images`
        Of the values 0 and 255.
    """
    grey = _brightness(images).reshape(len(images), *images.shape[-2:])
    strength, down, right = _gradient(grey, sigma)
    thin = _local_maxima(strength, down, right)
    edges = _connected(thin, strength) * np.uint8(255)
    found = np.broadcast_to(edges.reshape(len(images), *(1,) * (images.ndim - 3), *images.shape[-2:]), images.shape)
    return found.copy()


def _brightness(images: Images) -> Floats:
    if images.ndim == 3 or images.shape[1] == 1:
        grey: Floats = images / 255.0
        return grey
    # No matrix product: its rounding would depend on the size of the batch.
    red, green, blue = (images[:, channel] * (share / 255) for channel, share in enumerate(LUMA))
    luma: Floats = red + green + blue
    return luma


def _gradient(grey: Floats, sigma: float) -> tuple[Floats, Floats, Floats]:
    """Return the length of the gradient of the blurred images, and its parts along the columns and the rows."""
    from scipy.ndimage import gaussian_filter

    inside = gaussian_filter(np.ones(grey.shape[1:]), sigma, mode="constant")
    blurred = gaussian_filter(grey, (0, sigma, sigma), mode="constant") / (inside + np.finfo(float).eps)
    down, right = _sobel(blurred, 1, 2), _sobel(blurred, 2, 1)
    return np.sqrt(down * down + right * right) * sigma, down, right


def _sobel(images: Floats, along: int, across: int) -> Floats:
    from scipy.ndimage import correlate1d

    smoothed: Floats = correlate1d(correlate1d(images, [-1, 0, 1], axis=along), [1, 2, 1], axis=across)
    return smoothed


def _local_maxima(strength: Floats, down: Floats, right: Floats) -> npt.NDArray[np.bool_]:
    """Mark the pixels that are as strong as their two neighbours along the gradient, and above the low threshold."""
    width = strength.shape[2]
    near = np.zeros(strength.shape, dtype=bool)
    near[:, 1:-1, 1:-1] = strength[:, 1:-1, 1:-1] >= LOW
    place = np.flatnonzero(near)
    down, right, flat = down.ravel()[place], right.ravel()[place], strength.ravel()
    steep = np.abs(down) >= np.abs(right)
    # The gradient passes between a straight and a diagonal neighbour, on either side.
    side = np.where((down >= 0) == (right >= 0), 1, -1)
    straight = np.where(steep, width, 1)
    diagonal = straight + side * np.where(steep, 1, width)
    lesser, greater = np.minimum(np.abs(down), np.abs(right)), np.maximum(np.abs(down), np.abs(right))
    share = lesser / greater
    highest = np.ones(len(place), dtype=bool)
    for direction in (1, -1):
        between = flat[place + direction * diagonal] * share + flat[place + direction * straight] * (1 - share)
        highest &= between <= flat[place]
    near.ravel()[place] = highest
    return near


def _connected(thin: npt.NDArray[np.bool_], strength: Floats) -> npt.NDArray[np.bool_]:
    """Keep what hangs together, in its image, with a pixel above the high threshold."""
    from scipy.ndimage import label

    neighbours = np.zeros((3, 3, 3), dtype=bool)
    neighbours[1] = True
    labels, found = label(thin, neighbours)
    kept = np.zeros(found + 1, dtype=bool)
    kept[labels[thin & (strength >= HIGH)]] = True
    kept[0] = False
    chosen: npt.NDArray[np.bool_] = kept[labels]
    return chosen
