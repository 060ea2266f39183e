"""What perturbations are made of: a transform with the ranges that it is searched over."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING

from pytest_robustness.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

Limits = tuple[float, float, float]
"""Lowest value, highest value, and the value that changes nothing."""


@dataclass(frozen=True, eq=False)
class Change:
    """A transform with the ranges that it is searched over. Each is equal to itself only.

    Parameters
    ----------
    name : str
        What it is called.
    parameters : mapping of str to (low, high, identity)
        The ranges searched, in whose units a magnitude is measured.
    apply : callable
        ``apply(images, *, seed, ids, **values)``, from float32 images (N, C, H, W) in [0, 1] to the same.
    bounds : mapping of str to (float, float)
        What values a parameter may have at all, where that is more than is searched.
    colors : bool
        Whether it needs images of three channels.
    label : str
        A short text for tables; by default the name.
    made_by : str
        The code that makes it, where that is not its name.
    """

    name: str
    parameters: Mapping[str, Limits]
    apply: Callable[..., NDArray[np.float32]]
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    colors: bool = False
    label: str = ""
    made_by: str = ""

    @property
    def code(self) -> str:
        """The code that stands for it where a perturbation is printed."""
        return self.made_by or self.name

    @property
    def short(self) -> str:
        """The text for tables."""
        return self.label or self.name.strip("'")

    def allowed(self, parameter: str) -> tuple[float, float]:
        """Return the least and the largest value that a parameter may have."""
        return self.bounds.get(parameter, self.parameters[parameter][:2])


def limits_of(parameter: str, given: object, identity: float | None) -> Limits:
    """Return the limits of a parameter from a range that a user gave, with what changes nothing where it says so.

    Raises
    ------
    ParameterError
        For what is no range, is empty, or does not hold what changes nothing, which has to be known.
    """
    values = tuple(given) if isinstance(given, list | tuple) else ()
    numbers = [float(v) if isinstance(v, Real) and not isinstance(v, bool) else math.nan for v in values]
    if len(numbers) not in (2, 3) or not all(math.isfinite(number) for number in numbers):
        raise ParameterError(
            f"{parameter} must be a range", got=given, allowed="(low, high) or (low, high, identity), finite numbers"
        )
    low, high, still = (*numbers[:2], numbers[2] if len(numbers) == 3 else identity)
    if still is None:
        mend = f"Give {parameter} a default in the function, or a third number: {parameter}=(low, high, identity)."
        raise ParameterError(f"the value of {parameter} that changes nothing is not known", got=given, mend=mend)
    if low >= high:
        raise ParameterError(f"the range of {parameter} is empty", got=given, allowed="the lower end first")
    if not low <= still <= high:
        mend = f"Widen it, or give the value that changes nothing as a third number: {parameter}=(low, high, identity)."
        raise ParameterError(
            f"the range of {parameter} does not hold {still:g}, which changes nothing", got=given, mend=mend
        )
    return low, high, still
