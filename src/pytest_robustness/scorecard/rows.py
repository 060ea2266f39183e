"""One row of a scorecard, and the cards of the model and the data that it belongs to."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pytest_robustness.errors import ParameterError, unknown_name
from pytest_robustness.scorecard.builtin import to_builtin

if TYPE_CHECKING:
    from collections.abc import Mapping

VERDICTS = ("passed", "failed", "inconclusive", "measured")
"""What can be said of a row, in the order in which summaries count them."""

OPERATORS = (">=", "<=", ">", "<")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundRow:
    """A bound on a value, such as ``>= 0.85``."""

    op: str
    bound: float

    def __post_init__(self) -> None:
        """Refuse an operator that is not known."""
        if self.op not in OPERATORS:
            raise unknown_name("operator of a threshold", self.op, OPERATORS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """The value of one part of a measurement (one corruption, one budget) with its interval and number of samples."""

    name: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """Which model was measured.

    Parameters
    ----------
    name, source, kind : str
        What people call it, where it was loaded from, and ``"torch"``, ``"scikit-learn"``, ``"onnx"`` or
        ``"callable"``.
    fingerprint : str
        Identifies weights and code; rows refer to the model by it.
    num_classes : int or None
    input_shape : tuple of int or None
        (channels, height, width).
    """

    name: str
    source: str
    fingerprint: str
    kind: str
    num_classes: int | None
    input_shape: tuple[int, ...] | None

    @property
    def key(self) -> str:
        """What rows refer to the model by: its fingerprint."""
        return self.fingerprint

    def to_dict(self) -> dict[str, Any]:
        """Return the card as built-in data."""
        return _as_dict(self)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Read a card; unknown keys are ignored."""
        known = _known(cls, mapping)
        shape = known["input_shape"]
        return cls(**{**known, "input_shape": None if shape is None else tuple(shape)})


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCard:
    """Which images were measured: ``n`` of a data set that has ``population`` (0: not known)."""

    name: str
    fingerprint: str
    n: int
    population: int = 0

    @property
    def key(self) -> str:
        """What rows refer to the data by: fingerprint and number of images."""
        return f"{self.fingerprint}:{self.n}"

    def to_dict(self) -> dict[str, Any]:
        """Return the card as built-in data."""
        return _as_dict(self)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Read a card; unknown keys are ignored."""
        return cls(**_known(cls, mapping))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One metric of one evaluation: the value, how sure it is, what was asked of it and what came of that.

    Parameters
    ----------
    id : str
        Stable text that tells this row from all others of the same model, data and test.
    family, metric : str
        For instance ``"corruption"`` and ``"worst"``.
    parameters : dict
        The settings of the evaluation, built-in values.
    value, low, high, confidence : float
        The measurement and its confidence interval; NaN where there is none.
    n : int
        Number of images measured.
    higher_is_better : bool
    parts : tuple of PartRow
    threshold : BoundRow or None
    verdict : {"passed", "failed", "inconclusive", "measured"}
    reason : str
        Why, in one line.
    warnings : tuple of str
    seconds : float
    forwards, backwards : int
        Images that went through the model, and back.
    cached : bool
        True where nothing had to be computed.
    test : str or None
        Node id of the test.
    model, data : str
        `ModelCard.key` and `DataCard.key`.
    headline : bool
        True for the main metric of the family.
    details : dict
        Lists and numbers that pictures are drawn from.
    faults : tuple of str
        Why the value must not be relied on; they are among the warnings too.
    doubts : tuple of str
        Why the value may only look good: with one of these, no bound is met.
    outcomes : dict, optional
        Which samples were correct, see `outcomes.pack_outcomes`.
    baseline : dict, optional
        What became of the comparison with a baseline, see `baseline.hold_against`.

    Raises
    ------
    ParameterError
        If the verdict is unknown, or a row passed without a value.
    """

    id: str
    family: str
    parameters: dict[str, Any]
    metric: str
    value: float
    low: float
    high: float
    confidence: float
    n: int
    higher_is_better: bool
    parts: tuple[PartRow, ...] = ()
    threshold: BoundRow | None = None
    verdict: str = "measured"
    reason: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    forwards: int = 0
    backwards: int = 0
    cached: bool = False
    test: str | None = None
    model: str
    data: str
    headline: bool = True
    details: dict[str, Any] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    outcomes: dict[str, Any] | None = None
    baseline: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse what must never be recorded."""
        if self.verdict not in VERDICTS:
            raise unknown_name("verdict", self.verdict, VERDICTS)
        if self.verdict == "passed" and math.isnan(self.value):
            raise ParameterError("a row without a value that passed", got=self.id, allowed="a value that is a number")

    def to_dict(self) -> dict[str, Any]:
        """Return the row as built-in data; NaN and infinities stay floats (a `Scorecard` writes them as null)."""
        return _as_dict(self)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Read a row from `to_dict` or from a scorecard's JSON; null is NaN, unknown keys are ignored.

        Raises
        ------
        ParameterError
            If a key is missing.
        """
        known = _known(cls, mapping)
        # In a scorecard file "model" and "data" are names, for people; the keys stand beside them.
        known["model"] = mapping.get("model_fingerprint", known["model"])
        known["data"] = mapping.get("data_key", known["data"])
        known["parts"] = tuple(PartRow(**_known(PartRow, part)) for part in known.get("parts", ()))
        if known.get("threshold") is not None:
            known["threshold"] = BoundRow(**_known(BoundRow, known["threshold"]))
        known["warnings"] = tuple(known.get("warnings", ()))
        known["faults"] = tuple(known.get("faults", ()))
        known["doubts"] = tuple(known.get("doubts", ()))
        return cls(**known)


_NUMBERS = frozenset({"value", "low", "high", "confidence", "bound"})


def _as_dict(record: Any) -> dict[str, Any]:
    return {entry.name: _plain(getattr(record, entry.name)) for entry in dataclasses.fields(record)}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, PartRow | BoundRow):
        return _as_dict(value)
    return to_builtin(value)


def _known(cls: type, mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the fields of a record out of a mapping, reading null as NaN where a number belongs."""
    entries = dataclasses.fields(cls)
    missing = [
        entry.name
        for entry in entries
        if entry.name not in mapping
        and entry.default is dataclasses.MISSING
        and entry.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ParameterError(
            f"a {cls.__name__} without {', '.join(missing)}",
            got=sorted(mapping),
            allowed=[entry.name for entry in entries],
        )
    return {
        entry.name: math.nan if mapping[entry.name] is None and entry.name in _NUMBERS else mapping[entry.name]
        for entry in entries
        if entry.name in mapping
    }
