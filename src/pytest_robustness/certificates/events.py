"""Events of an exact probability, drawn from bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray


def exact_events(generator: np.random.Generator, share: Fraction, count: int) -> NDArray[np.bool_]:
    """Draw independent events of a probability, without rounding it.

    A uniform number is below the share at its first digit, to the base 256, that differs from the share's. So one byte
    decides 255 of 256 events, and a second one nearly all of the others.

    Parameters
    ----------
    generator : numpy.random.Generator
    share : Fraction
        In [0, 1).
    count : int

    Returns
    -------
    ndarray of bool, shape (count,)
    """
    digit, rest = divmod(256 * share.numerator, share.denominator)
    drawn = _bytes(generator, count)
    happened: NDArray[np.bool_] = drawn < np.uint8(digit)
    waiting = np.flatnonzero(drawn == np.uint8(digit)) if rest else np.empty(0, dtype=np.intp)
    # Where no digit is left, the number is not below the share.
    while rest and len(waiting):
        digit, rest = divmod(256 * rest, share.denominator)
        drawn = _bytes(generator, len(waiting))
        happened[waiting] = drawn < np.uint8(digit)
        waiting = waiting[drawn == np.uint8(digit)]
    return happened


def _bytes(generator: np.random.Generator, count: int) -> NDArray[np.uint8]:
    words = generator.bit_generator.random_raw(-(-count // 8))
    found: NDArray[np.uint8] = np.asarray(words).astype("<u8", copy=False).view(np.uint8)[:count]
    return found
