"""What is asked of the saliency family: a fraction of the pixels, and a map with its options by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import ParameterError
from pytest_robustness.saliency import SALIENCY, make_map
from pytest_robustness.saliency.base import check_share
from pytest_robustness.saliency.registry import maps_with

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_robustness.saliency import SaliencyMap


def check_fraction(fraction: float) -> None:
    """Raise ParameterError unless a fraction of the pixels is above 0 and at most 1: with none masked, all pass."""
    check_share("fraction", fraction)
    if fraction == 0:
        raise ParameterError("a fraction of 0 masks nothing", got=fraction, allowed="a number above 0, at most 1")


def check_flag(name: str, value: object) -> None:
    """Raise ParameterError unless a value is true or false."""
    if not isinstance(value, bool):
        raise ParameterError(f"{name} must be true or false", got=value)


def check_signs(signed: bool | None, chosen: SaliencyMap | None) -> None:
    """Raise ParameterError where signs are asked of a map that has none."""
    if signed is not None:
        check_flag("signed", signed)
    if signed and chosen is not None and not chosen.signed:
        allowed = [name for name, kind in SALIENCY.items() if kind.signed]
        raise ParameterError(f"the saliency map {chosen.name!r} has no sign", got="signed=True", allowed=allowed)


def is_option(name: str) -> bool:
    """Return whether any map has an option of this name."""
    return bool(maps_with(name))


def given_map(value: str | SaliencyMap | None, options: Mapping[str, Any]) -> SaliencyMap | None:
    """Return a map from its name and options, or as it is; None for ``"auto"``, which has no options.

    Raises
    ------
    ParameterError
        For an unknown map or option, naming the allowed ones, and for a value out of range.
    """
    if value is None or value == "auto":
        if options:
            name = next(iter(options))
            mend = f"Name the map as well: {' or '.join(f'map={kind!r}' for kind in maps_with(name))}."
            raise ParameterError("map='auto' takes no options", got=sorted(options), mend=mend)
        return None
    try:
        return make_map(value, **options)
    except ParameterError as error:
        if str(error).startswith("unknown saliency map"):
            raise ParameterError(str(error), mend="By default, map='auto'.") from None
        raise
