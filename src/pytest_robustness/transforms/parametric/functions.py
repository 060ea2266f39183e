"""The functions behind the registry: float32 images (N, C, H, W) in [0, 1] in, the same out, clipped by the caller."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.transforms.geometric import translate, warp
from pytest_robustness.transforms.random import sample_normal, sample_uniform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from pytest_robustness.transforms.parametric.base import Floats, Ids, Levels

    Values = Mapping[str, float]

GREY = np.array([0.299, 0.587, 0.114], np.float32).reshape(3, 1, 1)
"""Weights of red, green and blue in the luma of ITU-R BT.601."""


def gamma_brightness_curve(levels: Levels, values: Values) -> Levels:
    """``clip(I ** gamma + brightness, 0, 1)``; ``0 ** 0`` is 1."""
    return np.clip(levels ** values["gamma"] + values["brightness"], 0.0, 1.0)


def contrast_curve(levels: Levels, values: Values) -> Levels:
    """``clip(0.5 + contrast (I - 0.5), 0, 1)``: about the middle grey, so that pixels do not depend on each other."""
    return np.clip(0.5 + values["contrast"] * (levels - 0.5), 0.0, 1.0)


def by_curve(curve: Callable[[Levels, Values], Levels]) -> Callable[[Floats, Values, int, Ids], NDArray[Any]]:
    """Return the change of images that a curve makes of their values."""

    def change(images: Floats, values: Values, seed: int, ids: Ids) -> NDArray[Any]:
        del seed, ids
        # In float64: in float32 a tiny gamma would become 0, and black white.
        return curve(images.astype(np.float64), values)

    return change


def geometry(images: Floats, values: Values, seed: int, ids: Ids) -> Floats:
    """Rotate, shear and scale about the centre in one interpolation, then translate; black comes in from outside."""
    del seed, ids
    angle, slant, size = values["rotation"], values["shear"], values["scale"]
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shear = np.array([[1.0, -math.sin(slant)], [0.0, math.cos(slant)]])
    (a, b), (c, d) = (rotation @ shear / size).tolist()
    moved = images if (angle, slant, size) == (0, 0, 1) else warp(images, ((a, b), (c, d)))
    moved = _shifted(moved, values["translation_y"], down=True)
    return _shifted(moved, values["translation_x"], down=False)


def gaussian_blur(images: Floats, values: Values, seed: int, ids: Ids) -> Floats:
    """Blur with a Gaussian, cut at four standard deviations; the edge pixels go on outside."""
    del seed, ids
    from scipy.ndimage import gaussian_filter

    sigma = values["blur"]
    if sigma == 0:
        return images
    blurred: Floats = gaussian_filter(images, (0, 0, sigma, sigma), mode="nearest")
    return blurred


def saturation(images: Floats, values: Values, seed: int, ids: Ids) -> NDArray[Any]:
    """Move colours away from (> 1) or towards (< 1) the grey of the same luma."""
    del seed, ids
    grey = (images * GREY).sum(axis=1, keepdims=True)
    moved: Floats = grey + np.float32(values["saturation"]) * (images - grey)
    return moved


def occlusion(images: Floats, values: Values, seed: int, ids: Ids) -> NDArray[Any]:
    """Cover a black square of the given side; its centre, uniform over the image, belongs to the image.

    Pixels that are covered in part darken in part, so that the accuracy has no steps at whole numbers.
    """
    height, width = images.shape[-2:]
    centres = _uniform(seed, "occlusion", _key(ids), (2,)) * (height, width)
    rows, columns = (_covered(centres[:, i], values["occlusion"], size) for i, size in enumerate((height, width)))
    covered: Floats = (rows[:, None, :, None] * columns[:, None, None, :]).astype(np.float32)
    darkened: Floats = images * (1 - covered)
    return darkened


def gaussian_noise(images: Floats, values: Values, seed: int, ids: Ids) -> Floats:
    """Add normal noise of the given standard deviation: the same noise at every strength, only more of it."""
    return images + np.float32(values["gaussian_noise"]) * _normal(seed, "gaussian_noise", _key(ids), images.shape[1:])


def salt_and_pepper(images: Floats, values: Values, seed: int, ids: Ids) -> Floats:
    """Turn the given share of the values black or white, half each; a larger share adds to the hits of a smaller."""
    drawn, amount = _uniform(seed, "salt_and_pepper", _key(ids), images.shape[1:]), values["salt_and_pepper"]
    hit: Floats = np.where(drawn < amount / 2, np.float32(0), images)
    return np.where(drawn >= 1 - amount / 2, np.float32(1), hit)


def _shifted(images: Floats, pixels: float, *, down: bool) -> Floats:
    """Translate by a number of pixels that need not be whole: linearly interpolated."""
    if pixels == 0:
        return images
    whole = math.floor(pixels)
    part = np.float32(pixels - whole)
    near, far = (translate(images, shift * down, shift * (not down)) for shift in (whole, whole + 1))
    return (1 - part) * near + part * far


def _covered(centres: NDArray[np.float64], side: float, size: int) -> NDArray[np.float64]:
    """Return the share of each of `size` pixels in a row that lies within side / 2 of the centre, (N, size)."""
    starts = np.arange(size)
    inside = np.minimum(starts + 1, (centres + side / 2)[:, None]) - np.maximum(starts, (centres - side / 2)[:, None])
    share: NDArray[np.float64] = np.clip(inside, 0.0, 1.0)
    return share


def _key(ids: Ids) -> bytes:
    return np.ascontiguousarray(ids, np.int64).tobytes()


# What is drawn does not depend on the point of the surface: the points of a block share it.
@lru_cache(maxsize=2)
def _normal(seed: int, stream: str, ids: bytes, shape: tuple[int, ...]) -> Floats:
    drawn = sample_normal(seed, f"parametric/{stream}", np.frombuffer(ids, np.int64), shape).astype(np.float32)
    drawn.setflags(write=False)
    return drawn


@lru_cache(maxsize=2)
def _uniform(seed: int, stream: str, ids: bytes, shape: tuple[int, ...]) -> NDArray[np.float64]:
    drawn = sample_uniform(seed, f"parametric/{stream}", np.frombuffer(ids, np.int64), shape)
    drawn.setflags(write=False)
    return drawn
