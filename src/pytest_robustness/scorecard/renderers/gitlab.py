"""The scorecard as a metrics report of GitLab: OpenMetrics text, shown on merge requests beside that of the target."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from pytest_robustness.scorecard.format import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.rows import DataCard, ModelCard, Row

_HEAD = {
    "value": "Value of a metric.",
    "bound": "What is asked of it.",
    "rows": "Number of rows with a verdict.",
}


def render_gitlab(card: Scorecard) -> str:
    """Render a scorecard as OpenMetrics text.

    ``robustness_value`` and ``robustness_bound`` of each row, and ``robustness_rows`` of each verdict and of what came
    to no row. Labels are what stays the same from one commit to the next (names, not fingerprints), because GitLab
    compares the lines of two branches by them; only rows that would else have the same labels get the fingerprint as
    well.
    """
    labelled = _labelled(card)
    lines = _head("value")
    lines += [f"robustness_value{_text(labels)} {_number(row.value)}" for row, labels in labelled]
    if bounds := [(row.threshold.bound, labels) for row, labels in labelled if row.threshold is not None]:
        lines += _head("bound") + [f"robustness_bound{_text(labels)} {_number(bound)}" for bound, labels in bounds]
    lines += _head("rows")
    counts = card.counts | {"unevaluated": len(card.unevaluated)}
    lines += [f'robustness_rows{{verdict="{verdict}"}} {count}' for verdict, count in counts.items()]
    return "\n".join([*lines, "# EOF"]) + "\n"


def _head(name: str) -> list[str]:
    return [f"# TYPE robustness_{name} gauge", f"# HELP robustness_{name} {_HEAD[name]}"]


def _labelled(card: Scorecard) -> list[tuple[Row, dict[str, str]]]:
    rows = [(row, model, data) for model, data, members in card.blocks() for row in members]
    short = [_labels(row, model, data) for row, model, data in rows]
    seen = Counter(_text(labels) for labels in short)
    return [
        (row, labels if seen[_text(labels)] == 1 else {**labels, "fingerprint": model.fingerprint, "n": str(data.n)})
        for (row, model, data), labels in zip(rows, short, strict=True)
    ]


def _labels(row: Row, model: ModelCard, data: DataCard) -> dict[str, str]:
    return {"check": row.id, "model": model.name, "data": data.name, **({"test": row.test} if row.test else {})}


def _text(labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}"


def _escaped(value: str) -> str:
    # GitLab takes a number sign for the beginning of a comment, between quotes too.
    return one_line(value).replace("#", "\N{FULLWIDTH NUMBER SIGN}").replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.10g}"
