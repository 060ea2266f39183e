"""The box that a surface is sampled in, and where its axes begin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_robustness.transforms.parametric import Parameter, Transform

Range = tuple[float, float]
Point = tuple[float, ...]
Axes = tuple[tuple[float, ...], ...]

JUST_ABOVE = 1e-6
"""How far from a jump, in units of the axis, its limit from above is looked at."""


@dataclass(frozen=True, slots=True)
class Box:
    """One or two parameters with their ranges.

    Parameters
    ----------
    names : tuple of str
    ranges : tuple of (float, float)
    identity : tuple of float or None
        The point that changes nothing, where it is known, inside the box or not.
    jumps : tuple of bool
        Whether the transform jumps at the lower end of the range.
    """

    names: tuple[str, ...]
    ranges: tuple[Range, ...]
    identity: Point | None
    jumps: tuple[bool, ...]

    @property
    def holds_identity(self) -> bool:
        """Whether the point that changes nothing lies in the box."""
        if self.identity is None:
            return False
        return all(low <= value <= high for value, (low, high) in zip(self.identity, self.ranges, strict=True))

    def start(self) -> Axes:
        """Return the first axes of a tensor grid: both ends, the identity or the middle, and the limit at a jump."""
        return tuple(self._start(i) for i in range(len(self.names)))

    def widths(self) -> NDArray[np.float64]:
        """Return the lengths of the sides."""
        return np.array([high - low for low, high in self.ranges])

    def named(self, point: Point) -> str:
        """Return the coordinates of a point with their names."""
        return ", ".join(f"{name}={value:.3g}" for name, value in zip(self.names, point, strict=True))

    def _start(self, i: int) -> tuple[float, ...]:
        low, high = self.ranges[i]
        middle = (low + high) / 2
        if self.identity is not None and low < self.identity[i] < high:
            middle = self.identity[i]
        above = (low + JUST_ABOVE * (high - low),) if self.jumps[i] else ()
        return (low, *above, middle, high)


def make_box(ranges: Sequence[tuple[str, Any]], transforms: Sequence[Transform]) -> Box:
    """Check ranges against the limits of their transforms, and make the box.

    Raises
    ------
    ParameterError
        For something that is no range, is empty or reversed, or leaves the limits of its parameter.
    """
    parameters: dict[str, Parameter] = {}
    checked: list[Range] = []
    for name, value in ranges:
        owner = next(transform for transform in transforms if name in transform.parameters)
        parameters[name] = owner.parameters[name]
        checked.append(checked_range(name, value, owner))
    known = [parameters[name].identity for name, _ in ranges]
    return Box(
        names=tuple(name for name, _ in ranges),
        ranges=tuple(checked),
        identity=None if None in known else tuple(value for value in known if value is not None),
        jumps=tuple(low in parameters[name].jumps for (name, _), (low, _) in zip(ranges, checked, strict=True)),
    )


LEAST_WIDTH = 1e-9
"""Narrower ranges, in units of their ends, hold too few numbers to sample between."""


def checked_range(name: str, value: object, owner: Transform) -> Range:
    """Return a range as two floats, the lower first."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ParameterError(f"{name} must be a range", got=value, allowed="two numbers, for instance (0.5, 2.0)")
    low, high = value
    owner.check_value(name, low, what=f"the lower end of {name}")
    owner.check_value(name, high, what=f"the upper end of {name}")
    if low > high:
        raise ParameterError(f"the range of {name} is reversed", got=value, allowed="the lower end first")
    if low == high:
        raise ParameterError(f"the range of {name} is empty", got=value, allowed="two different numbers")
    if not LEAST_WIDTH * max(abs(low), abs(high), 1.0) < high - low < math.inf:
        allowed = f"ends that differ by more than {LEAST_WIDTH:g} of their size, and by a finite number"
        raise ParameterError(f"the range of {name} cannot be divided", got=value, allowed=allowed)
    return float(low), float(high)
