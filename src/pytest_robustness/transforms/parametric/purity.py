"""Whether the user's own function is what it must be: pure, and without effect where it is said to change nothing."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.errors import ParameterError
from pytest_robustness.transforms.parametric.base import unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.transforms.parametric.base import Floats, Ids, Transform

LOOKED_AT = 8
"""Images that a function is tried on."""

AMONG = 500
"""Images that these are chosen from."""

ROUNDING = 1e-5
"""Differences that the order of a sum leaves between batches, at most."""

HALF_A_LEVEL = 1 / 510
"""What rounding to 8 bits changes, at most; what is not more than this counts as unchanged."""

NOISE = (
    "Let it take the arguments seed and ids, and draw with "
    "pytest_robustness.transforms.sample_normal(seed, 'name', ids, images.shape[1:])."
)
ONE_BY_ONE = (
    "Treat each image by itself: images.min(axis=(1, 2, 3), keepdims=True) instead of images.min(), for instance."
)


def telling_images(images: NDArray[np.generic]) -> NDArray[np.int64]:
    """Return positions of a few images, (N, C, H, W): the first, and those with the most unlike pixels.

    A function that normalises over its batch does nothing to images that are all as dark and as bright as each other.
    """
    flat = np.asarray(images[:AMONG]).reshape(min(len(images), AMONG), -1)
    means, low, high = flat.mean(axis=1), flat.min(axis=1), flat.max(axis=1)
    extremes = [means.argmin(), means.argmax(), low.argmax(), high.argmin()]
    return np.array(list(dict.fromkeys([*map(int, extremes), *range(len(flat))]))[:LOOKED_AT], np.int64)


def check_pure(
    transform: Transform, images: NDArray[np.generic], points: Sequence[Mapping[str, float]], *, seed: int, ids: Ids
) -> None:
    """Refuse a function whose result depends on anything but an image, the values, the seed and the id of the image.

    It is called with the same images twice, in reversed order, and one by one.

    Parameters
    ----------
    transform : Transform
        Made of the user's own function.
    images : array (N, C, H, W)
        A few real ones, see `telling_images`.
    points : sequence of mappings
        Values of all parameters.
    seed : int
    ids : array of int, (N,)

    Raises
    ------
    ParameterError
        Saying what the result depends on, and how to mend it.
    """
    pixels = unit(np.asarray(images))

    def changed(rows: slice, values: Mapping[str, float]) -> Floats:
        return np.array(transform.change(pixels[rows], values, seed, ids[rows]))

    for values in points:
        before = _global_states()
        first = changed(slice(None), values)
        drawn = "" if _global_states() == before else ", and draws from the global random state"
        if _differ(first, changed(slice(None), values)):
            what = f"the transform {transform.name} makes something else of the same images from call to call{drawn}"
            raise ParameterError(what, got=dict(values), allowed="a pure function", mend=NOISE)
        if _differ(first, changed(slice(None, None, -1), values)[::-1]):
            what = f"what the transform {transform.name} makes of an image depends on its place in the batch{drawn}"
            raise ParameterError(what, got=dict(values), allowed="a pure function", mend=NOISE)
        single = np.concatenate([changed(slice(i, i + 1), values) for i in range(len(pixels))])
        if _differ(first, single):
            what = f"what the transform {transform.name} makes of an image depends on the others in the batch{drawn}"
            raise ParameterError(what, got=dict(values), allowed="a pure function", mend=ONE_BY_ONE)


def stay_unchanged(
    transform: Transform, images: NDArray[np.generic], values: Mapping[str, float], *, seed: int, ids: Ids
) -> NDArray[np.bool_]:
    """Return which images (N, C, H, W) a transform leaves as they are but for rounding to 8 bits, (N,)."""
    pixels = unit(np.asarray(images))
    changes = np.abs(transform.change(pixels, values, seed, ids) - pixels)
    same: NDArray[np.bool_] = changes.reshape(len(pixels), -1).max(axis=1) <= HALF_A_LEVEL + ROUNDING
    return same


def _differ(one: Floats, other: Floats) -> bool:
    return bool(np.abs(one - other).max(initial=0.0) > ROUNDING)


def _global_states() -> tuple[object, ...]:
    """Return the states that functions share unseen; they are only looked at."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), str(name), np.asarray(keys).tobytes(), *rest
