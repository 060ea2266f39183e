"""A walk over the number of failures among independent draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LOST = 1e-18
"""Mass that may be cut off a distribution; it is counted as an error."""


class Walk(NamedTuple):
    """Chances of least, least + 1, .. failures among the draws so far, where nothing was decided yet."""

    least: int
    mass: NDArray[np.float64]

    def between(self, low: int, high: int) -> Walk:
        """Return the part from low to high - 1 failures."""
        low = max(low, self.least)
        return Walk(low, self.mass[low - self.least : max(0, high - self.least)])


START = Walk(0, np.ones(1))


def advanced(walk: Walk, draws: int, failing: float) -> tuple[Walk, float]:
    """Return the walk after more draws, and the mass that was cut off at its ends."""
    from scipy.stats import binom

    # Beyond so far from the mean a sum of independent draws has a chance of at most 1e-18 (Bernstein's inequality).
    width = math.log(2 / _LOST)
    reach = width / 3 + math.sqrt(width**2 / 9 + 2 * width * draws * failing * (1 - failing))
    low, high = max(0, math.floor(draws * failing - reach)), min(draws, math.ceil(draws * failing + reach))
    steps = binom.pmf(np.arange(low, high + 1), draws, failing)
    mass = np.convolve(walk.mass, steps) if len(walk.mass) else walk.mass
    below, above = (int(np.searchsorted(np.cumsum(ends), _LOST)) for ends in (mass, mass[::-1]))
    kept = mass[below : max(below, len(mass) - above)]
    return Walk(walk.least + low + below, kept), 3 * _LOST
