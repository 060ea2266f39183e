"""Blur: of a lens out of focus, of frosted glass, of motion and of zooming while the shutter is open."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from pytest_robustness.transforms.blur import drawn_out

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from pytest_robustness.transforms.common.batch import Batch, Floats

DEFOCUS = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))
"""Radius of the disk, and standard deviation of the Gaussian that smooths its edge."""

GLASS = ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2))
"""Standard deviation of the blur, farthest displacement, and number of passes."""

MOTION = ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5))
"""Radius and standard deviation of the trace."""

ZOOM = (1.06, 1.11, 1.16, 1.21, 1.26)
"""Where the factors end that start at 1 in steps of 0.01."""


def defocus_blur(batch: Batch, severity: int) -> Floats:
    """Average over a disk with a smoothed edge, `DEFOCUS`; images are mirrored about their outermost pixels."""
    from scipy.ndimage import correlate

    radius, smoothing = DEFOCUS[severity - 1]
    kernel = disk(radius * batch.growth, smoothing * batch.growth, batch.length(1))
    blurred: Floats = correlate(batch.unit, kernel[None, None], mode="mirror")
    return blurred


def disk(radius: float, smoothing: float, reach: int) -> npt.NDArray[np.float64]:
    """Return a disk of sum 1 whose edge a Gaussian of (2 reach + 1) x (2 reach + 1) pixels smooths."""
    side = int(radius) + reach
    offsets = np.arange(-side, side + 1)
    inside = (offsets[:, None] ** 2 + offsets**2 <= radius**2).astype(np.float64)
    gaussian = np.exp(-0.5 * (np.arange(-reach, reach + 1) / smoothing) ** 2)
    gaussian /= gaussian.sum()
    for axis in (0, 1):
        inside = np.apply_along_axis(np.convolve, axis, inside, gaussian, mode="same")
    return cast("npt.NDArray[np.float64]", inside / inside.sum())


def glass_blur(batch: Batch, severity: int) -> Floats:
    """Blur, let each pixel take the value of one up to `GLASS` pixels before it, and blur again.

    The published code means to exchange two pixels. On the colour images that it was run on it overwrites one with the
    other, for both names are views of one array; the released images show that, and so do these. Where lengths have
    grown, pixels after it are candidates as well; all are read before any is written.
    """
    deviation, farthest, passes = GLASS[severity - 1]
    reach = batch.length(farthest)
    blurred = _gaussian_blur(batch.unit, deviation * batch.growth)
    n, channels, height, width = blurred.shape
    inner = (slice(reach + 1, height - reach + 1), slice(reach + 1, width - reach + 1))
    rows, columns = np.mgrid[inner]
    offsets = np.floor(batch.uniform("glass_blur", (2, 2, *rows.shape)) * 2 * reach).astype(np.intp) - reach
    for down, right in (offsets[:, k].swapaxes(0, 1) for k in range(passes)):
        source = ((rows + down) * width + columns + right).reshape(n, 1, -1)
        taken = np.take_along_axis(blurred.reshape(n, channels, -1), source, axis=2)
        blurred[(..., *inner)] = taken.reshape(n, channels, *rows.shape)
    return _gaussian_blur(blurred, deviation * batch.growth)


def motion_blur(batch: Batch, severity: int) -> Floats:
    """Draw each pixel out along a line, `MOTION`, at an angle between -45 and 45 degrees."""
    radius, deviation = MOTION[severity - 1]
    angles = np.deg2rad(90 * batch.uniform("motion_blur", ()) - 45)
    return trailed(batch.unit, batch.length(radius), deviation * batch.growth, angles)


def trailed(images: Floats, radius: int, deviation: float, angles: npt.NDArray[np.float64]) -> Floats:
    """Blur each image along a line of its own, to one side, as the motion blur of ImageMagick does.

    Pixels up to 2 radius away count, the i-th with ``exp(-i**2 / (2 deviation**2))``; see `drawn_out`.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
    radius : int
    deviation : float
        Standard deviation in pixels.
    angles : ndarray, shape (N,)
        In radians.
    """
    weights = np.exp(-0.5 * (np.arange(2 * radius + 1) / deviation) ** 2)
    return drawn_out(images, angles, (weights / weights.sum()).astype(np.float32))


def zoom_blur(batch: Batch, severity: int) -> Floats:
    """Average an image and its enlargements about the centre, `ZOOM`; the image itself counts twice."""
    n, channels, height, width = batch.images.shape
    columns = np.ascontiguousarray(batch.unit.reshape(-1, height * width).T)
    # One sparse matrix for the whole batch; each image is a column of its own, so that no image depends on another.
    blurred = cast("Floats", _zooms(ZOOM[severity - 1], height, width) @ columns)
    return blurred.T.reshape(n, channels, height, width)


def enlargement(size: int, factor: float) -> npt.NDArray[np.float64]:
    """Return the matrix (size, size) that enlarges one axis about its middle, linearly interpolated, and crops it."""
    from scipy.ndimage import zoom

    kept = int(np.ceil(size / factor))
    first = (size - kept) // 2
    enlarged = zoom(np.eye(size)[first : first + kept], (factor, 1), order=1)
    cut = (len(enlarged) - size) // 2
    return np.asarray(enlarged[cut : cut + size], np.float64)


@lru_cache(maxsize=16)
def _zooms(end: float, height: int, width: int) -> csr_array[np.float32]:
    from scipy.sparse import csr_array, eye_array, kron

    factors = np.arange(1, end, 0.01)
    total = csr_array(eye_array(height * width))
    for factor in factors:
        rows, columns = (csr_array(enlargement(side, factor)) for side in (height, width))
        total = csr_array(total + csr_array(kron(rows, columns)))
    return cast("csr_array[np.float32]", (total / (len(factors) + 1)).astype(np.float32))


def _gaussian_blur(images: Floats, deviation: float) -> Floats:
    """Return images blurred by a Gaussian cut at 4 deviations; outside, the outermost pixels go on."""
    from scipy.ndimage import gaussian_filter

    blurred: Floats = gaussian_filter(images, (0, 0, deviation, deviation), mode="nearest", truncate=4)
    return blurred
