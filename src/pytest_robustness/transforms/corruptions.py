"""The corruptions of MNIST-C by name, for any images.

Mu & Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision", 2019, arXiv:1906.02337. What is random in an image
comes from a generator of its own (see `pytest_robustness.transforms.random`), keyed by the image's id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from pytest_robustness.errors import ParameterError, unknown_name
from pytest_robustness.transforms import geometric, noise
from pytest_robustness.transforms.photometric import brighten, invert_stripes
from pytest_robustness.transforms.random import checked_id, sample_uniform

Images = npt.NDArray[np.uint8]
Apply = Callable[[Images, int, Sequence[int]], Images]


def corrupt(
    images: npt.ArrayLike,
    name: str,
    *,
    seed: int = 0,
    severity: int | None = None,
    ids: Iterable[int] | None = None,
) -> npt.NDArray[np.uint8]:
    """Corrupt images as MNIST-C does, at its one severity.

    ============= ===================================================================================
    brightness    0.5 is added to the value (HSV) of each pixel, clipped at 1; for grey, to the pixel
    stripe        the left and the right quarter of the columns are inverted
    translate     moved by 3 pixels in x and in y, each to a random side
    rotate        turned by 0.4 rad, to a random side
    scale         shrunk to 70 %
    shear         sheared by 0.4 rad to a random side, with the old matrix of `geometric.shear`
    shot_noise    ``Poisson(3 x) / 3``
    impulse_noise 8.5 % of the pixels black, 8.5 % white
    ============= ===================================================================================

    Lengths in pixels are meant for 28 x 28 and grow in proportion with the height and the width of the images, rounded,
    and never below one pixel.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W) or (N, C, H, W) with C = 1 (grey) or 3 (RGB)
        Never changed.
    name : str
        One of `CORRUPTIONS`.
    seed : int, optional
        Of the run.
    severity : None
        The corruptions here have one level, the default of the published generator.
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
        If the name is not known, a severity is given, the images are not uint8 of one of the shapes above, or there
        is not one id for each image.
    """
    if name not in CORRUPTIONS:
        raise unknown_name("corruption", name, CORRUPTIONS)
    if severity is not None:
        raise ParameterError(
            f"{name} has one level of severity", got=severity, allowed="None", mend="Leave severity away."
        )
    checked = _checked_images(images)
    known_ids = range(len(checked)) if ids is None else _checked_ids(ids, len(checked))
    return _APPLY[name](checked, seed, known_ids)


def _fixed(transform: Callable[[Images], Images]) -> Apply:
    def apply(images: Images, _seed: int, _ids: Sequence[int]) -> Images:
        return transform(images)

    return apply


def _noisy(stream: str, transform: Callable[[Images, npt.NDArray[np.float64]], Images]) -> Apply:
    def apply(images: Images, seed: int, ids: Sequence[int]) -> Images:
        return transform(images, sample_uniform(seed, f"corruption/{stream}", ids, images.shape[1:]))

    return apply


def _to_a_side(stream: str, transform: Callable[[Images, int], Images]) -> Apply:
    """Transform each image with a random sign, one call for each of the two signs."""

    def apply(images: Images, seed: int, ids: Sequence[int]) -> Images:
        negative = sample_uniform(seed, f"corruption/{stream}", ids, ()) < 0.5
        moved = np.empty_like(images)
        for sign, chosen in ((-1, negative), (1, ~negative)):
            moved[chosen] = transform(images[chosen], sign)
        return moved

    return apply


def _translate(images: Images, seed: int, ids: Sequence[int]) -> Images:
    down, right = (max(1, round(3 * size / 28)) for size in images.shape[-2:])
    negative = sample_uniform(seed, "corruption/translate", ids, (2,)) < 0.5
    moved = np.empty_like(images)
    for up, left in ((False, False), (False, True), (True, False), (True, True)):
        chosen = (negative == (up, left)).all(axis=1)
        moved[chosen] = geometric.translate(images[chosen], -down if up else down, -right if left else right)
    return moved


_APPLY: dict[str, Apply] = {
    "brightness": _fixed(lambda images: brighten(images, 0.5)),
    "stripe": _fixed(lambda images: invert_stripes(images, 0.25)),
    "translate": _translate,
    "rotate": _to_a_side("rotate", lambda images, sign: geometric.rotate(images, 0.4 * sign)),
    "scale": _fixed(lambda images: geometric.scale(images, 0.7)),
    "shear": _to_a_side("shear", lambda images, sign: geometric.shear(images, 0.4 * sign)),
    "shot_noise": _noisy("shot_noise", noise.shot_noise),
    "impulse_noise": _noisy("impulse_noise", noise.impulse_noise),
}

CORRUPTIONS: tuple[str, ...] = tuple(_APPLY)
"""Names of the corruptions, in the order in which they are shown."""


def _checked_images(images: npt.ArrayLike) -> Images:
    pixels = np.asarray(images)
    if pixels.dtype != np.uint8:
        raise ParameterError(
            "corruptions need 8-bit images",
            got=str(pixels.dtype),
            allowed="uint8",
            mend="Convert floats in [0, 1] with numpy.rint(255 * images).astype(numpy.uint8).",
        )
    if pixels.ndim not in (3, 4) or (pixels.ndim == 4 and pixels.shape[1] not in (1, 3)) or 0 in pixels.shape[1:]:
        raise ParameterError(
            "images have an impossible shape",
            got=pixels.shape,
            allowed="(N, H, W), or (N, C, H, W) with C = 1 (grey) or 3 (RGB)",
            mend="Move channels to the front with numpy.moveaxis(images, -1, 1) where they are last.",
        )
    return pixels


def _checked_ids(ids: Iterable[int], n: int) -> list[int]:
    known = [checked_id(i) for i in ids]
    if len(known) != n:
        raise ParameterError("there must be one id for each image", got=f"{len(known)} ids", allowed=f"{n} ids")
    return known
