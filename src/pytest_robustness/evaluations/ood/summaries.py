"""From anomaly scores to how well they separate: metrics of one set of outliers, and of several."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pytest_robustness.evaluations.measurement import Part
from pytest_robustness.evaluations.summaries import Estimate, measured
from pytest_robustness.metrics import rank
from pytest_robustness.metrics.ranked_intervals import (
    auroc_interval_of,
    average_precision_interval_of,
    fpr_interval_of,
    mean_auroc_interval_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.base import Block, Evaluation, Outcome, Subject
    from pytest_robustness.evaluations.measurement import Measurement
    from pytest_robustness.metrics import Interval, Ranked

    Floats = NDArray[np.float64]

BALANCED = 0.5
"""Prevalence to which the areas under precision-recall curves are weighted."""

ROC_POINTS = 100

ENOUGH = 86
"""Outliers below which the interval of FPR at 95 % TPR reaches up to 1, at 95 % confidence.

log(0.0125) / log(0.95) = 85.4: of fewer, all may lie above the score that 95 % of all outliers exceed.
"""

GROUPS = {"near": "near_auroc", "far": "far_auroc"}
"""First part of a set's name in a suite, and the metric of these sets."""


class _Metric(NamedTuple):
    value: Callable[[Ranked], float]
    interval: Callable[..., Interval]


_METRICS: dict[str, _Metric] = {
    "auroc": _Metric(lambda r: r.auroc(), auroc_interval_of),
    "aupr_out": _Metric(
        lambda r: r.average_precision(prevalence=BALANCED),
        lambda r, confidence: average_precision_interval_of(r, prevalence=BALANCED, confidence=confidence),
    ),
    "aupr_in": _Metric(
        lambda r: r.average_precision(positive="inlier", prevalence=BALANCED),
        lambda r, confidence: average_precision_interval_of(
            r, positive="inlier", prevalence=BALANCED, confidence=confidence
        ),
    ),
    "fpr95": _Metric(lambda r: r.fpr_at_tpr(), fpr_interval_of),
    "fpr95_in": _Metric(
        lambda r: r.fpr_at_tpr(positive="inlier"),
        lambda r, confidence: fpr_interval_of(r, positive="inlier", confidence=confidence),
    ),
}


def separation(
    evaluation: Evaluation,
    subject: Subject,
    outcomes: Mapping[Block, Outcome],
    inliers: Floats,
    outliers: Mapping[str, Floats],
    *,
    confidence: float,
) -> tuple[Measurement, ...]:
    """Reduce scores to measurements, AUROC first; of several sets, to means over them, with the sets as parts.

    Parameters
    ----------
    inliers : ndarray of float64, shape (N,)
    outliers : mapping of str to ndarray of float64, shapes (M_1,) ... (M_J,)
        Scores of each set of outliers, by its name. Where a set is smaller than the data, its figures are those of a
        sample even if all of the data was measured.
    """
    few, warnings = any(len(scores) < len(inliers) for scores in outliers.values()), _small_sets(outliers)
    faults = _no_difference([inliers, *outliers.values()])
    ranked = {name: rank(inliers, scores) for name, scores in outliers.items()}
    several = len(ranked) > 1
    details = {"auroc": _pictures(inliers, outliers, ranked)}
    found = {metric: _mean(metric, list(ranked.values()), inliers, confidence) for metric in _METRICS}
    parts = {metric: _parts(metric, ranked, confidence) if several else [] for metric in found}
    if several:
        found["worst_auroc"] = _worst(list(ranked.values()), confidence)
    for metric, group in grouped(ranked).items():
        found[metric] = _mean("auroc", [ranked[name] for name in group], inliers, confidence)
        parts[metric] = [part for part in parts["auroc"] if part.name in group]
    return tuple(
        measured(
            evaluation,
            subject,
            outcomes,
            metric,
            estimate,
            confidence=confidence,
            parts=parts.get(metric, ()),
            details=details.get(metric),
            warnings=warnings if metric in ("auroc", "fpr95") else (),
            faults=faults,
            sampled=few,
        )
        for metric, estimate in found.items()
    )


