"""From measurements and verdicts to what a scorecard holds: builtin values that travel between processes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pytest_robustness.metrics.intervals import level_text
from pytest_robustness.scorecard.changes import change_text
from pytest_robustness.scorecard.rows import BoundRow, DataCard, ModelCard, PartRow, Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_robustness.engine import Evaluator
    from pytest_robustness.evaluations import Measurement, Threshold, Verdict

Payload = dict[str, Any]


def make_payload(
    measurement: Measurement,
    evaluator: Evaluator,
    *,
    threshold: Threshold | None = None,
    verdict: Verdict | None = None,
    test: str | None = None,
    headline: bool = True,
    id: str = "",  # noqa: A002
) -> Payload:
    """Return a row with the cards of its model and data, as builtin values.

    Parameters
    ----------
    threshold, verdict : optional
        What was asked of the metric and what came of it; without them it was only measured.
    test : str, optional
        Node id of the test.
    headline : bool
        Whether this is the main metric of its family.
    id : str, optional
        Text that tells the row from the others of the test; by default the name of the measurement.
    """
    model, data = _model_card(evaluator), _data_card(evaluator)
    row = Row(
        id=id or measurement.name,
        family=measurement.family,
        parameters=dict(measurement.parameters),
        metric=measurement.metric,
        value=measurement.value,
        low=measurement.low,
        high=measurement.high,
        confidence=measurement.confidence,
        n=measurement.n,
        higher_is_better=measurement.higher_is_better,
        parts=tuple(PartRow(name=p.name, value=p.value, low=p.low, high=p.high, n=p.n) for p in measurement.parts),
        threshold=None if threshold is None else BoundRow(op=threshold.op, bound=float(threshold.bound)),
        verdict="measured" if verdict is None else verdict.decision,
        reason="" if verdict is None else verdict.reason,
        warnings=(*measurement.warnings, *_untold(measurement, verdict), *measurement.faults),
        seconds=measurement.seconds,
        forwards=measurement.forwards,
        backwards=measurement.backwards,
        cached=measurement.cached,
        test=test,
        model=model.key,
        data=data.key,
        headline=headline,
        details=dict(measurement.details),
        faults=measurement.faults,
        doubts=measurement.doubts,
        outcomes=_outcomes(measurement),
    )
    faults = list(measurement.faults)
    return {"row": row.to_dict(), "model": model.to_dict(), "data": data.to_dict(), "faults": faults}


def _decides(change: Mapping[str, Any], threshold: Threshold | None, verdict: Verdict) -> bool:
    """Tell whether it is the baseline that a verdict comes from, and not the bound."""
    return bool(change["verdict"] == verdict.decision) and (
        threshold is None or change["bound_verdict"] != verdict.decision
    )


def _against_baseline(change: Mapping[str, Any], metric: str) -> str:
    if math.isnan(change["before"]):
        return "is not in the baseline"
    text = (
        "is worse than the baseline" if change["verdict"] == "failed" else "is not shown to be as good as the baseline"
    )
    return f"{text}: {change_text(metric, change['change'], math.nan, math.nan)}"


def _in_baseline(change: Mapping[str, Any]) -> str:
    if math.isnan(change["before"]):
        return str(change["note"])
    text = f"{change['before']:.4g}, a change of {change['change']:+.4g} [{change['low']:+.4g}, {change['high']:+.4g}]"
    counts = "" if change["lost"] is None else f", {change['lost']} lost and {change['won']} won"
    return text + (f", {change['note']}" if change["note"] else counts)


def _untold(measurement: Measurement, verdict: Verdict | None) -> list[str]:
    """Return the doubts that are not the reason of the verdict, where they would be read twice."""
    return [text for text in measurement.doubts if verdict is None or text not in verdict.reason]


def _outcomes(measurement: Measurement) -> dict[str, Any] | None:
    """Return the outcomes by sample, where all of them are known and can be relied on."""
    samples = measurement.samples
    if "correct" not in samples or measurement.settled is not None or measurement.faults:
        return None
    from pytest_robustness.scorecard.checked import make_up_value
    from pytest_robustness.scorecard.outcomes import pack_outcomes

    packed = pack_outcomes(samples["index"], samples["correct"])
    # Those of another value would be refused when they are read.
    return packed if packed is not None and make_up_value(packed, measurement.value) else None


def explain(
    measurement: Measurement,
    threshold: Threshold | None,
    verdict: Verdict,
    change: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return the lines of a failure: the value, its interval, n, what is missing, the worst part.

    `change` is what the row says of its baseline; without a threshold it is all that was judged.

    The first line is short and stands alone: annotations show nothing else.
    """
    m = measurement
    missed = "not" if verdict.decision == "failed" else "not shown to be"
    size = f"n = {m.n:,}" if m.n == m.population else f"n = {m.n:,} of {m.population:,}"
    if m.faults:
        headline = "cannot be relied on"
    elif change is not None and _decides(change, threshold, verdict):
        headline = _against_baseline(change, m.metric)
    else:
        headline = "" if threshold is None else f"is {missed} {threshold.op} {threshold.bound:g}"
    lines = [
        f"{m.name}: {m.value:.4g} {headline}",
        f"  verdict    {verdict.decision}: {verdict.reason}",
        f"  interval   [{m.low:.4g}, {m.high:.4g}] at {level_text(m.confidence)} confidence, {size}",
    ]
    gap = math.nan if threshold is None else threshold.bound - m.value
    if threshold is not None and not threshold.wants_high:
        gap = -gap
    if gap > 0 and math.isfinite(gap):
        lines.append(f"  shortfall  {gap:.4g}")
    if change is not None:
        lines.append(f"  baseline   {_in_baseline(change)}")
    if (worst := m.worst_part) is not None:
        lines.append(
            f"  worst part {worst.name}: {worst.value:.4g} [{worst.low:.4g}, {worst.high:.4g}], n = {worst.n:,}"
        )
    lines += [f"  ! {text}" for text in (*m.faults, *_untold(m, verdict), *m.warnings)]
    return lines


def _model_card(evaluator: Evaluator) -> ModelCard:
    c = evaluator.classifier
    return ModelCard(
        name=c.name,
        source=c.source,
        fingerprint=c.fingerprint,
        kind=c.kind,
        num_classes=c.num_classes,
        input_shape=c.input_shape,
    )


def _data_card(evaluator: Evaluator) -> DataCard:
    d = evaluator.dataset
    return DataCard(name=d.name, fingerprint=d.fingerprint, n=len(d), population=d.population)
