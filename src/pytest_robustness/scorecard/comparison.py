"""One row beside the row of another scorecard that measures the same: how much it changed, and how sure that is."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_robustness.scorecard.builtin import finite, to_builtin

if TYPE_CHECKING:
    from pytest_robustness.scorecard.rows import Row

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How much a metric changed from one scorecard to another.

    Parameters
    ----------
    before, value : float
        The metric there, and the change from there to here: above 0 where it is higher here.
    low, high, confidence : float
        The interval of the change; NaN where there is none.
    higher_is_better : bool
    paired : bool
        Whether the same samples were compared, one by one.
    lost, won : int, optional
        Samples that are right only there, and only here.
    p : float, optional
        Of the exact McNemar test, two-sided.
    note : str
        Why the comparison is not paired; empty where it is.
    unchanged : bool
        Whether nothing changed for certain: the same model with the same outcome on the same images.
    """

    before: float
    value: float
    low: float
    high: float
    confidence: float
    higher_is_better: bool
    paired: bool
    lost: int | None = None
    won: int | None = None
    p: float | None = None
    note: str = ""
    unchanged: bool = False

    @property
    def drop(self) -> float:
        """How much worse it is here; below 0 where it is better."""
        return -self.value if self.higher_is_better else self.value

    @property
    def least_drop(self) -> float:
        """The lower end of the interval of the drop."""
        return -self.high if self.higher_is_better else self.low

    @property
    def most_drop(self) -> float:
        """The upper end of the interval of the drop."""
        return -self.low if self.higher_is_better else self.high

    def shows_more_than(self, margin: float) -> bool:
        """Return whether a drop of more than `margin` is shown.

        Of none, by the exact test of McNemar where there is one: a bound of 0 stands for one just above it.
        """
        if margin == 0 and self.p is not None:
            return self.drop > 0 and self.p <= 1 - self.confidence
        return self.least_drop > margin

    @property
    def decision(self) -> str:
        """``"better"``, ``"worse"`` or ``"same"``: which of them is shown."""
        if self.shows_more_than(0.0):
            return "worse"
        if self.p is not None:
            return "better" if self.drop < 0 and self.p <= 1 - self.confidence else "same"
        return "better" if self.most_drop < 0 else "same"


def row_key(row: Row) -> Key:
    """Return what a row measures, whatever the bound on it: family, metric and parameters."""
    parameters = json.dumps(finite(to_builtin(row.parameters)), sort_keys=True, ensure_ascii=False)
    return row.family, row.metric, parameters


def is_sound(row: Row) -> bool:
    """Return whether a row has a value that can be relied on, so that others may be held against it."""
    return not row.faults and math.isfinite(row.value)


def compare_rows(before: Row, after: Row) -> Change:
    """Return the change from one row to another that measures the same.

    The same model with the same outcome on the same images has not changed: that is certain. Otherwise, where both keep
    the outcomes of the same samples, the change is that of each sample; else the two intervals are all that is known.

    Raises
    ------
    ConfigurationError
        Where outcomes are damaged.
    """
    if _is_the_same(before, after):
        counts = {"lost": 0, "won": 0, "p": 1.0} if after.outcomes is not None and after.outcomes["times"] == 1 else {}
        return _change(before, after, 0.0, 0.0, paired=True, unchanged=True, **counts)
    note = _why_unpaired(before, after)
    if not note:
        return _paired(before, after)
    from pytest_robustness.metrics import Interval, unpaired_interval

    old, new = (before.value, Interval(before.low, before.high)), (after.value, Interval(after.low, after.high))
    if before.confidence != after.confidence:
        note += f"; the intervals have {before.confidence * 100:g} % and {after.confidence * 100:g} %"
    return _change(before, after, *unpaired_interval(old, new), paired=False, note=note)


def _is_the_same(before: Row, after: Row) -> bool:
    """Tell whether the model is the same, and all that is known of what it did on the same images."""
    return all(getattr(before, name) == getattr(after, name) for name in ("model", "data", "value", "n", "outcomes"))


def _why_unpaired(before: Row, after: Row) -> str:
    if after.outcomes is None:
        return "unpaired: this metric has no outcomes by sample"
    (old, old_n), (new, new_n) = (row.data.rpartition(":")[::2] for row in (before, after))
    if old != new:
        what = "the seed or the images differ" if old_n == new_n else f"n is {new_n}, and was {old_n}"
        return f"unpaired: {what}"
    if before.outcomes is None:
        return "unpaired: the other scorecard has no outcomes by sample of this row"
    if any(before.outcomes.get(name) != after.outcomes[name] for name in ("samples", "times", "ids")):
        return "unpaired: the outcomes are of other samples"
    return ""


def _paired(before: Row, after: Row) -> Change:
    from pytest_robustness.metrics import mcnemar, mean_change_interval, paired_interval
    from pytest_robustness.scorecard.outcomes import unpack_outcomes

    old, new = (unpack_outcomes(row.outcomes or {}) for row in (before, after))
    if after.outcomes is not None and after.outcomes["times"] > 1:
        ends = mean_change_interval(old, new, confidence=after.confidence)
        return _change(before, after, *ends, paired=True)
    lost, won = int((old > new).sum()), int((new > old).sum())
    ends = paired_interval(lost, won, len(new), confidence=after.confidence)
    return _change(before, after, *ends, paired=True, lost=lost, won=won, p=mcnemar(lost, won).p)


def _change(before: Row, after: Row, low: float, high: float, **more: Any) -> Change:
    value = after.value - before.value
    return Change(
        before=before.value,
        value=value if math.isfinite(value) else math.nan,
        low=low,
        high=high,
        confidence=after.confidence,
        higher_is_better=after.higher_is_better,
        **more,
    )
