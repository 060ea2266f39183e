"""The transforms that perturbations are made of: by name, over a box of ranges, or towards a given image."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import ParameterError, unknown_name
from pytest_robustness.strategies.change import Change, Limits, limits_of
from pytest_robustness.strategies.own import own_code, tried
from pytest_robustness.transforms.parametric import PARAMETERS, TRANSFORMS, Transform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

RANGES: dict[str, tuple[float, float]] = {
    "rotation": (-math.pi, math.pi),
    "translation_x": (-10.0, 10.0),
    "translation_y": (-10.0, 10.0),
    "scale": (0.25, 4.0),
    "shear": (-1.2, 1.2),
    "blur": (0.0, 5.0),
    "saturation": (0.0, 4.0),
    "gamma": (0.0, 10.0),
    "brightness": (-1.0, 1.0),
    "contrast": (0.0, 4.0),
    "occlusion": (0.0, 28.0),
    "gaussian_noise": (0.0, 1.0),
    "salt_and_pepper": (0.0, 1.0),
}
"""What is searched unless a range is given: lengths in pixels, meant for images of about 28 x 28; angles in radians."""


def _change(transform: Transform, ranges: Mapping[str, tuple[float, float]]) -> Change:
    """Return a transform whose other parameters stay at what changes nothing."""
    known = {name: transform.parameters[name] for name in ranges}
    (name,) = ranges if len(ranges) == 1 else (transform.name,)
    return Change(
        name=repr(name),
        parameters={one: (*ranges[one], known[one].identity or 0.0) for one in known},
        apply=transform.apply,
        bounds={one: (parameter.low, parameter.high) for one, parameter in known.items()},
        colors=transform.colors,
    )


def searched(transform: Transform, ranges: Mapping[str, tuple[float, float]]) -> Change:
    """Return a transform to be searched over a box of its parameters, widened to hold what changes nothing.

    Raises
    ------
    ParameterError
        Where it is not known what changes nothing.
    """
    wider = {}
    for name, (low, high) in ranges.items():
        identity = transform.parameters[name].identity
        if identity is None:
            mend = f"Give {name} a default in the function: it is taken for the value that changes nothing."
            raise ParameterError(
                f"the value of {name} that changes nothing is not known", got=transform.name, mend=mend
            )
        wider[name] = (min(low, identity), max(high, identity))
    change = _change(transform, wider)
    if TRANSFORMS.get(transform.name) is transform:
        return change
    made_by = own_code(transform.name, change.parameters)
    return replace(change, name=transform.name, apply=tried(transform, change.parameters), made_by=made_by)


NAMED: dict[str, Change] = {
    **{name: _change(PARAMETERS[name], {name: RANGES[name]}) for name in RANGES},
    **{
        name: _change(transform, {one: RANGES[one] for one in transform.parameters})
        for name, transform in TRANSFORMS.items()
        if len(transform.parameters) > 1
    },
}
"""Each parameter by itself, and the transforms of several parameters."""


def named(name: object) -> Change:
    """Return a transform by its name; what already is one is returned as it is.

    Raises
    ------
    ParameterError
        If there is none of this name.
    """
    if isinstance(name, Change):
        return name
    if not isinstance(name, str) or name not in NAMED:
        raise unknown_name("transform", name, NAMED)
    return NAMED[name]


def towards(target: Any, *, text: str = "target", label: str = "") -> Change:
    """Return the transform ``(1 - strength) * images + strength * target``, with ``strength`` from 0 to 1.

    Parameters
    ----------
    target : array of shape (N, C, H, W) or (C, H, W)
        Where it leads, uint8 or floats in [0, 1]: images under attack, or corrupted. One for all images, or one each.
    text : str, optional
        The code that makes the target, where a perturbation is printed.
    label : str, optional
        A short text for tables.
    """
    goal = np.asarray(target)
    pixels = goal.astype(np.float32) / np.float32(255 if goal.dtype == np.uint8 else 1)

    def apply(images: NDArray[np.float32], *, seed: int, ids: Any, strength: float) -> NDArray[np.float32]:
        del seed, ids
        if pixels.shape not in (images.shape, (1, *images.shape[1:]), images.shape[1:]):
            raise ParameterError("the target has another shape", got=pixels.shape, allowed=str(images.shape))
        # Written so that strength 1 is the target to the bit.
        share = np.float32(strength)
        return images * (np.float32(1) - share) + pixels * share

    return Change(f"towards({text})", {"strength": (0.0, 1.0, 0.0)}, apply, label=label)


def narrowed(transform: Change, ranges: Mapping[str, Any]) -> dict[str, Limits]:
    """Return the limits of a transform's parameters, those of `ranges` where it names them.

    Raises
    ------
    ParameterError
        Where a range is empty, reversed, wider than the transform allows, or without the identity.
    """
    found = {}
    for parameter, (low, high, identity) in transform.parameters.items():
        found[parameter] = (low, high, identity)
        if parameter in ranges:
            inner = limits_of(parameter, ranges[parameter], identity)
            least, most = transform.allowed(parameter)
            if inner[0] < least or inner[1] > most:
                allowed = f"within [{least:g}, {most:g}]"
                raise ParameterError(f"the range of {parameter} is too wide", got=ranges[parameter], allowed=allowed)
            found[parameter] = inner
    return found
