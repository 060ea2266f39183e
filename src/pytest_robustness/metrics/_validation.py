"""Checks that the metrics share: what comes out is a sound numpy array or number, or a `ParameterError` was raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pytest_robustness.errors import ParameterError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_SUM_TOLERANCE = 1e-4
"""How far a row of probabilities may sum from 1: wide enough for float32 outputs of many classes."""


def checked_floats(name: str, values: npt.ArrayLike, *, ndim: int = 1, finite: bool = True) -> Floats:
    """Return `values` as float64 with `ndim` axes, none of them empty; NaN is refused, infinity where `finite`."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} must be an array of numbers", got=values) from error
    if array.ndim != ndim or array.size == 0:
        shapes = {1: "(N,)", 2: "(N, K)"}[ndim]
        raise ParameterError(f"{name} must have the shape {shapes} and not be empty", got=array.shape)
    bad = ~np.isfinite(array) if finite else np.isnan(array)
    if bad.any():
        where = first_row(bad)
        allowed = "finite numbers" if finite else "numbers and infinities, not NaN"
        mend = "Look at the model's outputs for this sample."
        raise ParameterError(
            f"{name} cannot be used, first at index {where}", got=array[where], allowed=allowed, mend=mend
        )
    return array


def checked_probabilities(probabilities: npt.ArrayLike) -> Floats:
    """Return probabilities (N, K) as float64 in [0, 1], K >= 2, rows that sum to 1."""
    array = checked_floats("probabilities", probabilities, ndim=2)
    if array.shape[1] < 2:
        raise ParameterError(
            "probabilities must have one column for each class",
            got=array.shape,
            allowed="(N, K) with K >= 2",
            mend="For two classes, stack 1 - p and p.",
        )
    bad = np.abs(array.sum(axis=1) - 1) > _SUM_TOLERANCE
    least = array.min()
    if bad.any() or least < -_SUM_TOLERANCE:
        bad |= array.min(axis=1) < -_SUM_TOLERANCE
        where = first_row(bad)
        raise ParameterError(
            f"row {where} of the probabilities is no distribution",
            got=array[where],
            allowed=f"numbers in [0, 1] that sum to 1 within {_SUM_TOLERANCE}",
            mend="Where these are logits, take the softmax first.",
        )
    return np.clip(array, 0.0, 1.0) if least < 0 or array.max() > 1 else array


def checked_classes(
    name: str, values: npt.ArrayLike, *, n: int | None = None, num_classes: int | None = None
) -> Integers:
    """Return class numbers (N,) as int64, each in [0, num_classes) where that is known."""
    array = np.asarray(values)
    if not np.issubdtype(array.dtype, np.integer):
        raise ParameterError(f"{name} must be integers", got=f"type {array.dtype}", mend="They are numbers of classes.")
    if array.ndim != 1 or array.size == 0:
        raise ParameterError(f"{name} must have the shape (N,) and not be empty", got=array.shape)
    if n is not None and len(array) != n:
        raise ParameterError(f"{name} must be as many as the samples", got=len(array), allowed=str(n))
    bad = (array < 0) | (array >= num_classes) if num_classes is not None else array < 0
    if bad.any():
        where = first_row(bad)
        allowed = f"0 to {num_classes - 1}" if num_classes is not None else "0 and above"
        raise ParameterError(f"{name} are out of range, first at index {where}", got=int(array[where]), allowed=allowed)
    return array.astype(np.int64, copy=False)


def checked_outputs(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Floats, Integers]:
    """Return probabilities (N, K) and labels (N,) that belong together."""
    array = checked_probabilities(probabilities)
    return array, checked_classes("labels", labels, n=len(array), num_classes=array.shape[1])


def checked_count(name: str, value: Any, *, least: int = 1) -> int:
    """Return an integer that is not below `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ParameterError(f"{name} must be an integer", got=value, allowed=f"{least} and above")
    return int(value)


def checked_share(name: str, value: Any, *, closed: bool = False) -> float:
    """Return a number in (0, 1), or in (0, 1] where `closed`."""
    numeric = isinstance(value, int | float | np.integer | np.floating)
    if not numeric or not (0 < value < 1 or (closed and value == 1)):
        raise ParameterError(f"{name} is out of range", got=value, allowed="(0, 1]" if closed else "(0, 1)")
    return float(value)


def checked_choice(name: str, value: object, allowed: Iterable[str]) -> None:
    """Refuse what is not among the `allowed` names."""
    names = list(allowed)
    if value not in names:
        raise unknown_name(name, value, names)


def first_row(bad: npt.NDArray[np.bool_]) -> int:
    """Index of the first row with a bad value."""
    return int(np.argwhere(bad)[0][0])
