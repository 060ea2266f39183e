"""Whether a metric has become worse than the baseline by more than it may."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from pytest_robustness.scorecard.changes import change_text, metric_amount

if TYPE_CHECKING:
    from pytest_robustness.evaluations import Measurement
    from pytest_robustness.gates.baseline import Found
    from pytest_robustness.gates.settings import Settings
    from pytest_robustness.scorecard.comparison import Change

_WORST_FIRST = ("failed", "inconclusive", "passed", "measured")

_TOLERANCE = 1e-12
"""Values are quotients: 0.90 - 0.89 is a little more than 0.01."""

_MOST = 10**7
_EXACT = 1000
"""The last places of a number of samples are not looked for beyond a thousandth of it."""


def worse_of(one: str, other: str) -> str:
    """Return the worse of two verdicts."""
    return min(one, other, key=_WORST_FIRST.index)


def drop_rule(metric: Measurement, settings: Settings, *, whole: bool = True) -> str:
    """Return the rule by which a drop is judged.

    Where no margin was asked for, the baseline is a tripwire: ``regress``, so that a model that did not change never
    fails, one that did fails only where the drop is shown, and nothing has to be proven of the others. A margin that
    was asked for is a bound like any other, judged by the rule of the run or by default by ``point`` where all data was
    measured, here and for the baseline (`whole`), and ``verify`` on a sample; but that nothing at all was lost no
    sample can prove, so that a margin of 0 has the default ``regress``.
    """
    if settings.max_drop is None:
        return "regress"
    if settings.verdict is not None:
        return settings.verdict
    from pytest_robustness.evaluations.verdicts import default_rule

    if settings.max_drop == 0:
        return "regress"
    return default_rule(metric) if whole else "verify"


def judge_drop(
    change: Change | None, metric: Measurement, settings: Settings, *, gated: bool, found: Found | None = None
) -> dict[str, Any]:
    """Return what a row says of its change from the baseline, as builtin values.

    Parameters
    ----------
    change : Change or None
        None where the baseline has no such row.
    metric : Measurement
        What the row was made from.
    settings : Settings
    gated : bool
        Whether anything is required; else the verdict is "measured".
    found : Found, optional
        The row of the baseline, or why there is none.
    """
    margin = settings.max_drop or 0.0
    rule = drop_rule(metric, settings, whole=found is None or found.whole)
    decision, reason, note = "measured", "", "" if change is None else change.note
    if change is None:
        note = (found and found.note) or "not in the baseline"
        if gated:
            decision, reason = _absent(settings, note)
    elif gated:
        decision, reason = _judged(change, metric, margin, rule)
        reason += f" ({note})" if note else ""
    numbers = {} if change is None else dataclasses.asdict(change)
    return {
        "before": numbers.get("before", math.nan),
        "change": numbers.get("value", math.nan),
        "low": numbers.get("low", math.nan),
        "high": numbers.get("high", math.nan),
        "confidence": metric.confidence,
        "paired": change is not None and change.paired,
        "lost": numbers.get("lost"),
        "won": numbers.get("won"),
        "p": numbers.get("p"),
        "max_drop": margin if gated else None,
        "rule": rule if gated else None,
        "shown": None if change is None else change.decision,
        "verdict": decision,
        "reason": reason,
        "note": note,
    }


def _absent(settings: Settings, note: str) -> tuple[str, str]:
    """Judge a row that the baseline does not have: never passed, where a margin or strictness asks for it."""
    text = f"{note}, --robustness-update-baseline adds it"
    if settings.strict:
        return "failed", text
    return ("inconclusive", text) if settings.max_drop is not None else ("measured", "")


def _judged(change: Change, metric: Measurement, margin: float, rule: str) -> tuple[str, str]:
    decision, reason = _by_rule(change, metric, margin, rule)
    if metric.faults:
        return "failed", f"{reason}, but the value cannot be relied on: {metric.faults[0]}"
    if metric.doubts and decision == "passed":
        return "inconclusive", f"{reason}, but {metric.doubts[0]}"
    return decision, reason


def _by_rule(change: Change, metric: Measurement, margin: float, rule: str) -> tuple[str, str]:
    if metric.settled is not None:
        return "inconclusive", "the measurement ended early and cannot be compared with the baseline"
    if change.unchanged:
        return "passed", "unchanged since the baseline, the same model on the same images"
    since = f"{change_text(metric.metric, change.value, change.low, change.high) or 'no value'} since the baseline"
    worse = f"more than {metric_amount(metric.metric, margin)} worse" if margin else "worse"
    if rule == "point":
        more = not change.drop <= margin + _TOLERANCE  # NaN is no pass
        return ("failed" if more else "passed"), f"{since}: {'' if more else 'not '}{worse}"
    if math.isnan(change.low) or math.isnan(change.high):
        return "inconclusive", f"{since}: a change without an interval"
    decision, how, rest = _by_interval(change, metric, margin, rule)
    return decision, f"{since}: {how} {worse}{rest}"


def _by_interval(change: Change, metric: Measurement, margin: float, rule: str) -> tuple[str, str, str]:
    if change.shows_more_than(margin):
        return "failed", "shown to be", "" if change.p is None or margin else f", p = {change.p:.2g}"
    if rule == "regress":
        return "passed", "not shown to be", ""
    if change.most_drop <= margin + _TOLERANCE:
        return "passed", "shown not to be", ""
    return "inconclusive", "neither shown nor ruled out to be", _samples(change, metric, margin)


def _samples(change: Change, metric: Measurement, margin: float) -> str:
    """Say how many samples would settle the question if as large a share of them was lost, and won."""
    if change.lost is None or change.won is None or change.drop >= margin:
        return ""
    needed = samples_for_margin(change.lost, change.won, metric.n, margin, change.confidence)
    if needed is None:
        return ""
    beyond = f", more than the {metric.population:,} that there are" if needed > metric.population else ""
    return f"; about {needed:,} samples would settle it{beyond}"


def samples_for_margin(lost: int, won: int, n: int, margin: float, confidence: float) -> int | None:
    """Return about how many samples show that no more than a margin is lost, where these shares of n are lost and won.

    None where ten million do not.
    """
    from pytest_robustness.metrics import paired_interval

    def is_enough(size: int) -> bool:
        there = [round(count * size / n) for count in (lost, won)]
        return -paired_interval(there[0], there[1], size, confidence=confidence).low <= margin

    enough = n
    while not is_enough(enough):
        enough *= 2
        if enough > _MOST:
            return None
    below = enough // 2
    while enough - below > max(1, enough // _EXACT):
        middle = (below + enough) // 2
        below, enough = (below, middle) if is_enough(middle) else (middle, enough)
    return enough
