"""Plain data only: what a scorecard holds must survive JSON and the wire between test processes.

pytest-xdist drops a worker's results, and still exits with 0, when a record holds anything but exact built-in types:
a ``numpy.float64`` or an ``enum`` member is enough. So every record is converted, or refused, when it is made.
"""

from __future__ import annotations

import enum
import math
import os
from collections.abc import Mapping
from fractions import Fraction

from pytest_robustness.errors import ParameterError

_PLAIN = frozenset({str, int, float, bool, type(None)})


def to_builtin(value: object) -> object:
    """Convert a value to exact built-in types, recursively.

    Parameters
    ----------
    value : object
        Numbers, strings, None, paths, enum members, fractions (kept exact, as text), anything with ``tolist`` (arrays
        and array scalars), and mappings, sequences and sets of these.

    Returns
    -------
    object
        Made of exactly ``dict`` (with ``str`` keys), ``list``, ``str``, ``int``, ``float``, ``bool`` and ``None``.

    Raises
    ------
    ParameterError
        If the value cannot be recorded.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, enum.Enum):
        return to_builtin(value.value)
    if isinstance(value, Mapping):
        return {_key(key): to_builtin(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_builtin(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((to_builtin(item) for item in value), key=repr)
    return _scalar_or_array(value)


def finite(value: object) -> object:
    """Replace every number of built-in data that JSON does not have (NaN and the infinities) by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value


def _scalar_or_array(value: object) -> object:
    tolist = getattr(value, "tolist", None)
    if callable(tolist):
        return to_builtin(tolist())
    if isinstance(value, str):  # a subclass: an exact copy of its text
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    raise ParameterError(
        "a value that cannot be recorded in a scorecard",
        got=value,
        allowed="numbers, text, None, paths, arrays, and lists and mappings of these",
    )


def _key(key: object) -> str:
    plain = to_builtin(key)
    return plain if isinstance(plain, str) else repr(plain)
