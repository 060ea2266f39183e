"""Which ranges are meant, and which transforms have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import ParameterError, unknown_name
from pytest_robustness.transforms.parametric import PARAMETERS, TRANSFORMS, Transform, own_transform

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_robustness.evaluations.sensitivity.box import Range

DEFAULT_RANGES: dict[str, Range] = {"gamma": (0.5, 2.0), "brightness": (-0.2, 0.2)}
"""The pair that is varied where nothing else is named; each stands in for the other where only one is given."""


def named_ranges(ranges: dict[str, Any], *, own: bool, options: Sequence[str]) -> list[tuple[str, Any]]:
    """Return the one or two ranges that are meant, with the default of gamma or brightness where it stands in.

    Parameters
    ----------
    ranges : dict of str to (float, float) or None
        By parameter; None leaves one out.
    own : bool
        Whether they are of the user's own function.
    options : sequence of str
        What else may be given, for the message.

    Raises
    ------
    ParameterError
        For an unknown name, none, or more than two.
    """
    if not own:
        for name in ranges:
            if name not in PARAMETERS:
                raise unknown_name("parameter of the family 'sensitivity'", name, [*PARAMETERS, *options])
        if set(ranges) <= set(DEFAULT_RANGES):
            ranges = {**DEFAULT_RANGES, **ranges}
    named = [(name, value) for name, value in ranges.items() if value is not None]
    if not 1 <= len(named) <= 2:
        mend = "Give a range for one or two of the transform's parameters." if own else ""
        raise ParameterError("a surface has one or two parameters", got=[name for name, _ in named], mend=mend)
    return named


def transforms_of(own: Callable[..., Any] | None, names: Sequence[str]) -> list[Transform]:
    """Return the transforms that have the parameters, in the order in which they are applied."""
    if own is not None:
        return [own_transform(own, names)]
    chosen = {PARAMETERS[name].name for name in names}
    return [transform for name, transform in TRANSFORMS.items() if name in chosen]
