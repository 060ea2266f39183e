"""Verdicts that are known before all is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_robustness.evaluations.measurement import Measurement
from pytest_robustness.evaluations.thresholds import Decision, Settled, Threshold, holds
from pytest_robustness.evaluations.verdicts import judge
from pytest_robustness.metrics import binomial_interval, sequential_bounds

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from pytest_robustness.evaluations.adversarial.course import Course

SLICE = 64
"""Samples between two looks at what is known so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyStop:
    """The verdict that is wanted on a share of correct samples, and how sure it has to be.

    Parameters
    ----------
    threshold : Threshold
        The bound on the share.
    rule : str, optional
        The rule of the verdict over all samples, as for `judge`.
    confidence : float
        Level of its interval.
    alpha : float, optional
        Error that a sequential test may make; without it only what cannot change any more is a verdict.
    """

    threshold: Threshold
    rule: str | None = None
    confidence: float = 0.95
    alpha: float | None = None

    def next_rows(self, course: Course) -> tuple[int, NDArray[np.int64]] | None:
        """Return the stage to go on with and its samples, (stage, positions); None where nothing is left.

        What cannot change any more is known soonest where all samples meet the cheapest stage first; a sequential test
        needs few samples, but those through all stages.
        """
        for stage, start in self._order(course):
            waiting = course.waiting(stage)
            rows = waiting[(waiting >= start) & (waiting < start + SLICE)]
            if len(rows):
                return stage, rows
        return None

    def _order(self, course: Course) -> Iterator[tuple[int, int]]:
        stages, starts = range(course.stages), range(0, len(course.done), SLICE)
        if self.alpha is None:
            return ((stage, start) for stage in stages for start in starts)
        return ((stage, start) for start in starts for stage in stages)

    def settled(self, course: Course, population: int) -> Settled | None:
        """Return the verdict where it is known, else None.

        Parameters
        ----------
        course : Course
            Of n samples in random order.
        population : int
            Size of the set that the n samples were drawn from.
        """
        return self._certain(course, population) or (self._sequential(course, population) if self.alpha else None)

    def _certain(self, course: Course, population: int) -> Settled | None:
        """Judge the fewest and the most correct samples that are still possible: between them nothing changes."""
        n = len(course.done)
        least, most = int((course.over & course.standing).sum()), int(course.standing.sum())
        if least == most:
            return None  # nothing is open: the full verdict, with its reason, is at hand
        decisions = {self._judged(count, n, population) for count in (least, most)}
        if len(decisions) > 1 or "inconclusive" in decisions:
            return None
        decision = decisions.pop()
        value = min(max(_estimate(course), least / n), most / n)
        reason = (
            f"certain: {least} to {most} of {n:,} can be correct, whatever comes of the {most - least} not finished"
        )
        return Settled(self.threshold, decision, reason, value, least / n, most / n, n)

    def _judged(self, count: int, n: int, population: int) -> Decision:
        low, high = binomial_interval(count, n, confidence=self.confidence)
        imagined = Measurement(
            family="",
            metric=self.threshold.metric,
            parameters={},
            value=count / n,
            low=low,
            high=high,
            confidence=self.confidence,
            n=n,
            population=population,
            higher_is_better=True,
        )
        return judge(imagined, self.threshold, rule=self.rule).decision

    def _sequential(self, course: Course, population: int) -> Settled | None:
        """Test with bounds that hold at all times.

        Those that stand after a stage are at least as many as those that stand after all. So a failure is shown by any
        stage, with its share of the error; a pass by the last alone. Only one of the two can be wrong.
        """
        alpha = float(self.alpha or 0)
        for stage in range(course.stages):
            last = stage == course.stages - 1
            n = course.prefix(stage)
            count = int((course.fell[:n] > stage).sum())
            _, most = sequential_bounds(count, n, population, alpha=alpha / course.stages)
            least, _ = sequential_bounds(count, n, population, alpha=alpha)
            threshold = self.threshold
            decision: Decision
            if not holds(most / population, threshold.op, threshold.bound):
                decision, found = "failed", f"at most {most / population:.4g} can be correct"
            elif last and holds(least / population, threshold.op, threshold.bound):
                decision, found = "passed", f"at least {least / population:.4g} are correct"
            else:
                continue
            reason = f"{found}: {count} of the first {n:,}, by a sequential test of error {alpha:g}"
            return Settled(threshold, decision, reason, count / n, least / population, most / population, n)
        return None


def _estimate(course: Course) -> float:
    """Return the share that stands after the last stage that has been reached, among the first samples, through it."""
    reached = [(course.prefix(stage), stage) for stage in range(course.stages)]
    n, stage = [(n, stage) for n, stage in reached if n][-1]
    return float((course.fell[:n] > stage).mean())
