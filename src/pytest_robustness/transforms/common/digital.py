"""What happens to images on computers: contrast, elastic distortion, pixelation and JPEG."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pytest_robustness.transforms.common.batch import BASE_SIZE

if TYPE_CHECKING:
    from pytest_robustness.transforms.common.batch import Batch, Floats

CONTRAST = (0.75, 0.5, 0.4, 0.3, 0.15)
"""Factor on the distance of a value from the mean of its channel."""

ELASTIC = ((0.0, 0.0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03))
"""Size and smoothness of the distortion, and of the affine map before it, in units of the side."""

PIXELATE = (0.95, 0.9, 0.85, 0.75, 0.65)
"""Side of the coarse image in units of that of the image."""

JPEG_QUALITY = (80, 65, 58, 50, 40)


def contrast(batch: Batch, severity: int) -> Floats:
    """Draw all values towards the mean of their channel in the image, by `CONTRAST`."""
    means = batch.images.mean(axis=(2, 3), keepdims=True) / 255
    drawn: Floats = ((batch.unit - means) * CONTRAST[severity - 1] + means).astype(np.float32)
    return drawn


def elastic_transform(batch: Batch, severity: int) -> Floats:
    """Map the image affinely, then move each pixel a little, its neighbours likewise, `ELASTIC`.

    The affine map moves three points, at a third of the side from the centre, by uniform amounts; outside, the image is
    mirrored. At the lowest severity it is all that happens, and larger than at any other: that is how the release has
    it, whose levels are not in the order of the distance that pixels move.
    """
    size, smoothness, amount = (BASE_SIZE * batch.growth * value for value in ELASTIC[severity - 1])
    height, width = batch.images.shape[-2:]
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    y, x = _affine(batch, amount)
    moved = bilinear(batch.unit, y, x, half=False)
    if size == 0:
        return moved
    right, down = _smooth_noise(batch, smoothness).swapaxes(0, 1) * size
    return bilinear(moved, rows + down, columns + right, half=True)


def pixelate(batch: Batch, severity: int) -> Floats:
    """Average down to a coarse image, `PIXELATE`, and blow its pixels up again; rounded in between, as Pillow does."""
    share, pixels = PIXELATE[severity - 1], batch.images.astype(np.float32)
    height, width = pixels.shape[-2:]
    for rows, columns in (
        (_box_matrix(height, int(share * height)), _box_matrix(width, int(share * width))),
        (_box_matrix(int(share * height), height), _box_matrix(int(share * width), width)),
    ):
        pixels = np.floor(pixels @ columns.T + np.float32(0.5))
        pixels = np.floor(rows @ pixels + np.float32(0.5))
    return pixels / np.float32(255)


def jpeg_compression(batch: Batch, severity: int) -> npt.NDArray[np.uint8]:
    """Write each image as a JPEG of `JPEG_QUALITY` with Pillow, and read it again."""
    from PIL import Image

    compressed = np.empty_like(batch.images)
    for row, image in enumerate(batch.images):
        file = BytesIO()
        pixels = image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
        Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY[severity - 1])
        read = np.asarray(Image.open(file))
        compressed[row] = read if len(image) == 1 else read.transpose(2, 0, 1)
    return compressed


def bilinear(
    images: Floats, y: npt.NDArray[np.float64], x: npt.NDArray[np.float64], *, half: bool
) -> npt.NDArray[np.float32]:
    """Read each image between its pixels.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
    y, x : ndarray, shape (N, H, W)
        Where to read, in pixels.
    half : bool
        Outside, the images are mirrored: about the edge of the outermost pixels (their centre plus one half), or about
        the centre of those.
    """
    n, channels, height, width = images.shape
    top, left = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
    below, beside = (y - top).astype(np.float32), (x - left).astype(np.float32)
    flat = images.reshape(n, channels, -1)
    total = np.zeros_like(images)
    for i, of_row in ((0, 1 - below), (1, below)):
        for j, of_column in ((0, 1 - beside), (1, beside)):
            at = _folded(top + i, height, half=half) * width + _folded(left + j, width, half=half)
            values = np.take_along_axis(flat, at.reshape(n, 1, -1), axis=2).reshape(total.shape)
            total += values * (of_row * of_column)[:, None]
    return total


def _folded(index: npt.NDArray[np.intp], size: int, *, half: bool) -> npt.NDArray[np.intp]:
    """Return the indices of the pixels that mirrored ones are copies of."""
    period = 2 * size if half else 2 * size - 2
    index = index % period
    return np.minimum(index, (period - 1 if half else period) - index)


def _affine(batch: Batch, amount: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return where each pixel of the affinely mapped images comes from: y and x, each of shape (N, H, W)."""
    height, width = batch.images.shape[-2:]
    reach, centre = min(height, width) // 3, np.array([width // 2, height // 2])
    before = centre + reach * np.array([[1, 1], [1, -1], [-1, -1]])
    after = before + amount * (2 * batch.uniform("elastic/affine", (3, 2)) - 1)
    homogeneous = np.concatenate([after, np.ones((len(after), 3, 1))], axis=2)
    back = np.linalg.solve(homogeneous, np.broadcast_to(before.astype(np.float64), after.shape))[..., None, None]
    rows, columns = np.mgrid[:height, :width]
    x, y = (back[:, 0, k] * columns + back[:, 1, k] * rows + back[:, 2, k] for k in (0, 1))
    return y, x


def _smooth_noise(batch: Batch, deviation: float) -> npt.NDArray[np.float64]:
    """Return two maps of noise for each image, shape (N, 2, H, W): uniform on [-1, 1], smoothed by a Gaussian."""
    from scipy.ndimage import gaussian_filter

    uniform = 2 * batch.uniform("elastic/noise", (2, *batch.images.shape[-2:])) - 1
    smooth: npt.NDArray[np.float64] = gaussian_filter(uniform, (0, 0, deviation, deviation), mode="reflect", truncate=3)
    return smooth


@lru_cache(maxsize=32)
def _box_matrix(size: int, to: int) -> npt.NDArray[np.float32]:
    """Return the matrix (to, size) by which Pillow's box filter resizes one axis."""
    from PIL import Image

    resized = Image.fromarray(np.eye(size, dtype=np.float32)).resize((size, to), Image.Resampling.BOX)
    return np.asarray(resized, np.float32)
