"""The user's own function as a transform: checked before and after each call."""

from __future__ import annotations

import functools
import inspect
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import ParameterError, RobustnessError
from pytest_robustness.transforms.parametric.base import Parameter, Transform, unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from pytest_robustness.transforms.parametric.base import Floats, Ids

GIVEN = ("seed", "ids")
"""What a function is given beside its parameters, where it takes arguments of these names."""


def own_transform(function: Callable[..., Any], names: Iterable[str]) -> Transform:
    """Make a transform of a function ``function(images, *, name=value, ...)``.

    Parameters
    ----------
    function : callable
        Pure: from float32 images (N, C, H, W) in [0, 1] to images of the same shape, uint8 or floats in [0, 1]. A
        number that is the default of a parameter is taken for the value that changes nothing. Where it has arguments
        ``seed`` and ``ids``, it is given the seed of the run and the identities of the images.
    names : iterable of str
        The parameters that are going to vary.

    Raises
    ------
    ParameterError
        Where it is no function, or does not have the parameters.
    """
    if not callable(function):
        raise ParameterError(
            "transform must be a function of images", got=function, mend="Write def transform(images, shift): ..."
        )
    signature = _signature(function)
    chosen = list(names)
    if given := [name for name in chosen if name in GIVEN]:
        mend = "A transform is given the seed of the run and the identities of the images under these names."
        raise ParameterError(f"{given[0]} is no parameter of a transform", got=given[0], mend=mend)
    _check_names(function, signature, chosen)
    parameters = {name: Parameter(low=-math.inf, high=math.inf, identity=_default(signature, name)) for name in chosen}
    name = function_name(function)
    wanted = tuple(key for key in GIVEN if signature is not None and key in signature.parameters)

    def change(images: Floats, values: Mapping[str, float], seed: int, ids: Ids) -> Floats:
        extra = {key: value for key, value in (("seed", seed), ("ids", ids)) if key in wanted}
        return _called(function, name, images, {**values, **extra})

    return Transform(name=name, parameters=parameters, change=change)


def function_name(function: Callable[..., Any]) -> str:
    """Return what a function is called in messages; an object that can be called goes by its class."""
    if isinstance(function, functools.partial):
        return f"partial({function_name(function.func)})"
    return str(getattr(function, "__qualname__", f"{type(function).__qualname__}()"))


def refuse_taken_names(function: Callable[..., Any], taken: Iterable[str], *, mend: str) -> None:
    """Raise ParameterError where a function has a parameter that could not be told from an option of this name."""
    signature = _signature(function)
    _, *others = signature.parameters if signature is not None and signature.parameters else (None,)
    if both := [name for name in others if name in set(taken) - set(GIVEN)]:
        what = f"a parameter of the transform {function_name(function)} is called like an option"
        raise ParameterError(what, got=both[0], mend=mend)


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # built in, without one
        return None


def _check_names(function: Callable[..., Any], signature: inspect.Signature | None, names: list[str]) -> None:
    if signature is None:
        return
    _refuse_first(function, signature, names)
    _, *others = signature.parameters.values() if signature.parameters else (None,)
    known = [p for p in others if p is not None and p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}]
    allowed = [p.name for p in known]
    takes_any = any(p is not None and p.kind is p.VAR_KEYWORD for p in others)
    if unknown := [name for name in names if name not in allowed and not takes_any]:
        raise ParameterError(
            f"the transform {function!r} has no such parameter",
            got=unknown[0],
            allowed=", ".join(name for name in allowed if name not in GIVEN) or "none",
        )
    needed = [p.name for p in known if p.default is p.empty and p.name not in GIVEN]
    if missing := [name for name in needed if name not in names]:
        raise ParameterError(
            f"the transform {function!r} needs a range for each parameter without a default",
            got=names,
            mend=f"Give a range for {', '.join(missing)}.",
        )


def _refuse_first(function: Callable[..., Any], signature: inspect.Signature, names: list[str]) -> None:
    first = next(iter(signature.parameters), "")
    if first in names:
        raise ParameterError(
            f"the transform {function!r} takes the images as {first}",
            got=f"a range of {first}",
            mend="The first argument is for the images: give ranges of the others.",
        )


def _default(signature: inspect.Signature | None, name: str) -> float | None:
    if signature is None or name not in signature.parameters:
        return None
    value = signature.parameters[name].default
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _called(function: Callable[..., Any], name: str, images: Floats, keywords: Mapping[str, Any]) -> Floats:
    shown = ", ".join(f"{key}={keywords[key]:g}" for key in keywords if key not in GIVEN)
    try:
        changed = np.asarray(function(images.copy(), **keywords))
    except RobustnessError:
        raise
    except Exception as error:
        raise ParameterError(f"the transform {name}({shown}) failed: {type(error).__name__}: {error}") from error
    _check_changed(changed, images, f"{name}({shown})")
    return unit(changed)


def _check_changed(changed: NDArray[Any], images: Floats, name: str) -> None:
    if changed.shape != images.shape:
        raise ParameterError(
            f"the transform {name} changes the shape of the images", got=changed.shape, allowed=str(images.shape)
        )
    if changed.dtype == np.uint8:
        return
    if not np.issubdtype(changed.dtype, np.floating):
        raise ParameterError(
            f"the transform {name} returns no pixels", got=str(changed.dtype), allowed="floats in [0, 1] or uint8"
        )
    if not np.isfinite(changed).all():
        raise ParameterError(f"the transform {name} returns values that are not finite", mend="Look for 0 / 0 in it.")
    low, high = float(changed.min()), float(changed.max())
    # What rounding leaves beside the ends is no mistake of the user.
    if low < -1e-6 or high > 1 + 1e-6:
        raise ParameterError(
            f"the transform {name} leaves the range of pixels",
            got=f"{low:g} to {high:g}",
            allowed="floats in [0, 1]",
            mend="End it with numpy.clip(images, 0, 1).",
        )
