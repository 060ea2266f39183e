"""A stored scorecard, looked through before anything is compared with it."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_robustness.errors import ConfigurationError
from pytest_robustness.evaluations.summaries import LOWER_IS_BETTER
from pytest_robustness.scorecard.card import Scorecard
from pytest_robustness.scorecard.format import SHARES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_robustness.scorecard.rows import Row

ROUNDING = 1e-6
"""How far the outcomes of a row may be from its value."""

_TYPES: dict[type, tuple[str, ...]] = {
    str: ("id", "family", "metric", "reason", "model", "data"),
    bool: ("higher_is_better", "cached", "headline"),
    dict: ("parameters", "details"),
    int: ("n", "forwards", "backwards"),
    Real: ("value", "low", "high", "confidence", "seconds"),
}


def read_checked(path: str | Path) -> tuple[Scorecard, str]:
    """Return a scorecard with the SHA-256 of its file, after a look at all that a comparison rests on.

    Raises
    ------
    ConfigurationError
        Where it is not a scorecard, or a row is damaged: of other types, without its model or data, twice there, with a
        value that it cannot have or that its outcomes do not make up.
    """
    try:
        card = Scorecard.read(path)
        _check_references(card)
        for row in card.rows:
            if problem := next(iter(_problems(row)), None):
                raise ConfigurationError("a row of the scorecard is damaged", got=f"{row.id}: {problem}")
        return card, hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OSError) as error:
        raise ConfigurationError("a scorecard that is damaged", got=f"{type(error).__name__}: {error}") from error


def make_up_value(packed: dict[str, object], value: float) -> bool:
    """Tell whether packed outcomes have a value as their mean."""
    from pytest_robustness.scorecard.outcomes import unpack_outcomes

    return math.isclose(float(unpack_outcomes(packed).mean()), value, abs_tol=ROUNDING)


def _check_references(card: Scorecard) -> None:
    models, datasets = {model.key for model in card.models}, {data.key for data in card.datasets}
    counts = Counter((row.id, row.test, row.model, row.data) for row in card.rows)
    for row in card.rows:
        if row.model not in models or row.data not in datasets:
            raise ConfigurationError("a row of a model or of data that the scorecard does not have", got=row.id)
        if counts[row.id, row.test, row.model, row.data] > 1:
            raise ConfigurationError("a row that the scorecard has twice", got=row.id)


def _problems(row: Row) -> Iterable[str]:
    """Say what a row cannot be: what comes first is what the rest relies on."""
    for kind, names in _TYPES.items():
        for name in names:
            value = getattr(row, name)
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                yield f"{name} is {value!r}"
    if row.confidence <= 0 or row.confidence >= 1:
        yield f"confidence is {row.confidence:g}"
    if row.metric in SHARES and any(abs(number) > 1 for number in (row.value, row.low, row.high)):
        yield f"{row.metric} is a share, not {row.value:g} [{row.low:g}, {row.high:g}]"
    inside = row.low - ROUNDING <= row.value <= row.high + ROUNDING
    if row.low > row.high or (row.metric == "accuracy" and not inside and not math.isnan(row.low + row.value)):
        yield f"{row.value:g} is not within [{row.low:g}, {row.high:g}]"
    if row.higher_is_better == (row.metric in LOWER_IS_BETTER):
        yield f"higher_is_better is {row.higher_is_better}"
    if row.outcomes is not None and not make_up_value(row.outcomes, row.value):
        yield f"its outcomes do not make up its value, {row.value:g}"
