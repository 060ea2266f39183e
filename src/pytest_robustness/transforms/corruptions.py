"""The corruptions of MNIST-C by name, for any images.

Mu & Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision", 2019, arXiv:1906.02337. What is random in an image
comes from a generator of its own (see `pytest_robustness.transforms.random`), keyed by the image's id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pytest_robustness.errors import ParameterError, unknown_name
from pytest_robustness.transforms.checks import checked_ids, checked_images
from pytest_robustness.transforms.mnist_c import REGISTRY, Corruption, Draws

if TYPE_CHECKING:
    from collections.abc import Iterable

Images = npt.NDArray[np.uint8]

CORRUPTIONS: tuple[str, ...] = tuple(REGISTRY)
"""Names of the corruptions in the order of the paper's table, after ``identity``, which changes nothing."""

MNIST_C: tuple[str, ...] = tuple(name for name in CORRUPTIONS if name != "identity")
"""Names of the fifteen corruptions of MNIST-C."""

PIXELS_TOGETHER = 2**20
"""Images are worked on in groups whose memory stays in the cache of a processor; results do not depend on it."""

SMALLEST_SIDE = 8
"""Height and width from which on the corruptions mean something."""


def corrupt(
    images: npt.ArrayLike,
    name: str,
    *,
    seed: int = 0,
    severity: int | None = None,
    ids: Iterable[int] | None = None,
) -> npt.NDArray[np.uint8]:
    """Corrupt images as MNIST-C does.

    ============= ===================================================================================
    identity      nothing is changed
    shot_noise    photons are counted, c for a white pixel: ``min(Poisson(c x) / c, 1)``
    impulse_noise a share of the pixels is black or white, half each
    glass_blur    blurred along the columns, pixels swapped with near ones, blurred again
    motion_blur   blurred along a line from the right, up to 45 degrees up or down
    shear         sheared to a random side, with the old matrix of `geometric.shear`
    scale         shrunk
    rotate        turned to a random side
    brightness    added to the value (HSV) of each pixel, clipped at 1; for grey, to the pixel
    translate     moved in x and in y, each to a random side
    stripe        the left and the right quarter of the columns are inverted
    fog           a plasma fractal is added, and the sum scaled to the brightest pixel of the image
    spatter       drops of mud on the lens
    dotted_line   a line across the image, 2 pixels of every 4
    zigzag        a zigzag across the image
    canny_edges   white where scikit-image's Canny detector sees an edge, black elsewhere
    ============= ===================================================================================

    Lengths in pixels are meant for 28 x 28 and grow in proportion with the height and the width of the images; where
    pixels are counted they are rounded, and never below one. Fog is the exception: its map has 256 pixels a side for
    all images up to that size, and the next power of two for larger ones. Colour images meet fog, mud, lines and
    swapped pixels alike in all channels, noise in each channel on its own; their edges are those of the luma.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W) or (N, C, H, W) with C = 1 (grey) or 3 (RGB)
        Never changed.
    name : str
        One of `CORRUPTIONS`.
    seed : int, optional
        Of the run.
    severity : int, optional
        1 (mildest) to 5, for corruptions for which the published generator has levels: not for identity, stripe,
        dotted_line, zigzag and canny_edges. By default the level of MNIST-C: 5 for shot_noise, brightness and fog, 4
        for impulse_noise and spatter, 3 for scale and translate, 2 for shear and rotate, 1 for the blurs.
    ids : iterable of int, length N, optional
        Identities of the images in their data set; default 0 to N - 1. An image's noise follows its id, so that a part
        of a data set meets the same noise as the whole.

    Returns
    -------
    ndarray of uint8, the shape of `images`
        A new array; rounded to the nearest, halves to even.

    Raises
    ------
    ParameterError
        If the name is not known, the corruption has no such severity, the images are not uint8 of one of the shapes
        above or have less than 8 pixels a side, or there is not one id for each image.
    """
    if not isinstance(name, str) or name not in REGISTRY:
        raise unknown_name("corruption", name, CORRUPTIONS)
    corruption = REGISTRY[name]
    constants = corruption.levels[_checked_level(name, corruption, severity) - 1]
    pixels = checked_images(images, smallest=SMALLEST_SIDE)
    known = checked_ids(ids, len(pixels))
    corrupted = np.empty_like(pixels, order="C")
    together = max(1, PIXELS_TOGETHER // corruption.pixels(pixels.shape[1:]))
    for start in range(0, len(pixels), together):
        part = slice(start, start + together)
        corrupted[part] = corruption.apply(pixels[part], Draws(seed, f"corruption/{name}", known[part]), *constants)
    return corrupted


def _checked_level(name: str, corruption: Corruption, severity: object) -> int:
    if severity is None:
        return corruption.standard
    levels = len(corruption.levels)
    if levels == 1:
        graded = ", ".join(name for name, known in REGISTRY.items() if len(known.levels) > 1)
        raise ParameterError(
            f"{name} has one level of severity",
            got=severity,
            allowed="None",
            mend=f"Leave severity away; these have levels: {graded}.",
        )
    if isinstance(severity, bool) or not isinstance(severity, int | np.integer) or not 1 <= severity <= levels:
        raise ParameterError(
            f"{name} has no such level of severity",
            got=severity,
            allowed=f"whole numbers from 1 to {levels}, or None for the level of MNIST-C, {corruption.standard}",
        )
    return int(severity)
