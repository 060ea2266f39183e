"""Accuracies between the points: linear along an axis, bilinear on a grid, linear in triangles; or monotone cubics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.evaluations.sensitivity.mesh import unit_square

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.sensitivity.box import Axes, Box, Point

    Floats = NDArray[np.float64]

NATURAL: dict[str, Callable[[Floats], Floats]] = {"gamma": lambda gamma: np.log(gamma + 0.1)}
"""Along which scale cubics join the values of a parameter: an exponent acts by its ratio. 0 has its place."""

_AT_ONCE = 4096
"""Places that are interpolated at once: each needs the values on all lines."""


def interpolator(box: Box, points: Floats, values: Floats, axes: Axes | None) -> Callable[[Floats], Floats]:
    """Return the function from places (..., D) in the box to accuracies (...).

    Parameters
    ----------
    box : Box
    points : ndarray, shape (P, D)
        In the order of ``itertools.product(*axes)`` where there are axes.
    values : ndarray, shape (P,)
    axes : tuple of tuple of float, optional
        Of the grid that the points lie on; None for scattered points.
    """
    if axes is None:
        from scipy.interpolate import LinearNDInterpolator

        linear = LinearNDInterpolator(unit_square(points, box), values)
        return lambda places: np.asarray(linear(unit_square(places, box)), np.float64)
    from scipy.interpolate import RegularGridInterpolator

    grid = RegularGridInterpolator(axes, values.reshape([len(axis) for axis in axes]))
    return lambda places: np.asarray(grid(places), np.float64)


def smooth_interpolator(axes: Axes, values: Floats, names: Sequence[str] = ()) -> Callable[[Floats], Floats]:
    """Return the monotone cubic interpolant of a grid, from places (..., D) to accuracies (...).

    Along an axis it is that of Fritsch & Butland (SIAM J. Sci. Stat. Comput. 5, 1984), which never leaves the range of
    its two neighbours; on a grid along the second axis first, then along the other. A parameter in `NATURAL` is taken
    on the scale given there.
    """
    from scipy.interpolate import PchipInterpolator

    scales = [NATURAL.get(name, np.asarray) for name in names] or [np.asarray] * len(axes)
    first, last = scales[0], scales[-1]
    table = values.reshape([len(axis) for axis in axes])
    along_last = PchipInterpolator(last(np.array(axes[-1])), table, axis=-1)
    if len(axes) == 1:
        return lambda places: np.asarray(along_last(last(places[..., 0])), np.float64)
    knots = first(np.array(axes[0]))

    def crossed(places: Floats) -> Floats:
        """Interpolate along the first axis, for each place between its own values on the lines."""
        pieces = PchipInterpolator(knots, along_last(last(places[:, 1])), axis=0).c
        along = first(places[:, 0])
        left = np.clip(np.searchsorted(knots, along, side="right") - 1, 0, len(knots) - 2)
        a, b, c, d = pieces[:, left, np.arange(len(places))]
        step = along - knots[left]
        found: Floats = ((a * step + b) * step + c) * step + d
        return found

    def interpolated(places: Floats) -> Floats:
        flat = places.reshape(-1, 2)
        parts = [crossed(flat[i : i + _AT_ONCE]) for i in range(0, len(flat), _AT_ONCE)]
        return np.concatenate(parts).reshape(places.shape[:-1]) if parts else np.empty(places.shape[:-1])

    return interpolated


def with_lines(axes: Axes, point: Point | None) -> Axes:
    """Return axes that have the coordinates of a point among their values."""
    if point is None:
        return axes
    return tuple(tuple(sorted({*axis, value})) for axis, value in zip(axes, point, strict=True))
