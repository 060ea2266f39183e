"""The question that a threshold asks at each point of a surface, and what is known of it before all is measured.

``min_worst`` asks whether the accuracy is at least the bound, ``max_drop`` whether it is not further below that of the
unchanged images. One point that fails settles the whole; all must pass.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_robustness.evaluations.measurement import Measurement
from pytest_robustness.evaluations.sensitivity.drop import paired_difference
from pytest_robustness.evaluations.summaries import Estimate
from pytest_robustness.evaluations.thresholds import Decision, Threshold, holds
from pytest_robustness.evaluations.verdicts import judge
from pytest_robustness.metrics import binomial_interval, sequential_bounds

if TYPE_CHECKING:
    from pytest_robustness.evaluations.early import EarlyStop

METRICS = ("worst", "max_drop")
"""Those that are settled by single points."""

ENDLESS = 10**9
"""Population of which the images are a sample where intervals decide: even all that there are are but a sample."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known at a point.

    Parameters
    ----------
    n : int
        Images seen.
    lost, won : int
        Those that were right and are not, and the other way round. For the worst point, "were right" is true of all.
    """

    n: int
    lost: int
    won: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What is said of a point: nothing yet (None), or a decision, with what it rests on."""

    decision: Decision | None
    text: str
    estimate: Estimate
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The question that is asked at each point.

    Parameters
    ----------
    early : EarlyStop
    n : int
        Images that there are.
    population : int
        Size of the set that they were drawn from.
    fewest, most : int
        Points that there will be at least, and at most: all their intervals hold together.
    """

    early: EarlyStop
    n: int
    population: int
    fewest: int
    most: int

    @property
    def threshold(self) -> Threshold:
        """The bound."""
        return self.early.threshold

    def finding(self, seen: Seen) -> Finding:
        """Return what is known at a point."""
        return self._certain(seen) or self._sequential(seen) or self._open(seen)

    def _certain(self, seen: Seen) -> Finding | None:
        """Judge the best and the worst that is still possible, for the fewest and for the most points."""
        left = self.n - seen.n
        ends = [(seen.lost + left, seen.won), (seen.lost, seen.won + (left if self._drops else 0))]
        levels = sorted({1 - (1 - self.early.confidence) / points for points in (self.fewest, self.most)})
        decisions = {_judged(self.early, *end, self.n, level) for end in ends for level in levels}
        values = sorted(self._value(lost, won, self.n) for lost, won in ends)
        if len(decisions) > 1 or ("inconclusive" in decisions and left):
            return None
        if not left:
            return replace(self._open(seen), decision=decisions.pop())
        text = "certain, whatever comes of the images not seen"
        estimate = Estimate(min(max(self._value(seen.lost, seen.won, seen.n), values[0]), values[1]), *values)
        return Finding(decisions.pop(), text, estimate, seen.n)

    def _sequential(self, seen: Seen) -> Finding | None:
        """Test with bounds that hold at all times, and at all points together."""
        alpha = float(self.early.alpha or 0) / self.most
        if not alpha:
            return None
        # Intervals decide unless the rule asks for the value on all images alone.
        population = self.population if self.early.rule == "point" else ENDLESS
        if self._drops:
            lost, won = (_bounds(k, seen.n, population, alpha / 2) for k in (seen.lost, seen.won))
            low, high = (lost[0] - won[1]) / population, (lost[1] - won[0]) / population
        else:
            fewest, most = _bounds(seen.n - seen.lost, seen.n, population, alpha)
            low, high = fewest / population, most / population
        inside = [holds(end, self.threshold.op, self.threshold.bound) for end in (low, high)]
        if inside[0] != inside[1]:
            return None
        text = f"by a sequential test of error {self.early.alpha:g} over all points"
        estimate = Estimate(self._value(seen.lost, seen.won, seen.n), low, high)
        return Finding("passed" if inside[0] else "failed", text, estimate, seen.n)

    def _open(self, seen: Seen) -> Finding:
        """Return that nothing is settled: images are left, or few points say something else than many."""
        decision: Decision | None = None if seen.n < self.n else "inconclusive"
        level = 1 - (1 - self.early.confidence) / self.most
        estimate = _estimate(self.threshold.metric, seen.lost, seen.won, seen.n, level)
        return Finding(decision, f"of all {self.n:,} images", estimate, seen.n)

    @property
    def _drops(self) -> bool:
        return self.threshold.metric == "max_drop"

    def _value(self, lost: int, won: int, n: int) -> float:
        return (lost - won) / n if self._drops else (n - lost) / n


def _estimate(metric: str, lost: int, won: int, n: int, level: float) -> Estimate:
    if metric == "max_drop":
        return paired_difference(lost, won, n, confidence=level)
    return Estimate((n - lost) / n, *binomial_interval(n - lost, n, confidence=level))


@lru_cache(maxsize=4096)
def _judged(early: EarlyStop, lost: int, won: int, n: int, level: float) -> Decision:
    metric = early.threshold.metric
    value, low, high = _estimate(metric, lost, won, n, level)
    imagined = Measurement(
        family="",
        metric=metric,
        parameters={},
        value=value,
        low=low,
        high=high,
        confidence=level,
        n=n,
        population=n,
        higher_is_better=early.threshold.wants_high,
        sampled=True,
    )
    return judge(imagined, early.threshold, rule=early.rule).decision


@lru_cache(maxsize=4096)
def _bounds(successes: int, drawn: int, population: int, alpha: float) -> tuple[int, int]:
    return sequential_bounds(successes, drawn, population, alpha=alpha)
