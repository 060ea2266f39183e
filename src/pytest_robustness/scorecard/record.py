"""From measurements and verdicts to what a scorecard holds: builtin values that travel between processes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pytest_robustness.scorecard.rows import BoundRow, DataCard, ModelCard, PartRow, Row

if TYPE_CHECKING:
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
    )
    faults = list(measurement.faults)
    return {"row": row.to_dict(), "model": model.to_dict(), "data": data.to_dict(), "faults": faults}


def _untold(measurement: Measurement, verdict: Verdict | None) -> list[str]:
    """Return the doubts that are not the reason of the verdict, where they would be read twice."""
    return [text for text in measurement.doubts if verdict is None or text not in verdict.reason]


def explain(measurement: Measurement, threshold: Threshold, verdict: Verdict) -> list[str]:
    """Return the lines of a failure: the value, its interval, n, what is missing, the worst part.

    The first line is short and stands alone: annotations show nothing else.
    """
    m = measurement
    missed = "not" if verdict.decision == "failed" else "not shown to be"
    size = f"n = {m.n:,}" if m.n == m.population else f"n = {m.n:,} of {m.population:,}"
    headline = f"is {missed} {threshold.op} {threshold.bound:g}" if not m.faults else "cannot be relied on"
    lines = [
        f"{m.name}: {m.value:.4g} {headline}",
        f"  verdict    {verdict.decision}: {verdict.reason}",
        f"  interval   [{m.low:.4g}, {m.high:.4g}] at {m.confidence * 100:g} % confidence, {size}",
    ]
    gap = threshold.bound - m.value if threshold.wants_high else m.value - threshold.bound
    if gap > 0 and math.isfinite(gap):
        lines.append(f"  shortfall  {gap:.4g}")
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
