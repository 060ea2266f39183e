"""The radii that certificates are asked for, and whether so many draws can show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.certificates import clopper_pearson_lower, samples_needed
from pytest_robustness.certificates.noise import LARGEST_RADIUS
from pytest_robustness.errors import ParameterError, check_number

if TYPE_CHECKING:
    from pytest_robustness.certificates import Noise

_ALLOWED = {
    "l0": "a whole number of pixels, several as in [0, 1, 2], '0..10' or '0,2,5'",
    "l2": "a number of at least 0, several as in [0, 0.25, 0.5] or '0,0.25,0.5'",
}


def radii_of(value: Any, norm: str) -> tuple[float, ...]:
    """Return radii as builtin numbers, ascending, each once; text is read as on a command line.

    Parameters
    ----------
    value : float, sequence of float or str
        For instance 3, ``[0, 1, 2]``, ``"3"``, ``"0..10"`` (whole numbers, both ends among them) or ``"0,2,5"``.
    norm : {"l0", "l2"}
        Radii in L0 are whole numbers from 0 to 100.

    Raises
    ------
    ParameterError
        If there is none, or one is out of its range.
    """
    found = _read(value, norm) if isinstance(value, str) else value
    found = found.tolist() if isinstance(found, np.ndarray) else found
    numbers = list(found) if isinstance(found, list | tuple | range) else [found]
    if not numbers:
        raise ParameterError("radius needs at least one number", got=value, allowed=_ALLOWED[norm])
    for number in numbers:
        check_number("radius", number, minimum=0, whole=norm == "l0")
        if norm == "l0":
            _check_largest(number)
    return tuple(sorted({int(number) if norm == "l0" else float(number) for number in numbers}))


def largest_radius(noise: Noise, n: int, confidence: float) -> float:
    """Return the radius of an image for which all of n draws vote alike; -1 where not even that shows a majority."""
    return noise.certified_radius(clopper_pearson_lower(n, n, confidence=confidence))


def check_reach(noise: Noise, radius: float, n: int, confidence: float) -> None:
    """Raise ParameterError for a radius that no image could be certified at, for want of draws."""
    largest = largest_radius(noise, n, confidence)
    if radius <= largest:
        return
    mend = "No number of draws that can be counted shows so much: take a smaller radius or more noise."
    if (threshold := noise.least(radius)) < 1:
        needed = max(n + 1, samples_needed(threshold, confidence=confidence))
        mend = f"This radius needs noise_n={needed}, and that is enough only where not one of the draws fails."
    raise ParameterError(
        f"noise_n={n} draws cannot certify the radius at noise_confidence={confidence:g}",
        got=radius,
        allowed=f"up to {largest:.6g}" if largest >= 0 else "none with so few draws",
        mend=mend,
    )


def _read(text: str, norm: str) -> list[Any]:
    found: list[Any] = []
    try:
        for piece in text.split(","):
            if norm == "l0" and ".." in piece:
                first, last = (int(end) for end in piece.split(".."))
                _check_largest(last)
                found += range(first, last + 1)
            else:
                found.append(int(piece) if norm == "l0" else float(piece))
    except ParameterError:
        raise
    except ValueError:
        raise ParameterError("radius cannot be read", got=text, allowed=_ALLOWED[norm]) from None
    return found


def _check_largest(radius: float) -> None:
    if radius > LARGEST_RADIUS:
        raise ParameterError("radius is out of range", got=radius, allowed=f"0 to {LARGEST_RADIUS} pixels")
