"""Images moved: translated, rotated, scaled and sheared about their centre.

All interpolate bilinearly, and what comes in from outside is black (0). Arrays are (..., H, W), of uint8 (results are
rounded to the nearest, halves to even) or of floats (results keep their type). The input is never changed.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Pixel = TypeVar("Pixel", np.uint8, np.float32, np.float64)
Matrix = tuple[tuple[float, float], tuple[float, float]]


def translate(images: npt.NDArray[Pixel], down: int, right: int) -> npt.NDArray[Pixel]:
    """Move images by whole pixels.

    Parameters
    ----------
    images : ndarray, shape (..., H, W)
    down, right : int
        Pixels, negative for the other direction.

    Returns
    -------
    ndarray, the shape and type of `images`
    """
    moved = np.zeros_like(images)
    rows_to, rows_from = _overlap(down, images.shape[-2])
    columns_to, columns_from = _overlap(right, images.shape[-1])
    moved[..., rows_to, columns_to] = images[..., rows_from, columns_from]
    return moved


def rotate(images: npt.NDArray[Pixel], radians: float) -> npt.NDArray[Pixel]:
    """Rotate images about their centre, counter-clockwise for positive angles as they are shown (row 0 on top).

    Parameters
    ----------
    images : ndarray, shape (..., H, W)
    radians : float

    Returns
    -------
    ndarray, the shape and type of `images`
    """
    cosine, sine = math.cos(radians), math.sin(radians)
    return warp(images, ((cosine, -sine), (sine, cosine)))


def scale(images: npt.NDArray[Pixel], factor: float) -> npt.NDArray[Pixel]:
    """Scale images about their centre; the frame keeps its size.

    Parameters
    ----------
    images : ndarray, shape (..., H, W)
    factor : float
        Size of the content afterwards in units of its size before, > 0: 0.7 shrinks it.

    Returns
    -------
    ndarray, the shape and type of `images`
    """
    return warp(images, ((1 / factor, 0.0), (0.0, 1 / factor)))


def shear(images: npt.NDArray[Pixel], radians: float) -> npt.NDArray[Pixel]:
    """Shear images along x about their centre, by ``[[1, -sin s], [0, cos s]]`` from output to input.

    This is the matrix that MNIST-C was made with. It shortens y by the cosine too, and is not a shear in today's
    sense, ``[[1, -tan s], [0, 1]]``, to which the library behind it has changed since.

    Parameters
    ----------
    images : ndarray, shape (..., H, W)
    radians : float

    Returns
    -------
    ndarray, the shape and type of `images`
    """
    return warp(images, ((1.0, -math.sin(radians)), (0.0, math.cos(radians))))


def warp(images: npt.NDArray[Pixel], matrix: Matrix) -> npt.NDArray[Pixel]:
    """Map images linearly about their centre ((W - 1) / 2, (H - 1) / 2).

    Parameters
    ----------
    images : ndarray, shape (..., H, W)
    matrix : tuple, shape (2, 2)
        From (x, y) of the output to (x, y) of the input, both relative to the centre.

    Returns
    -------
    ndarray, the shape and type of `images`
    """
    height, width = images.shape[-2:]
    # One sparse matrix for the whole batch; each image is a column of its own, so that no image depends on another.
    columns = np.ascontiguousarray(images.reshape(-1, height * width).T, dtype=np.float64)
    moved = cast("npt.NDArray[np.float64]", _interpolation(matrix, height, width) @ columns)
    warped = moved.T.reshape(images.shape)
    if images.dtype == np.uint8:
        np.rint(warped, out=warped)
    return warped.astype(images.dtype, order="C")


def _overlap(shift: int, size: int) -> tuple[slice, slice]:
    """Where the part that stays in view goes, and where it comes from, along one axis."""
    shift = max(-size, min(size, shift))
    return slice(max(0, shift), size + min(0, shift)), slice(max(0, -shift), size - max(0, shift))


@lru_cache(maxsize=64)
def _interpolation(matrix: Matrix, height: int, width: int) -> csr_array[np.float64]:
    """Bilinear interpolation as a sparse matrix (H * W, H * W) from input pixels to output pixels."""
    from scipy.sparse import csr_array

    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    y, x = np.mgrid[:height, :width].reshape(2, -1) - np.array([[centre_y], [centre_x]])
    (a, b), (c, d) = matrix
    source_x, source_y = a * x + b * y + centre_x, c * x + d * y + centre_y
    left, top = np.floor(source_x).astype(np.intp), np.floor(source_y).astype(np.intp)
    # The four neighbours of a source point, each weighted by the area opposite to it; neighbours outside are black.
    corners = [(top + i, left + j) for i in (0, 1) for j in (0, 1)]
    weights = [(1 - np.abs(source_y - row)) * (1 - np.abs(source_x - column)) for row, column in corners]
    rows, columns = (np.concatenate(part) for part in zip(*corners, strict=True))
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    targets = np.tile(np.arange(height * width), len(corners))
    entries = (targets[inside], rows[inside] * width + columns[inside])
    return csr_array((np.concatenate(weights)[inside], entries), shape=(height * width, height * width))
