"""From a measurement and a bound to a verdict: passed, failed or inconclusive."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal, get_args

from pytest_robustness.errors import ParameterError, unknown_name
from pytest_robustness.evaluations.measurement import Measurement, holds
from pytest_robustness.metrics import binomial_interval

Rule = Literal["point", "verify", "regress"]
Decision = Literal["passed", "failed", "inconclusive", "measured"]

RULES: tuple[str, ...] = get_args(Rule)

_LARGEST = {"brier": 2.0, "nll": math.inf}
"""Largest value of the metrics that may exceed 1."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound on one metric, for instance ``Threshold("accuracy", ">=", 0.85)``."""

    metric: str
    op: str
    bound: float

    def __post_init__(self) -> None:
        """Refuse a comparison that is not known, and a bound that the metric cannot reach."""
        if self.op not in {">=", ">", "<=", "<"}:
            raise unknown_name("comparison", self.op, [">=", ">", "<=", "<"])
        if isinstance(self.bound, bool) or not isinstance(self.bound, Real) or not math.isfinite(self.bound):
            raise ParameterError(f"a bound on {self.metric} must be a finite number", got=self.bound)
        largest = _LARGEST.get(self.metric, 1.0)
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


def judge(measurement: Measurement, threshold: Threshold, *, rule: str | None = None) -> Verdict:
    """Decide whether a measurement meets a threshold.

    Parameters
    ----------
    measurement : Measurement
        With its interval.
    threshold : Threshold
        A bound on the same metric.
    rule : {"point", "verify", "regress"}, optional
        ``point`` compares the value. ``verify`` passes where the whole interval is on the good side, fails where the
        whole interval is on the bad side, and is inconclusive between. ``regress`` fails only where the whole interval
        is on the bad side. By default ``point`` where the whole data set was measured, else ``verify``.

    Returns
    -------
    Verdict
        A value that is not a number, or a measurement with a fault, never passes.

    Raises
    ------
    ParameterError
        For an unknown rule, or a threshold on another metric.
    """
    if rule is not None and rule not in RULES:
        raise unknown_name("verdict rule", rule, RULES)
    if threshold.metric != measurement.metric:
        raise ParameterError(
            "the threshold is on another metric", got=threshold.metric, allowed=f"a bound on {measurement.metric}"
        )
    if math.isnan(measurement.value):
        return Verdict("failed", f"{measurement.metric} is not a number")
    rule = rule or default_rule(measurement)
    if rule != "point" and (math.isnan(measurement.low) or math.isnan(measurement.high)):
        return Verdict("inconclusive", f"{measurement.metric} has no interval")
    verdict = _RULES[rule](measurement, threshold)
    if measurement.faults and verdict.decision != "failed":
        return Verdict("failed", f"{verdict.reason}, but the value cannot be relied on: {measurement.faults[0]}")
    return verdict


def default_rule(measurement: Measurement) -> Rule:
    """Return ``point`` where everything was measured, ``verify`` where a sample was."""
    return "point" if measurement.n >= measurement.population else "verify"


def _point(m: Measurement, t: Threshold) -> Verdict:
    if holds(m.value, t.op, t.bound):
        return Verdict("passed", f"{m.value:.4g} {t.op} {t.bound:g}")
    return Verdict("failed", f"{m.value:.4g} misses {t.op} {t.bound:g} by {abs(m.value - t.bound):.4g}")


def _verify(m: Measurement, t: Threshold) -> Verdict:
    interval = f"{m.confidence * 100:g} % interval [{m.low:.4g}, {m.high:.4g}]"
    good, bad = (m.low, m.high) if t.wants_high else (m.high, m.low)
    if holds(good, t.op, t.bound):
        return Verdict("passed", f"{interval} lies wholly {t.op} {t.bound:g}")
    if not holds(bad, t.op, t.bound) and not math.isnan(bad):
        return Verdict("failed", f"{interval} lies wholly outside {t.op} {t.bound:g}")
    return Verdict("inconclusive", f"{interval} contains {t.bound:g}{_samples_to_settle(m, t)}")


def _regress(m: Measurement, t: Threshold) -> Verdict:
    verdict = _verify(m, t)
    if verdict.decision != "inconclusive":
        return verdict
    return Verdict("passed", f"{m.value:.4g} is not shown to miss {t.op} {t.bound:g}")


_RULES = {"point": _point, "verify": _verify, "regress": _regress}


def _samples_to_settle(m: Measurement, t: Threshold) -> str:
    """Say how many samples would settle the question if the value stayed what it is."""
    if m.metric not in {"accuracy", "worst", "mean"} or not 0 <= m.value <= 1 or m.value == t.bound:
        return "; all samples would settle it" if m.n < m.population else ""
    n = m.n
    while n < m.population:
        n = min(2 * n, m.population)
        low, high = binomial_interval(m.value * n, n, confidence=m.confidence)
        if not low <= t.bound <= high:
            return f"; about {n:,} samples would settle it"
    return f"; all {m.population:,} samples under the rule 'point' would settle it" if m.n < m.population else ""
