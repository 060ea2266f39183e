"""How many noisy images lie at given distances from two images: the regions of constant likelihood."""

from __future__ import annotations

import math

from pytest_robustness.errors import ParameterError, check_number


def region_cardinality(u: int, v: int, r: int, *, dimension: int, levels: int = 1) -> int:
    """Return |L(u, v; r)|: the images that differ from x in u pixels, and from x' in v, where x and x' differ in r.

    In Lee et al. (NeurIPS 2019, arXiv:1906.04948) the thresholds are computed by these counts; `l0_thresholds` comes
    to the same without them. With i of the ``dimension - r`` pixels in which x and x' agree being different from both,
    and j of the r others::

        |L(u, v; r)| = sum over i of  C(dimension - r, i) K^i  r! / ((u - i - j)! (v - i - j)! j!)  (K - 1)^j
        j = u + v - 2 i - r

    Parameters
    ----------
    u, v : int
        Numbers of pixels, from 0 to `dimension`.
    r : int
        Number of pixels in which x and x' differ, from 0 to `dimension`.
    dimension : int
        Number of pixels (times channels), >= 1.
    levels : int, optional
        K, >= 1: pixels take the values 0, 1/K, .., 1.

    Returns
    -------
    int
        0 where there is no such image. All of one r sum to ``(K + 1)^dimension``.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    check_number("dimension", dimension, minimum=1, whole=True)
    check_number("levels", levels, minimum=1, whole=True)
    for name, count in (("u", u), ("v", v), ("r", r)):
        check_number(name, count, minimum=0, whole=True)
        if count > dimension:
            raise ParameterError(f"{name} is out of range", got=count, allowed=f"0 to {dimension}, the dimension")
    # Builtin integers, which grow, whatever integers were given.
    u, v, r, equal, others = int(u), int(v), int(r), int(dimension) - int(r), int(levels)
    changed = range(max(0, u - r, v - r), min(equal, (u + v - r) // 2) + 1)
    return sum(math.comb(equal, i) * others**i * _among_different(u - i, v - i, r, others) for i in changed)


def _among_different(u: int, v: int, r: int, levels: int) -> int:
    """Return the ways to differ from x in u, and from x' in v, of the r pixels in which they differ."""
    neither = u + v - r
    like_second = u - neither
    ways = math.comb(r, neither) * math.comb(r - neither, like_second)
    return ways * int((levels - 1) ** neither)
