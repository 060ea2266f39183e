"""Thresholds in text files: one decimal a line, for r = 0, 1, 2 and so on."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_robustness.certificates.thresholds import as_fraction, exact_share
from pytest_robustness.errors import ConfigurationError, ParameterError, check_number

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from fractions import Fraction

_NEVER_FALLING = "numbers that never fall: a larger radius needs a larger probability"


def write_thresholds(
    path: str | os.PathLike[str], thresholds: Sequence[Fraction | int | str | float], *, digits: int = 20
) -> None:
    """Write thresholds in the format in which those of Lee et al. (NeurIPS 2019) were published.

    Each is rounded up to so many decimals, so that what is written is never below the threshold, and is the threshold
    itself where it has no more decimals. (The published files differ by one in the last place for some: they have
    0.50000000000000000001 for 1/2.)

    Parameters
    ----------
    path : str or path
        A file that is there already is replaced.
    thresholds : sequence of Fraction
        For r = 0, 1, 2 and so on, as from `l0_thresholds`.
    digits : int, optional
        Decimals, >= 1.

    Raises
    ------
    ParameterError
        If there are no thresholds, one is not in [0, 1], or one is lower than that before it.
    ConfigurationError
        If the file cannot be written.
    """
    check_number("digits", digits, minimum=1, whole=True)
    exact = [exact_share(value, f"the threshold of r = {r}", ends=True) for r, value in enumerate(thresholds)]
    if not exact:
        raise ParameterError("there are no thresholds to write", got=thresholds, allowed="one or more")
    if (r := _first_fall(exact)) is not None:
        raise ParameterError(f"the threshold of r = {r} is lower than that before it", allowed=_NEVER_FALLING)
    text = "".join(f"{_rounded_up(threshold, int(digits))}\n" for threshold in exact)
    try:
        Path(path).write_text(text, encoding="ascii")
    except OSError as error:
        raise ConfigurationError(f"the thresholds cannot be written: {error}") from error


def read_thresholds(path: str | os.PathLike[str]) -> list[Fraction]:
    """Read thresholds from a text file of one decimal a line, exactly as they are written there.

    Parameters
    ----------
    path : str or path
        Written by `write_thresholds`, or published by others in this format. Empty lines are passed over.

    Returns
    -------
    list of Fraction
        For r = 0, 1, 2 and so on.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, or does not hold numbers in [0, 1] that never fall.
    """
    try:
        lines = Path(path).read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the thresholds of {path} cannot be read: {error}") from error
    thresholds: list[Fraction] = []
    places: list[int] = []
    for place, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        threshold = as_fraction(line)
        if threshold is None or not 0 <= threshold <= 1:
            allowed = "one decimal from 0 to 1 a line, as in 0.875"
            raise ConfigurationError(f"line {place} of {path} is no threshold", got=line, allowed=allowed)
        thresholds.append(threshold)
        places.append(place)
    if not thresholds:
        raise ConfigurationError(f"there are no thresholds in {path}", allowed="one decimal from 0 to 1 a line")
    if (r := _first_fall(thresholds)) is not None:
        what = f"line {places[r]} of {path} is lower than that before it"
        raise ConfigurationError(what, got=lines[places[r] - 1], allowed=_NEVER_FALLING)
    return thresholds


def _first_fall(thresholds: Sequence[Fraction]) -> int | None:
    falls = (r for r, (before, after) in enumerate(pairwise(thresholds), start=1) if after < before)
    return next(falls, None)


def _rounded_up(threshold: Fraction, digits: int) -> str:
    units = str(math.ceil(threshold * 10**digits)).zfill(digits + 1)
    return f"{units[:-digits]}.{units[-digits:]}"
