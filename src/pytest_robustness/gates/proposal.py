"""Bounds for a model that is there already: what it is sure to reach, less a margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import ParameterError, RobustnessError
from pytest_robustness.evaluations import FAMILIES, Measurement, Threshold, judge, make_requirement
from pytest_robustness.metrics import binomial_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MARGIN = 2.0
"""How many arms of its interval a bound lies beyond the end of it.

With other samples the end itself is missed every other time. It moves by sqrt(2) standard errors, and an arm of a 95 %
interval is 1.96 of them: two arms are missed with probability 0.3 %, and 1.2 % where the interval is lopsided because
only a few samples are wrong."""


@dataclass(frozen=True, kw_only=True)
class Ignorance:
    """What a model reaches that knows nothing: it gives the same answer to every image, or none more than another.

    Parameters
    ----------
    share : float
        Accuracy of the same answer to every image: the share of the largest class.
    classes : int or None
        Number of classes, where it is known.
    """

    share: float
    classes: int | None = None

    def reaches(self, family: str, metric: str, op: str) -> float:
        """Return what such a model reaches in a metric: a bound there or below it asks for nothing."""
        if (known := _IGNORANT.get(f"{family}.{metric}")) is not None:
            return known(self.share, self.classes or math.inf)
        return self.share if op == ">=" else 1 - self.share


_IGNORANT: dict[str, Callable[[float, float], float]] = {
    **dict.fromkeys(
        [f"ood.{name}" for name in ("auroc", "near_auroc", "far_auroc", "worst_auroc", "aupr_out", "aupr_in")],
        lambda _share, _classes: 0.5,
    ),
    "ood.fpr95": lambda _share, _classes: 0.95,
    "ood.fpr95_in": lambda _share, _classes: 0.95,
    # Calibrated, but of no use: every class is as likely as any other.
    "calibration.brier": lambda _share, classes: 1 - 1 / classes,
    "calibration.nll": lambda _share, classes: math.log(classes),
    "calibration.classwise_ece": lambda share, classes: 2 * (1 - share) / classes if classes < math.inf else 1.0,
    # Beside a reference, whose errors are not known here.
    "corruption.mce": lambda _share, _classes: math.inf,
    "corruption.relative_mce": lambda _share, _classes: math.inf,
    **dict.fromkeys(
        ("sensitivity.area", "sensitivity.robust_box", "certified.mean_radius", "certified.median_radius"),
        lambda _share, _classes: 0.0,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A requirement with bounds that a model meets, and what cannot be asked of it.

    Parameters
    ----------
    family : str
    keys : mapping
        Parameters of the evaluation, and the settings it brings along.
    bounds : mapping
        By the names of thresholds; empty where nothing is proposed.
    origins : tuple of str
        For each bound, the value and the interval that it comes from.
    left_out : tuple of str
        Why there is no bound on a metric.
    """

    family: str
    keys: Mapping[str, Any]
    bounds: Mapping[str, float]
    origins: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def table(self) -> dict[str, Any]:
        """The requirement as a table."""
        return {"family": self.family, **self.keys, **self.bounds}


def propose(
    family: str,
    keys: Mapping[str, Any],
    metrics: Sequence[Measurement],
    *,
    ignorance: Ignorance,
    margin: float = MARGIN,
    every: bool = False,
) -> Proposal:
    """Propose bounds on the metrics of one evaluation.

    Parameters
    ----------
    family : str
    keys : mapping
        Parameters of the evaluation, and the settings it brings along, without bounds.
    metrics : sequence of Measurement
        The main metric first.
    ignorance : Ignorance
        What a bound must ask for more than.
    margin : float
        In arms of the interval, at least 0.
    every : bool
        Every metric that can be bounded, not only the main one.
    """
    bounds: dict[str, float] = {}
    origins, left_out = [], []
    chosen = metrics if every else metrics[:1]
    by_metric = {metric: (keyword, op) for keyword, (metric, op) in FAMILIES[family].thresholds.items()}
    for m in chosen:
        if m.metric not in by_metric:
            continue
        keyword, op = by_metric[m.metric]
        try:
            bound = bound_for(m, op, ignorance=ignorance, margin=margin)
            make_requirement(family, {**keys, keyword: bound})
        except RobustnessError as error:
            left_out.append(f"{m.name}: {error}")
        else:
            bounds[keyword] = bound
            origins.append(_origin(m))
    return Proposal(family=family, keys=dict(keys), bounds=bounds, origins=tuple(origins), left_out=tuple(left_out))


def bound_for(m: Measurement, op: str, *, ignorance: Ignorance, margin: float = MARGIN) -> float:
    """Return a bound that a measurement meets under every rule, with a margin, rounded to its far side.

    It is the end of the interval on the bad side, less `margin` times an arm of the interval: the distance from the
    value to that end, or half of the interval where that is more. No arm is shorter than that of a share of n samples
    that are all correct, so that a value of 1 leaves room as well. A bound from above is not below what a perfect model
    shows by chance.

    Raises
    ------
    ParameterError
        Where there is no bound that means anything, saying why.
    """
    check_margin(margin)
    _check_sound(m)
    low = op == ">="
    end = m.low if low else m.high
    arm = max(abs(m.value - end), (m.high - m.low) / 2, 1 - binomial_interval(m.n, m.n, confidence=m.confidence).low)
    wanted = end - margin * arm if low else max(end + margin * arm, m.noise_floor)
    bound = max(0.0, _rounded(wanted, arm, ROUND_FLOOR if low else ROUND_CEILING))
    worthless = ignorance.reaches(m.family, m.metric, op)
    if (bound <= worthless) if low else (bound >= worthless):
        asks = f"{_origin(m)}: a bound of {bound:g} would ask for nothing"
        raise ParameterError(f"{asks}, since a model that knows nothing has {worthless:.4g}")
    threshold = Threshold(m.metric, op, bound, family=m.family)
    for rule in ("point", "verify"):
        verdict = judge(m, threshold, rule=rule)
        if verdict.decision != "passed":
            raise ParameterError(f"a bound of {bound:g} would be {verdict.decision}: {verdict.reason}")
    return bound


def check_margin(margin: float) -> None:
    """Raise ParameterError for a margin that is none."""
    if not (math.isfinite(margin) and margin >= 0):
        raise ParameterError("the margin is out of range", got=margin, allowed="at least 0, in arms of the interval")


def _check_sound(m: Measurement) -> None:
    """Refuse a value that no bound may rest on."""
    if m.faults:
        raise ParameterError(f"it cannot be relied on: {m.faults[0]}")
    if m.doubts:
        raise ParameterError(f"it may only look good: {m.doubts[0]}")
    if m.settled is not None:
        raise ParameterError("it was measured only until another bound was settled")
    if not all(map(math.isfinite, (m.value, m.low, m.high))):
        raise ParameterError("it has no interval", got=[m.value, m.low, m.high])


def _rounded(value: float, arm: float, rounding: str) -> float:
    """Round to two or three digits after the point, or four: not coarser than half an arm, so that little is lost."""
    digits = min(4, max(2, -math.floor(math.log10(arm / 2))))
    step = Decimal(1).scaleb(-digits)
    return float((Decimal(value) / step).to_integral_value(rounding) * step)


def _origin(m: Measurement) -> str:
    size = f"n = {m.n:,}" if m.n >= m.population else f"n = {m.n:,} of {m.population:,}"
    return f"{m.metric} {m.value:.4f}, {m.ends} [{m.low:.4f}, {m.high:.4f}], {size}"