def _small_sets(outliers: Mapping[str, Floats]) -> list[str]:
    return [
        f"the set {name} has {len(scores)} outliers, which says next to nothing of FPR at 95 % TPR"
        for name, scores in outliers.items()
        if len(scores) < ENOUGH
    ]


def _no_difference(scores: Sequence[Floats]) -> list[str]:
    first = scores[0][0]
    if not all((some == first).all() for some in scores):
        return []
    return [f"every image has the same score, {first:.4g}, outliers too: it tells nothing apart"]


def grouped(names: Sequence[str] | Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sets of each group by its metric, where there are several groups."""
    groups = {metric: [name for name in names if name.startswith(f"{kind}/")] for kind, metric in GROUPS.items()}
    return groups if all(groups.values()) else {}


def _parts(metric: str, ranked: Mapping[str, Ranked], confidence: float) -> list[Part]:
    value, interval = _METRICS[metric]
    return [
        Part(name, value(r), *interval(r, confidence=confidence), n=r.n_inliers + r.n_outliers)
        for name, r in ranked.items()
    ]


def _mean(metric: str, ranked: Sequence[Ranked], inliers: Floats, confidence: float) -> Estimate:
    """Return the mean over the sets, with an interval that allows for the inliers that they share."""
    value, interval = _METRICS[metric]
    mean = math.fsum(value(r) for r in ranked) / len(ranked)
    if metric == "auroc":
        return Estimate(mean, *mean_auroc_interval_of(ranked, inliers, confidence=confidence))
    # All intervals hold together (Bonferroni), whatever the sets have in common; so the means of their ends do.
    low, high = np.mean([interval(r, confidence=_joint(confidence, len(ranked))) for r in ranked], axis=0).tolist()
    return Estimate(mean, low, high)


def _worst(ranked: Sequence[Ranked], confidence: float) -> Estimate:
    """Return the smallest area, with an interval that allows for the search among the sets (Bonferroni)."""
    intervals = [auroc_interval_of(r, confidence=_joint(confidence, len(ranked))) for r in ranked]
    return Estimate(min(r.auroc() for r in ranked), min(i.low for i in intervals), min(i.high for i in intervals))


def _joint(confidence: float, m: int) -> float:
    return 1 - (1 - confidence) / m


def _pictures(inliers: Floats, outliers: Mapping[str, Floats], ranked: Mapping[str, Ranked]) -> dict[str, Any]:
    """Return the histogram of all scores, and the ROC curve, or those of every set."""
    each = {
        name: {**_histogram(inliers, scores), "roc": _roc(ranked[name])} if len(outliers) > 1 else _roc(ranked[name])
        for name, scores in outliers.items()
    }
    together = _histogram(inliers, np.concatenate(list(outliers.values())))
    return {**together, **({"sets": each} if len(each) > 1 else {"roc": next(iter(each.values()))})}


def _roc(ranked: Ranked) -> dict[str, list[float]]:
    curve = ranked.roc(ROC_POINTS)
    return {"fpr": curve.fpr.round(5).tolist(), "tpr": curve.tpr.round(5).tolist()}


def _histogram(inliers: Floats, outliers: Floats, bins: int = 40) -> dict[str, list[float]]:
    finite = np.concatenate([inliers, outliers])
    finite = finite[np.isfinite(finite)]
    if len(finite) == 0:
        return {}
    edges = np.histogram_bin_edges(finite, bins=bins)
    low, high = edges[0], edges[-1]
    counts = [np.histogram(np.clip(scores, low, high), bins=edges)[0] for scores in (inliers, outliers)]
    return {"edges": edges.tolist(), "inlier": counts[0].tolist(), "outlier": counts[1].tolist()}
