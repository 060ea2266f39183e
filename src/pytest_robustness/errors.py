"""Everything that can go wrong for a user, as one tree.

::

    RobustnessError
    ├── ParameterError        a value out of its range, an unknown name (also a ValueError)
    ├── ConfigurationError    a marker, a table, an option or a file of settings that cannot be read
    ├── DatasetError          images or labels that cannot be evaluated: shapes, NaN, labels out of range, empty
    │   └── DataUnavailableError   files that are neither here nor downloadable
    ├── ClassifierError       a model that cannot be loaded, or whose outputs cannot be used
    │   ├── CapabilityError   a model asked for what it does not have (logits, gradients, probabilities)
    │   └── UnsafeSourceError a model file that can run code while it loads
    ├── EvaluationError       a measurement that could not be completed
    └── MissingExtraError     an optional dependency that is not installed

Each message says, in this order: what was wrong, what was got, what is allowed, how to mend it.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_ABSENT = object()


class RobustnessError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    what : str
        What was wrong, as a phrase without a full stop.
    got : object, optional
        The offending value; shown with ``repr``, shortened.
    allowed : str or iterable of str, optional
        What would have been accepted.
    mend : str, optional
        What the user can do about it, as a sentence.
    """

    def __init__(self, what: str, *, got: object = _ABSENT, allowed: str | Iterable[str] = "", mend: str = "") -> None:
        message = what
        if got is not _ABSENT:
            message += f": got {_shorten(got)}"
        if allowed:
            message += f"; allowed: {allowed if isinstance(allowed, str) else ', '.join(allowed)}"
        if mend:
            message += f". {mend}"
        # The finished text is the only argument, so that the error survives pickling between processes.
        super().__init__(message)


class ParameterError(RobustnessError, ValueError):
    """A parameter has an impossible value, or a name is not known."""


class ConfigurationError(RobustnessError):
    """A marker, a requirement table, an option or a configuration file cannot be understood."""


class DatasetError(RobustnessError):
    """Images or labels that cannot be evaluated."""


class DataUnavailableError(DatasetError):
    """The files of a data set are neither on this machine nor downloadable."""


class ClassifierError(RobustnessError):
    """A model cannot be loaded, or its outputs cannot be used."""


class CapabilityError(ClassifierError):
    """A model was asked for something that it does not have."""


class UnsafeSourceError(ClassifierError):
    """A model file could run code while it is loaded."""


class EvaluationError(RobustnessError):
    """A measurement could not be completed."""


class MissingExtraError(RobustnessError):
    """An optional dependency is not installed."""


def unknown_name(kind: str, got: object, allowed: Iterable[str], *, mend: str = "") -> ParameterError:
    """Build the error for a name that is not in a registry, with the nearest known name where there is one.

    Parameters
    ----------
    kind : str
        What the name names, for instance ``"corruption"``.
    got : object
        What was given.
    allowed : iterable of str
        The known names, in the order in which they should be shown.
    mend : str, optional
        A further sentence of advice.
    """
    import difflib  # only where a name is wrong: this module is imported at the start of every pytest run

    names = list(allowed)
    near = difflib.get_close_matches(str(got).lower(), names, n=1) or difflib.get_close_matches(str(got), names, n=1)
    advice = " ".join(filter(None, [f"Did you mean {near[0]!r}?" if near else "", mend]))
    return ParameterError(f"unknown {kind}", got=got, allowed=names, mend=advice)


def check_number(name: str, value: object, *, minimum: float, whole: bool = False, above: bool = False) -> None:
    """Raise ParameterError unless `value` is finite, at least (or `above`) `minimum`, and an int where `whole`."""
    kind = "a whole number" if whole else "a finite number"
    allowed = kind if minimum == -math.inf else f"{kind} {'greater than' if above else 'of at least'} {minimum:g}"
    # numpy registers its scalars with these classes, so that np.float32(0.1) is as good as 0.1.
    number = value if isinstance(value, Integral if whole else Real) and not isinstance(value, bool) else math.nan
    if not math.isfinite(number) or number < minimum or (above and number == minimum):
        raise ParameterError(f"{name} is out of range", got=value, allowed=allowed)


def check_confidence(confidence: object) -> None:
    """Raise ParameterError unless `confidence` is a number strictly between 0 and 1."""
    if isinstance(confidence, bool) or not isinstance(confidence, Real) or not 0 < float(confidence) < 1:
        allowed = "a number between 0 and 1 (greater than 0, less than 1), as in 0.95"
        raise ParameterError("confidence is out of range", got=confidence, allowed=allowed)


def _shorten(value: object, limit: int = 120) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
