"""What the families share when they turn outcomes into measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pytest_robustness.evaluations.measurement import Measurement, Part
from pytest_robustness.metrics import binomial_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.base import Block, Evaluation, Outcome, Subject
    from pytest_robustness.evaluations.thresholds import Settled

_CALIBRATION = (
    *("classwise_ece", "debiased_ece", "smooth_ece", "rms_hendrycks"),
    *("brier_reliability", "brier_uncertainty", "worst_ece"),
)

LOWER_IS_BETTER = {
    "ece",
    "ace",
    "mce",
    "relative_mce",
    "rms",
    "brier",
    "nll",
    *_CALIBRATION,
    "fpr95",
    "fpr95_in",
    "max_drop",
    "excess_drop",
}
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


def class_parts(correct: NDArray[np.bool_], labels: NDArray[np.int64], confidence: float) -> list[Part]:
    """Return the share of true entries of each class that has samples, as parts of a measurement."""
    return [correct_part(f"class {k}", correct[labels == k], confidence) for k in np.unique(labels)]


def lowest(values: Sequence[float], *, n: int, confidence: float) -> Estimate:
    """Return the smallest of several accuracies, with an interval that allows for the search among them.

    Each accuracy is of the same `n` samples. Their exact intervals are made at the level ``1 - (1 - confidence) / m``
    (Bonferroni), so that all m hold together; the smallest true value then lies between their smallest ends.
    """
    level = 1 - (1 - confidence) / len(values)
    intervals = [binomial_interval(value * n, n, confidence=level) for value in values]
    return Estimate(min(values), min(i.low for i in intervals), min(i.high for i in intervals))


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
    doubts: Iterable[str] = (),
    sampled: bool = False,
    bracket: bool = False,
    settled: Settled | None = None,
    samples: Mapping[str, NDArray[Any]] | None = None,
) -> Measurement:
    """Make a measurement of `metric` whose cost is that of all the outcomes.

    One that ended early has the value and the interval of its verdict instead of `estimate`, at the level of the
    sequential test where there was one.
    """
    if settled is not None:
        estimate = Estimate(settled.value, settled.low, settled.high)
        if subject.early is not None and subject.early.alpha:
            confidence = 1 - subject.early.alpha
    return Measurement(
        family=evaluation.family,
        metric=metric,
        parameters=evaluation.parameters(),
        value=float(estimate.value),
        low=float(estimate.low),
        high=float(estimate.high),
        confidence=confidence,
        n=len(subject.dataset) if settled is None else settled.n,
        population=subject.dataset.population,
        higher_is_better=metric not in LOWER_IS_BETTER,
        parts=tuple(parts),
        seconds=sum(outcome.seconds for outcome in outcomes.values()),
        forwards=sum(outcome.forwards for outcome in outcomes.values()),
        backwards=sum(outcome.backwards for outcome in outcomes.values()),
        cached=all(outcome.cached for outcome in outcomes.values()),
        warnings=tuple(warnings),
        faults=tuple(faults),
        doubts=tuple(doubts),
        sampled=sampled,
        bracket=bracket,
        details=details or {},
        settled=settled,
        samples=samples or {},
    )
