"""From a measurement and a bound to a verdict: passed, failed or inconclusive."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

from pytest_robustness.errors import ParameterError, unknown_name
from pytest_robustness.evaluations.thresholds import Threshold, Verdict, holds
from pytest_robustness.metrics import binomial_interval

if TYPE_CHECKING:
    from pytest_robustness.evaluations.measurement import Measurement

Rule = Literal["point", "verify", "regress"]

_LARGEST = 10**10
"""Most samples that are thought of."""

RULES: tuple[str, ...] = get_args(Rule)


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
        is on the bad side. By default ``point`` where the whole data set was measured and that is all there is to
        the metric, else ``verify``.
        A bound below the measurement's `noise_floor` is met or missed by chance: under ``point`` and ``verify`` it is
        inconclusive, unless the whole interval is on the bad side.

    Returns
    -------
    Verdict
        A value that is not a number, or a measurement with a fault, never passes; one with a doubt is inconclusive
        where it would pass.

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
    verdict = _settled(measurement, threshold) or _by_rule(measurement, threshold, rule)
    if measurement.faults and verdict.decision != "failed":
        return Verdict("failed", f"{verdict.reason}, but the value cannot be relied on: {measurement.faults[0]}")
    if measurement.doubts and verdict.decision == "passed":
        return Verdict("inconclusive", f"{verdict.reason}, but {measurement.doubts[0]}")
    return verdict


def _settled(measurement: Measurement, threshold: Threshold) -> Verdict | None:
    """Return the verdict for which the measurement was ended early; it answers no other question."""
    settled = measurement.settled
    if settled is None or settled.threshold == threshold:
        return None if settled is None else Verdict(settled.decision, settled.reason)
    return Verdict(
        "inconclusive", f"measured only until {settled.threshold.op} {settled.threshold.bound:g} was settled"
    )


def _by_rule(measurement: Measurement, threshold: Threshold, rule: str | None) -> Verdict:
    if math.isnan(measurement.value):
        return Verdict("failed", f"{measurement.metric} is not a number")
    rule = rule or default_rule(measurement)
    if rule != "point" and (math.isnan(measurement.low) or math.isnan(measurement.high)):
        return Verdict("inconclusive", f"{measurement.metric} has no interval")
    return (_below_noise(measurement, threshold) if rule != "regress" else None) or _RULES[rule](measurement, threshold)


def default_rule(measurement: Measurement) -> Rule:
    """Return ``point`` where everything was measured, ``verify`` where a sample was."""
    return "point" if measurement.n >= measurement.population and not measurement.sampled else "verify"


def _point(m: Measurement, t: Threshold) -> Verdict:
    if holds(m.value, t.op, t.bound):
        return Verdict("passed", f"{m.value:.4g} {t.op} {t.bound:g}")
    return Verdict("failed", f"{m.value:.4g} misses {t.op} {t.bound:g} by {abs(m.value - t.bound):.4g}")


def _verify(m: Measurement, t: Threshold) -> Verdict:
    interval = f"{m.ends} [{m.low:.4g}, {m.high:.4g}]"
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


def _below_noise(m: Measurement, t: Threshold) -> Verdict | None:
    """Return that nothing can be said where a perfect model might miss the bound, unless this one surely does."""
    surely = m.low > t.bound or (t.op == "<" and m.low == t.bound)
    if t.wants_high or surely or t.bound >= m.noise_floor:
        return None
    text = (
        f"{t.bound:g} lies below {m.noise_floor:.4g}, up to which a perfectly calibrated model shows {m.metric} by"
        f" chance at n = {m.n:,}; the band shrinks like 1 / sqrt(n)"
    )
    if t.bound <= 0:
        return Verdict("inconclusive", f"{text}: no number of samples would settle it")
    needed = math.ceil(m.n * (m.noise_floor / t.bound) ** 2)
    beyond = f", more than the {m.population:,} that there are" if needed > m.population else ""
    return Verdict("inconclusive", f"{text}: at least {needed:,} samples would settle it{beyond}")


_RULES = {"point": _point, "verify": _verify, "regress": _regress}


def _samples_to_settle(m: Measurement, t: Threshold) -> str:
    """Say how many samples would settle the question if the value stayed what it is."""
    needed = _needed(m, t)
    about = None if needed is None else f"about {needed:,} samples would settle it"
    if m.sampled:
        more = "" if about is None else f", of which {about}"
        return f"; all of the data is but a sample of what this is about{more}"
    if needed is not None and needed < m.population:
        return f"; {about}"
    if m.n < m.population:
        return f"; all {m.population:,} samples under the rule 'point' would settle it"
    beyond = "" if about is None else f": {about}, more than there are"
    return f"; all the data is measured, so that only the rule 'point' would settle it{beyond}"


def _needed(m: Measurement, t: Threshold) -> int | None:
    """Return about how many samples it takes for the interval to leave the bound; None where none do."""
    gap = abs(m.value - t.bound)
    reach = m.value - m.low if t.bound < m.value else m.high - m.value
    if gap == 0 or not math.isfinite(gap) or not math.isfinite(reach):
        return None
    if not _is_plain_share(m):
        # Intervals shrink like 1 / sqrt(n), whatever they are made of.
        return max(m.n + 1, math.ceil(m.n * (reach / gap) ** 2))
    below, enough = m.n, 2 * m.n
    while not _leaves(m, t, enough):
        if enough > _LARGEST:
            return None
        below, enough = enough, 2 * enough
    while enough - below > 1:
        middle = (below + enough) // 2
        below, enough = (below, middle) if _leaves(m, t, middle) else (middle, enough)
    return enough


def _is_plain_share(m: Measurement) -> bool:
    """Tell whether the interval is that of a share of n samples."""
    if not 0 <= m.value <= 1:
        return False
    low, high = binomial_interval(m.value * m.n, m.n, confidence=m.confidence)
    return math.isclose(low, m.low, abs_tol=1e-9) and math.isclose(high, m.high, abs_tol=1e-9)


def _leaves(m: Measurement, t: Threshold, n: int) -> bool:
    low, high = binomial_interval(m.value * n, n, confidence=m.confidence)
    good, bad = (low, high) if t.wants_high else (high, low)
    return holds(good, t.op, t.bound) or not holds(bad, t.op, t.bound)
