"""What the families share when they turn outcomes into measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_robustness.evaluations.measurement import Measurement, Part
from pytest_robustness.metrics import binomial_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from pytest_robustness.evaluations.base import Block, Evaluation, Outcome, Subject

LOWER_IS_BETTER = {"ece", "ace", "mce", "rms", "brier", "nll", "fpr95", "max_drop"}
"""Metrics of which less is better; of all others more is."""


class Estimate(NamedTuple):
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float


def share_correct(correct: NDArray[np.bool_], confidence: float) -> Estimate:
    """Return the share of true entries with its exact binomial interval."""
    low, high = binomial_interval(int(correct.sum()), correct.size, confidence=confidence)
    return Estimate(float(correct.mean()), low, high)


def correct_part(name: str, correct: NDArray[np.bool_], confidence: float) -> Part:
    """Return the share of true entries as a part of a measurement."""
    return Part(name, *share_correct(correct, confidence), n=int(correct.size))


def measured(
    evaluation: Evaluation,
    subject: Subject,
    outcomes: Mapping[Block, Outcome],
    metric: str,
    estimate: Estimate,
    *,
    confidence: float,
    parts: Iterable[Part] = (),
    details: Mapping[str, Any] | None = None,
    warnings: Iterable[str] = (),
    faults: Iterable[str] = (),
) -> Measurement:
    """Make a measurement of `metric` whose cost is that of all the outcomes."""
    return Measurement(
        family=evaluation.family,
        metric=metric,
        parameters=evaluation.parameters(),
        value=float(estimate.value),
        low=float(estimate.low),
        high=float(estimate.high),
        confidence=confidence,
        n=len(subject.dataset),
        population=subject.dataset.population,
        higher_is_better=metric not in LOWER_IS_BETTER,
        parts=tuple(parts),
        seconds=sum(outcome.seconds for outcome in outcomes.values()),
        forwards=sum(outcome.forwards for outcome in outcomes.values()),
        backwards=sum(outcome.backwards for outcome in outcomes.values()),
        cached=all(outcome.cached for outcome in outcomes.values()),
        warnings=tuple(warnings),
        faults=tuple(faults),
        details=details or {},
    )
