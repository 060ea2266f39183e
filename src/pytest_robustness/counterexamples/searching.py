"""What a search for the smallest failing change is, and the one in one parameter: a scan, then bisection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.errors import ParameterError, check_number
from pytest_robustness.strategies import Perturbation

if TYPE_CHECKING:
    from pytest_robustness.counterexamples.cases import Case
    from pytest_robustness.counterexamples.counterexample import Counterexample
    from pytest_robustness.strategies.change import Change, Limits

SCAN = 32
"""Points on each side of the identity that are tried before bisection."""

MOST = 10_000
"""Points of a scan on each side, and perturbations drawn, at most: each is an image through the model."""

TOLERANCE = 1e-4
"""Where bisection ends: in units of the way from the identity to the farther end of the range."""

ALONE = 16
"""Points on each side of the identity at which each transform of a composition is tried by itself."""


def check_most(name: str, value: object) -> None:
    """Raise ParameterError unless a value is a whole number from 1 to `MOST`."""
    check_number(name, value, minimum=1, whole=True)
    if value > MOST:  # type: ignore[operator]
        mend = "Narrow the range instead: the points lie closer then."
        raise ParameterError(f"{name} is out of range", got=value, allowed=f"1 to {MOST:,}", mend=mend)


class Search(ABC):
    """A way to look for the smallest failing change. It is the same for all images."""

    @property
    @abstractmethod
    def trials(self) -> list[Perturbation]:
        """The changes that are tried on every image; where none of them fails, nothing is found."""

    @property
    @abstractmethod
    def budget(self) -> str:
        """What is tried, in words."""

    @abstractmethod
    def smallest(self, case: Case) -> Counterexample | None:
        """Return the smallest change found that an image fails under, or None."""


@dataclass(frozen=True, eq=False)
class LineSearch(Search):
    """Scan one parameter outwards from the identity, on both sides, and bisect before the first point that fails.

    Bisection takes for granted that between two neighbouring points of the scan the prediction changes from right to
    wrong once. Failures that begin and end between two points are not seen; what lies beyond the first one does not
    matter.

    Parameters
    ----------
    transform : str or transform
        With one parameter.
    parameter : str
    limits : (low, high, identity)
        Of the parameter.
    seed : int
        Of the noise.
    scan : int
    tolerance : float
    """

    transform: str | Change
    parameter: str
    limits: Limits
    seed: int = 0
    scan: int = SCAN
    tolerance: float = TOLERANCE

    def __post_init__(self) -> None:
        """Refuse a scan without points, and a tolerance that is never met."""
        check_most("scan", self.scan)
        check_number("tolerance", self.tolerance, minimum=1e-7)

    @property
    def budget(self) -> str:
        """What is tried, in words."""
        return f"{len(self.trials)} values of {self.parameter}, then bisection to {self._width():.2g}"

    @cached_property
    def sides(self) -> list[list[float]]:
        """The values of the scan, outwards from the identity, which comes first, on each side that there is."""
        low, high, identity = self.limits
        ends = [end for end in (high, low) if end != identity]
        return [[float(value) for value in np.linspace(identity, end, self.scan + 1)] for end in ends]

    @property
    def trials(self) -> list[Perturbation]:
        """The changes of the scan."""
        return [self.at(value) for side in self.sides for value in side[1:]]

    def at(self, value: float) -> Perturbation:
        """Return the change of a value."""
        return Perturbation([(self.transform, {self.parameter: value})], self.seed)

    def smallest(self, case: Case) -> Counterexample | None:
        """Return the failing change nearest to the identity, of both sides; of two equally near ones, the upper."""
        failing = case.fails(self.trials)
        passes = len(failing)
        brackets = []
        for side, fails in zip(self.sides, np.split(failing, len(self.sides)), strict=True):
            if fails.any():
                first = int(fails.argmax())
                bracket, steps = self._bisected(case, side[first], side[first + 1])
                passes += steps
                brackets.append((*bracket, not fails[first:].all()))
        if not brackets:
            return None
        holds, found, returns = min(brackets, key=lambda bracket: abs(bracket[1] - self.limits[2]))
        note = "; farther out it is right again" if returns else ""
        return case.counterexample(
            self.at(found),
            holds_at=self.at(holds),
            search=f"bisection between {holds:.6g} and {found:.6g} after a scan of {len(failing)} values{note}",
            forwards=passes,
        )

    def _bisected(self, case: Case, holds: float, fails: float) -> tuple[tuple[float, float], int]:
        """Narrow down where the prediction changes; return the two ends and the number of values tried."""
        steps = 0
        while abs(fails - holds) > self._width():
            middle = (holds + fails) / 2
            if middle in (holds, fails):
                break  # no number lies between
            if case.fails([self.at(middle)])[0]:
                fails = middle
            else:
                holds = middle
            steps += 1
        return (holds, fails), steps

    def _width(self) -> float:
        low, high, identity = self.limits
        return self.tolerance * max(high - identity, identity - low)
