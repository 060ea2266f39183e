"""Blur: through frosted glass, and by a camera that moves.

The functions are pure: the random numbers come in as arrays, see `pytest_robustness.transforms.random`. Images are
uint8 of shape (N, H, W) or (N, C, H, W); all channels of an image are blurred alike. The input is never changed.
"""

from __future__ import annotations

import itertools
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
Pixel = TypeVar("Pixel", np.uint32, np.float32)

WEIGHT_BITS = 24
"""The weights of `motion_blur` are whole multiples of 2 ** -24, so that its sums are exact."""


def glass_steps(height: int, width: int, reach: int, passes: int) -> int:
    """Return the number of swaps that `glass_blur` tries in an image: what its random numbers are for."""
    return passes * max(0, height - 2 * reach) * max(0, width - 2 * reach)


def glass_choices(reach: int) -> int:
    """Return how many equally likely choices a swap of `glass_blur` has: none as often as all its partners together."""
    return 2 * (2 * reach) ** 2


def glass_blur(
    images: Images, choices: npt.NDArray[np.unsignedinteger], *, sigma: float, reach: int, passes: int
) -> Images:
    """Look through frosted glass: blur, swap pixels with near ones, blur again.

    The blur of MNIST-C is one along the columns only: its code passes grey images with a flag that makes the blur take
    the last axis for colours. The first blur is cut to whole numbers, as there.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W) or (N, C, H, W)
    choices : ndarray of unsigned integers, shape (N, glass_steps(H, W, reach, passes))
        Whole numbers in [0, glass_choices(reach)), one for each swap. The lower half stands for no swap.
    sigma : float
        Standard deviation of the blur along the columns, in pixels.
    reach : int
        A pixel is swapped with one of those from `reach` up and left to ``reach - 1`` down and right, >= 1.
    passes : int
        Number of times that all pixels are gone through, from the lower right to the upper left.

    Returns
    -------
    ndarray of uint8, the shape of `images`
    """
    height, width = images.shape[-2:]
    blurred = (_blur_columns(images / 255.0, sigma) * 255).astype(np.uint8)
    # One row for each pixel, one column for each image and channel: a step is the same for all of them.
    flat = np.ascontiguousarray(blurred.reshape(-1, height * width).T).ravel()
    n = len(flat) // (height * width)
    partners = np.repeat(_glass_partners(width, reach)[choices.T] * n, n // max(1, len(images)), axis=1)
    own = np.arange(n)
    order = [
        row * width + column
        for _ in range(passes)
        for row in range(height - reach, reach, -1)
        for column in range(width - reach, reach, -1)
    ]
    for pixel, partner in zip(order, partners, strict=True):
        here = flat[pixel * n : (pixel + 1) * n].copy()
        there = partner + (own + pixel * n)
        flat[pixel * n : (pixel + 1) * n] = flat[there]
        flat[there] = here
    swapped = flat.reshape(height * width, n).T.reshape(images.shape)
    rounded: Images = np.rint(_blur_columns(swapped / 255.0, sigma) * 255).astype(np.uint8)
    return rounded


def motion_blur(images: Images, radians: npt.NDArray[np.float64], *, radius: int, sigma: float) -> Images:
    """Blur along a line that leaves each pixel in one direction, as a camera does that moves.

    The weights are half a Gaussian: ``exp(-i ** 2 / (2 sigma ** 2))`` for i = 0 .. 2 * radius, normalised; the i-th
    is for the pixel next to (x + i cos, y + i sin), or the nearest of the edge. So ImageMagick has it, which made
    MNIST-C; sums are cut to whole numbers.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W) or (N, C, H, W)
    radians : ndarray of float64, shape (N,)
        Direction from which the light of a pixel comes, with y downwards.
    radius : int
        In pixels, >= 1.
    sigma : float
        In pixels, > 0.

    Returns
    -------
    ndarray of uint8, the shape of `images`
    """
    total = drawn_out(images.astype(np.uint32), radians, motion_weights(radius, sigma))
    return (total >> WEIGHT_BITS).astype(np.uint8)


def drawn_out(
    images: npt.NDArray[Pixel], radians: npt.NDArray[np.float64], weights: npt.NDArray[Pixel]
) -> npt.NDArray[Pixel]:
    """Return weighted sums of the pixels on a line that leaves each pixel in one direction.

    Parameters
    ----------
    images : ndarray, shape (N, H, W) or (N, C, H, W)
    radians : ndarray of float64, shape (N,)
        Direction of the line of each image, with y downwards: 0 takes from the right, pi / 2 from below.
    weights : ndarray of the type of `images`, shape (L,)
        The i-th is for the pixel next to (x + i cos, y + i sin), or the nearest of the edge.

    Returns
    -------
    ndarray, the shape and type of `images`
    """
    height, width = images.shape[-2:]
    # In the order of their directions, images whose i-th pixel lies in the same place are neighbours: a slice each.
    order = np.argsort(radians, kind="stable")
    steps = np.arange(len(weights))[:, None]
    down = np.ceil(np.sin(radians[order]) * steps - 0.5).astype(np.intp)
    right = np.ceil(np.cos(radians[order]) * steps - 0.5).astype(np.intp)
    top, left = max(0, -down.min(initial=0)), max(0, -right.min(initial=0))
    margins = [(top, down.max(initial=0)), (left, right.max(initial=0))]
    wide = np.pad(images[order], [(0, 0)] * (images.ndim - 2) + margins, mode="edge")
    total = np.zeros_like(images)
    for weight, y, x in zip(weights, down + top, right + left, strict=True):
        for part in _runs(y, x):
            row, column = y[part.start], x[part.start]
            total[part] += wide[part, ..., row : row + height, column : column + width] * weight
    drawn = np.empty_like(images)
    drawn[order] = total
    return drawn


def motion_weights(radius: int, sigma: float) -> npt.NDArray[np.uint32]:
    """Return the weights of `motion_blur` as whole numbers that sum to 2 ** 24; shape (2 radius + 1,)."""
    weights = np.exp(-(np.arange(2 * radius + 1) ** 2) / (2 * sigma**2))
    whole: npt.NDArray[np.uint32] = np.floor(weights / weights.sum() * 2**WEIGHT_BITS).astype(np.uint32)
    # White stays white: what rounding took goes to the pixel itself.
    whole[0] += np.uint32(2**WEIGHT_BITS - int(whole.sum()))
    return whole


def _blur_columns(images: npt.NDArray[np.float64], sigma: float) -> npt.NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter1d

    blurred: npt.NDArray[np.float64] = gaussian_filter1d(images, sigma, axis=-2, mode="nearest")
    return blurred


def _glass_partners(width: int, reach: int) -> npt.NDArray[np.intp]:
    """Distance in memory from a pixel to its partner, for each choice."""
    offsets = np.arange(-reach, reach)
    partners = (offsets[:, None] * width + offsets).ravel()
    return np.concatenate([np.zeros_like(partners), partners])


def _runs(*values: npt.NDArray[np.intp]) -> list[slice]:
    """Return the slices within which none of the values, of shape (N,) each, changes."""
    changes = np.any([np.diff(value) != 0 for value in values], axis=0).nonzero()[0] + 1
    edges = [0, *changes.tolist(), len(values[0])]
    return [slice(start, stop) for start, stop in itertools.pairwise(edges) if start < stop]
