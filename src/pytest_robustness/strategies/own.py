"""The user's own function as a change that is searched over: tried before it is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import ParameterError
from pytest_robustness.strategies.change import Change, Limits, limits_of
from pytest_robustness.transforms import parametric
from pytest_robustness.transforms.parametric import Transform, check_pure, function_name, stay_unchanged, telling_images

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray


def own_transform(function: Callable[..., Any], **ranges: Any) -> Change:
    """Make a transform of a pure function with named parameters.

    Parameters
    ----------
    function : callable
        Takes images, float32 (N, C, H, W) in [0, 1], and the parameters by keyword; returns images of the same shape.
        Where it has arguments ``seed`` and ``ids``, it is given the seed and the identities of the images.
    **ranges : (low, high) or (low, high, identity)
        The range of each parameter. The identity, which changes nothing, is the function's own default unless it is
        given.

    Raises
    ------
    ParameterError
        For what is no function, a function without a range, and a range that is empty or does not hold the identity;
        with the first images, for a function that is not pure, or that changes images at the identity.
    """
    name = getattr(function, "__name__", None) or function_name(function)
    if callable(function) and not ranges:
        mend = f"Name a parameter of {name} with its range: shift=(0, 3), or (low, high, identity)."
        raise ParameterError("a function needs a range to be searched", got=name, mend=mend)
    transform = parametric.own_transform(function, ranges)
    limits = {one: limits_of(one, given, transform.parameters[one].identity) for one, given in ranges.items()}
    return Change(name, limits, tried(transform, limits), made_by=own_code(name, limits))


def tried(transform: Transform, limits: Mapping[str, Limits]) -> Callable[..., NDArray[np.float32]]:
    """Return how an own transform is applied: it is tried at its first image, and at its first batch of several."""
    tried: set[bool] = set()

    def apply(images: NDArray[np.float32], *, seed: int, ids: Any, **values: float) -> NDArray[np.float32]:
        several = len(images) > 1
        if len(images) and several not in tried:
            rows = telling_images(images)
            some, keys = images[rows], np.asarray(ids)[rows]
            check_pure(transform, some, [transform.full(values)], seed=seed, ids=keys)
            still = {name: identity for name, (_, _, identity) in limits.items()}
            if not stay_unchanged(transform, some, still, seed=seed, ids=keys).all():
                what = f"the transform {transform.name} changes images where it is to change nothing"
                mend = f"Give what changes nothing as the default, or {next(iter(still))}=(low, high, identity)."
                raise ParameterError(what, got=still, mend=mend)
            tried.add(several)
        return transform.apply(images, seed=seed, ids=ids, **values)

    return apply


def own_code(name: str, limits: Mapping[str, Limits]) -> str:
    """Return the call that makes an own transform; a function without a name of its own is called ``function``."""
    ranges = ", ".join(f"{one}={given!r}" for one, given in limits.items())
    return f"own_transform({name if name.isidentifier() else 'function'}, {ranges})"
