"""From probabilities, in one form of the data or several, to the metrics of the calibration family."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pytest_robustness.evaluations.calibration.unseen import possible_cost, possible_gap
from pytest_robustness.evaluations.measurement import Part
from pytest_robustness.evaluations.summaries import Estimate, measured
from pytest_robustness.metrics import (
    Replicates,
    brier_terms,
    calibration_replicates,
    clustered_interval,
    log_losses,
    mean_interval,
    reliability_bins,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_robustness.evaluations.base import Block, Evaluation, Outcome, Subject
    from pytest_robustness.evaluations.measurement import Measurement

Probabilities = NDArray[np.float64]

_METRICS = (
    *("ece", "ace", "mce", "rms", "brier", "nll", "classwise_ece", "debiased_ece", "smooth_ece", "rms_hendrycks"),
    *("brier_reliability", "brier_resolution", "brier_uncertainty", "worst_ece"),
)

_TERMS: dict[str, Callable[[Any, Any], NDArray[np.float64]]] = {"brier": brier_terms, "nll": log_losses}
"""Metrics that are means over the samples."""

_LEAST: dict[str, Callable[[float, int], float]] = {
    **dict.fromkeys(("ece", "ace", "mce", "rms", "debiased_ece", "smooth_ece"), lambda gap, _: gap),
    "classwise_ece": lambda gap, classes: gap / classes,
    "brier_reliability": lambda gap, _: gap**2,
}
"""The least that an error can be, from the distance of mean confidence and accuracy and the number of classes."""

_REPEATS, _REPEATS_OF_MANY, _REPEATS_OF_VERY_MANY = 500, 200, 100
"""Replicates for one set of probabilities, for a suite of corruptions, and for one with levels."""

_Summary = tuple[Estimate, list[Estimate], dict[str, float]]
"""The value, that of each form of the data, and the null band of the value where it has one."""


def summarised(
    evaluation: Evaluation,
    subject: Subject,
    outcomes: Mapping[Block, Outcome],
    forms: Mapping[str, Sequence[Probabilities]],
    *,
    bins: int,
    confidence: float,
    details: Mapping[str, Any],
    warnings: Sequence[str],
    faults: Sequence[str],
) -> tuple[Measurement, ...]:
    """Reduce probabilities to measurements.

    Parameters
    ----------
    forms : mapping of str to sequence of ndarray, shape (N, K)
        The probabilities of the same N samples in each form of the data (a corruption), at each of its levels. The
        value is the mean over forms of the mean over levels; where there are several, ``worst_ece``
        is the largest ECE of a form.

    Notes
    -----
    One image in all its forms is one cluster: a resample takes it in every form or in none, and labels are drawn with
    one uniform number for all of them, which couples their luck as strongly as can be. So the same images once more
    are not counted as more data, neither in the interval nor in the null band of a mean.
    """
    labels, levels = subject.dataset.labels, list(forms.values())
    by_metric = _summaries(levels, labels, bins=bins, seed=subject.seed, confidence=confidence)
    extra = {"ece": {"bins": _diagram(levels, labels, bins)}}
    measurements = []
    for name in filter(by_metric.get, _METRICS):
        estimate, each, band = by_metric[name]
        made = measured(
            evaluation,
            subject,
            outcomes,
            name,
            estimate,
            confidence=confidence,
            parts=_parts(forms, each, len(labels)),
            details={**extra.get(name, {}), **({"null_band": band} if band else {}), **details},
            warnings=warnings,
            faults=faults,
        )
        measurements.append(replace(made, noise_floor=band["high"]) if band else made)
    return tuple(measurements)


def _summaries(
    forms: list[Sequence[Probabilities]], labels: NDArray[np.int64], *, bins: int, seed: int, confidence: float
) -> dict[str, _Summary]:
    """Return the summary of every metric."""
    many = sum(map(len, forms))
    repeats = _REPEATS if many == 1 else _REPEATS_OF_MANY if many <= 20 else _REPEATS_OF_VERY_MANY
    found = [[calibration_replicates(p, labels, bins=bins, seed=seed, repeats=repeats) for p in f] for f in forms]
    each = {name: [Replicates.mean([level[name] for level in levels]) for levels in found] for name in found[0][0]}
    return {
        **{name: _of_replicates(name, replicates, forms, labels, confidence) for name, replicates in each.items()},
        **{name: _of_terms(name, forms, labels, confidence) for name in _TERMS},
        **({"worst_ece": _of_the_worst(each["ece"], forms, labels, confidence)} if len(forms) > 1 else {}),
    }


def _diagram(forms: list[Sequence[Probabilities]], labels: NDArray[np.int64], bins: int) -> list[dict[str, Any]]:
    """Return the bars of the reliability diagram of all forms together."""
    everything = [p for levels in forms for p in levels]
    bars = reliability_bins(np.concatenate(everything), np.tile(labels, len(everything)), bins=bins)
    return [asdict(bar) for bar in bars if bar.n]


def _of_replicates(
    name: str,
    each: Sequence[Replicates],
    forms: list[Sequence[Probabilities]],
    labels: NDArray[np.int64],
    confidence: float,
) -> _Summary:
    """Return the mean over forms, the estimate of each form, and the null band of the mean."""
    whole = Replicates.mean(each)
    seen = [[p for levels in forms for p in levels], *forms]
    estimates = [
        _reaching(name, one, levels, labels, confidence) for one, levels in zip((whole, *each), seen, strict=True)
    ]
    has_band = whole.by_chance is not None and not math.isnan(whole.value)
    return estimates[0], estimates[1:], whole.band(confidence)._asdict() if has_band else {}


def _reaching(
    name: str, found: Replicates, levels: Sequence[Probabilities], labels: NDArray[np.int64], confidence: float
) -> Estimate:
    """Return an error with an interval that reaches as far as mistakes that were not seen may take it."""
    if math.isnan(found.value):
        return Estimate(math.nan, math.nan, math.nan)
    low, high = found.interval(confidence)
    if name == "brier_resolution":
        # Bins make differences of chance look like resolution: the resamples show by how much.
        low = max(0.0, low - max(0.0, float(found.resampled.mean()) - found.value))
    if name in _LEAST:
        gap = possible_gap(levels, labels, confidence)
        high = max(high, min(found.largest, _LEAST[name](gap, levels[0].shape[1])))
    return Estimate(found.value, low, high)


def _of_the_worst(
    each: Sequence[Replicates], forms: list[Sequence[Probabilities]], labels: NDArray[np.int64], confidence: float
) -> _Summary:
    """Return the largest error of a form, with an interval that allows for the search among m of them.

    All m intervals hold together at the level ``1 - (1 - confidence) / m`` (Bonferroni); the largest true error then
    lies between their largest ends. The band is that of the largest error by chance.
    """
    level = 1 - (1 - confidence) / len(each)
    pairs = list(zip(each, forms, strict=True))
    intervals = [_reaching("ece", one, levels, labels, level) for one, levels in pairs]
    value = max(one.value for one in each)
    worst = Estimate(value, max(i.low for i in intervals), max(i.high for i in intervals))
    by_chance = np.max([one.by_chance for one in each if one.by_chance is not None], axis=0)
    band = Replicates(value=value, resampled=by_chance, by_chance=by_chance).band(confidence)
    return worst, [_reaching("ece", one, levels, labels, confidence) for one, levels in pairs], band._asdict()


def _of_terms(
    metric: str, forms: Sequence[Sequence[Probabilities]], labels: NDArray[np.int64], confidence: float
) -> _Summary:
    """Return the same for a mean over samples, which has no null band."""
    terms = _TERMS[metric]
    each = [np.mean([terms(p, labels) for p in levels], axis=0) for levels in forms]
    costs = [possible_cost(terms, levels, labels, confidence) for levels in forms]
    whole = _mean(metric, np.mean(each, axis=0), float(np.mean(costs)), confidence)
    return whole, [_mean(metric, one, cost, confidence) for one, cost in zip(each, costs, strict=True)], {}


def _mean(metric: str, terms: NDArray[np.float64], possible: float, confidence: float) -> Estimate:
    """Return a mean with its interval; one infinite term makes the mean infinite, whatever the others are."""
    value = float(terms.mean())
    if not np.isfinite(terms).all():
        return Estimate(value, value, value)
    if metric == "brier":  # in [0, 2], so that its half is a share
        low, high = (2 * end for end in clustered_interval(terms / 2, confidence=confidence))
    else:
        low, high = mean_interval(terms, confidence=confidence)
    return Estimate(value, max(low, 0.0), max(high, value + possible))


def _parts(forms: Iterable[str], each: Sequence[Estimate], n: int) -> list[Part]:
    """Return the estimates of several forms as parts; one form alone is the value itself."""
    return [Part(name, *e, n=n) for name, e in zip(forms, each, strict=True)] if len(each) > 1 else []
