"""Bounds on metrics, and what came of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from numbers import Real
from typing import Literal

from pytest_robustness.errors import ParameterError, unknown_name

Decision = Literal["passed", "failed", "inconclusive", "measured"]

_LARGEST = {
    "brier": 2.0,
    "brier_reliability": 2.0,
    "nll": math.inf,
    "relative_mce": 20.0,
    "mean_radius": math.inf,
    "median_radius": math.inf,
}
"""Largest bound on the metrics that may exceed 1."""

_LARGEST_OF_FAMILY = {("corruption", "mce"): 20.0}
"""The same for a name that other families have for a metric that may not. 1 is the error of the reference model."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound on one metric, for instance ``Threshold("accuracy", ">=", 0.85)``.

    The family says which values are possible where several families have a metric of that name.
    """

    metric: str
    op: str
    bound: float
    family: str = field(default="", compare=False, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse a comparison that is not known, and a bound that the metric cannot reach."""
        if self.op not in {">=", ">", "<=", "<"}:
            raise unknown_name("comparison", self.op, [">=", ">", "<=", "<"])
        if isinstance(self.bound, bool) or not isinstance(self.bound, Real) or not math.isfinite(self.bound):
            raise ParameterError(f"a bound on {self.metric} must be a finite number", got=self.bound)
        largest = _LARGEST_OF_FAMILY.get((self.family, self.metric), _LARGEST.get(self.metric, 1.0))
        if not 0 <= self.bound <= largest:
            # Else a percentage would slip through: ``max_ece=2`` holds for every model.
            raise ParameterError(
                f"a bound on {self.metric} is out of range",
                got=self.bound,
                allowed=f"0 to {largest:g}",
                mend=f"{self.bound:g} % is {self.bound / 100:g}.",
            )

    @property
    def wants_high(self) -> bool:
        """Whether larger values satisfy the bound."""
        return self.op.startswith(">")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision, and the reason for it in one line."""

    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A verdict that was known before all was measured, and what was known by then.

    Parameters
    ----------
    threshold : Threshold
        The one question that it answers.
    decision, reason : str
        As of a `Verdict`.
    value, low, high : float
        The share that was found, and between which ends it lies.
    n : int
        Samples that it rests on.
    """

    threshold: Threshold
    decision: Decision
    reason: str
    value: float
    low: float
    high: float
    n: int


def holds(value: float, op: str, bound: float) -> bool:
    """Return whether ``value op bound`` is true; NaN makes it false."""
    if op == ">=":
        return value >= bound
    if op == ">":
        return value > bound
    if op == "<=":
        return value <= bound
    return value < bound
