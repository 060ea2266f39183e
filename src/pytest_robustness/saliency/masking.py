"""The order that a saliency map puts pixels in, and images with some of their pixels masked."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.errors import ParameterError, unknown_name
from pytest_robustness.saliency.base import check_share
from pytest_robustness.transforms import sample_uniform

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

MASKS = ("zero", "mean", "invert")
"""Masks by name, beside any number from 0 to 1. Zero is the number 0."""

Mask = float | str

CHANGED = 0.5 / 255
"""By how much of the range of pixels a mask changes those that count as ink: half a grey level of a byte."""

RANDOM = "saliency/random"
"""The stream of the noise that pixels are drawn with."""


def as_mask(value: object, name: str = "mask") -> Mask:
    """Return a mask as a number, ``"mean"`` or ``"invert"``; errors call it by `name`.

    Raises
    ------
    ParameterError
        For anything else.
    """
    if isinstance(value, str):
        if value not in MASKS:
            raise unknown_name(name, value, MASKS, mend=f"A number from 0 to 1 is a {name} as well.")
        return 0.0 if value == "zero" else value
    if isinstance(value, bool) or not isinstance(value, Real):
        allowed = "a number from 0 to 1, 'zero', 'mean' or 'invert'"
        raise ParameterError(f"{name} must be a number or a name", got=value, allowed=allowed)
    check_share(name, value)  # type: ignore[arg-type]
    return float(value)


def number_of_pixels(fraction: float, pixels: int) -> int:
    """Return the whole pixels in a fraction of an image, rounded down; 0.29 of 100 are 29, as written."""
    return math.floor(fraction * pixels + 1e-9)


def pixel_saliency(attributions: NDArray[np.float64], *, signed: bool = False) -> NDArray[np.float64]:
    """Return the saliency of each pixel: the sum over its channels of the sizes of the attributions.

    Parameters
    ----------
    attributions : ndarray, shape (N, C, H, W)
    signed : bool
        Whether to sum the attributions as they are, so that what speaks against the class comes last.

    Returns
    -------
    ndarray of float64, shape (N, H, W)
    """
    values = attributions if signed else np.abs(attributions)
    summed: NDArray[np.float64] = values.sum(axis=1, dtype=np.float64)
    return summed


def most_salient_first(saliency: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rank (N, H, W) of each pixel of each image, 0 for the most salient one.

    Among equals the upper row comes first, and in a row the left one.
    """
    return _ranks(-saliency)


def ink_of(images: NDArray[np.float32], mask: Mask) -> NDArray[np.bool_]:
    """Return the ink (N, H, W) of images (N, C, H, W): the pixels that masking changes.

    A pixel is ink where the mask changes one of its channels by more than half a grey level of a byte, 1/510. Of white
    digits on black that are masked with 0, these are the pixels above 0; of black ones on white masked with 1, those
    below 1. Under ``"mean"`` and ``"invert"`` nearly all pixels are.
    """
    changed: NDArray[np.bool_] = (np.abs(masked_wholly(images, mask) - images) > CHANGED).any(axis=1)
    return changed


def ink_first(
    images: NDArray[np.float32], mask: Mask, *, ids: Iterable[int], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return two random ranks (N, H, W) of the pixels of images (N, C, H, W): among all of them, and ink before others.

    Ink is what masking changes, see `ink_of`. The draw belongs to the sample.
    """
    drawn = sample_uniform(seed, RANDOM, ids, images.shape[2:])
    return _ranks(drawn), _ranks(drawn + ~ink_of(images, mask))


def masked(images: NDArray[np.float32], where: NDArray[np.bool_], mask: Mask) -> NDArray[np.float32]:
    """Return images with some of their pixels replaced, in all channels.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
        In [0, 1].
    where : ndarray of bool, shape (N, H, W)
    mask : float or str
        A number; ``"mean"``, of the image, channel by channel; or ``"invert"``, 1 minus the pixel.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)
    """
    fill: NDArray[np.float32] | np.float32
    if mask == "invert":
        fill = 1 - images
    elif mask == "mean":
        fill = images.mean(axis=(2, 3), keepdims=True, dtype=np.float64).astype(np.float32)
    else:
        fill = np.float32(mask)
    return np.where(where[:, None], fill, images)


def masked_wholly(images: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    """Return images (N, C, H, W) with all of their pixels masked: what is left where nothing of them is seen."""
    return masked(images, np.ones((len(images), *images.shape[2:]), np.bool_), mask)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rank of each value of a row (N, ...), 0 for the smallest, equal ones in their order."""
    flat = values.reshape(len(values), -1)
    order = np.argsort(flat, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(flat.shape[1]), order.shape), axis=1)
    return ranks.reshape(values.shape)
