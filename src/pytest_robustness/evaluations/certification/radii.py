"""The radii that certificates are asked for, and whether so many draws can show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.certificates.bounds import largest_radius, out_of_reach
from pytest_robustness.certificates.noise import whole_radius
from pytest_robustness.errors import ParameterError, check_number

if TYPE_CHECKING:
    from pytest_robustness.certificates import Noise

_ALLOWED = {
    "l0": "a whole number of values (of grey images: pixels), several as in [0, 1, 2], '0..10' or '0,2,5'",
    "l2": "a number of at least 0, several as in [0, 0.25, 0.5] or '0,0.25,0.5'",
}


_MOST = 1000
"""How many radii one may ask for."""


def radii_of(value: Any, norm: str) -> tuple[float, ...]:
    """Return radii as builtin numbers, ascending, each once; text is read as on a command line.

    Parameters
    ----------
    value : float, sequence of float or str
        For instance 3, ``[0, 1, 2]``, ``"3"``, ``"0..10"`` (whole numbers, both ends among them) or ``"0,2,5"``.
    norm : {"l0", "l2"}
        Radii in L0 are whole numbers from 0 to 100; 3.0 is one, too.

    Raises
    ------
    ParameterError
        If there is none, there are more than a thousand, or one is out of its range.
    """
    found = _read(value, norm) if isinstance(value, str) else value
    found = found.item() if isinstance(found, np.ndarray) and found.ndim == 0 else found
    several = isinstance(found, list | tuple | range | np.ndarray)
    if several and not 0 < len(found) <= _MOST:
        if len(found) > _MOST:
            raise _too_many(len(found))
        raise ParameterError("radius needs at least one number", got=value, allowed=_ALLOWED[norm])
    return tuple(sorted({_checked(number, norm) for number in (found if several else [found])}))


def check_reach(noise: Noise, radius: float, n: int, confidence: float) -> None:
    """Raise ParameterError for a radius that no image could be certified at, for want of draws."""
    if radius > largest_radius(noise, n, confidence):
        raise out_of_reach(noise, radius, n, confidence, prefix="noise_")


def _read(text: str, norm: str) -> list[Any]:
    pieces = text.split(",")
    if len(pieces) > _MOST:
        raise _too_many(len(pieces))
    try:
        return [number for piece in pieces for number in _read_piece(piece, norm)]
    except ParameterError:
        raise
    except ValueError:
        raise ParameterError("radius cannot be read", got=text, allowed=_ALLOWED[norm]) from None


def _read_piece(piece: str, norm: str) -> list[Any]:
    if norm == "l0" and ".." in piece:
        first, last = (_checked(int(end), norm) for end in piece.split(".."))
        return list(range(int(first), int(last) + 1))
    return [int(piece) if norm == "l0" else float(piece)]


def _checked(number: Any, norm: str) -> float:
    if norm == "l0":
        return whole_radius(number)
    check_number("radius", number, minimum=0)
    return float(number)


def _too_many(count: int) -> ParameterError:
    return ParameterError("there are too many radii", got=count, allowed=f"1 to {_MOST} of them")
