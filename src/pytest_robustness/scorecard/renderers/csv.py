"""The scorecard as one flat table: a CSV file, and the records of the data frame."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING

from pytest_robustness.scorecard.builtin import finite
from pytest_robustness.scorecard.format import parameters_label, row_metric

if TYPE_CHECKING:
    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.rows import DataCard, ModelCard, Row

COLUMNS = (
    "model", "data", "family", "check", "metric", "value", "low", "high", "confidence", "n", "higher_is_better",
    "op", "bound", "verdict", "reason", "headline", "warnings", "seconds", "forwards", "backwards", "cached", "test",
    "id", "parameters", "parts", "seed", "model_fingerprint", "data_fingerprint", "faults",
)  # fmt: skip
"""Columns of the table. ``check`` is a short label; ``parameters`` and ``parts`` are JSON; texts are joined by ;"""


def flat_rows(card: Scorecard) -> list[dict[str, object]]:
    """Return one flat record for each row, with the keys `COLUMNS`; what is missing is None."""
    return [_flat(row, model, data, card.seed) for model, data, rows in card.blocks() for row in rows]


def render_csv(card: Scorecard) -> str:
    """Render a scorecard as CSV text with a header line; empty where there is no value."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for record in flat_rows(card):
        writer.writerow({name: "" if _is_nan(value) else value for name, value in record.items()})
    return text.getvalue()


def _flat(row: Row, model: ModelCard, data: DataCard, seed: int) -> dict[str, object]:
    plain = row.to_dict()
    place = row_metric(row) if row.metric == "accuracy" else ""  # the metric has a column of its own
    threshold = plain["threshold"] or {"op": None, "bound": None}
    record = plain | threshold
    record |= {
        "model": model.name,
        "data": data.name,
        "check": " ".join(filter(None, [parameters_label(row.parameters), place])),
        "parameters": _compact(plain["parameters"]),
        "parts": _compact(plain["parts"]),
        "warnings": "; ".join(row.warnings),
        "faults": "; ".join(row.faults),
        "seed": seed,
        "model_fingerprint": model.fingerprint,
        "data_fingerprint": data.fingerprint,
    }
    return {name: record[name] for name in COLUMNS}


def _compact(value: object) -> str:
    return json.dumps(finite(value), ensure_ascii=False, allow_nan=False)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
