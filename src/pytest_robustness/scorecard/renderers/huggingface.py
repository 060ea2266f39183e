"""The scorecard as evaluation results of the Hugging Face Hub: YAML for the folder ``.eval_results`` of a model."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from pytest_robustness.errors import ParameterError
from pytest_robustness.scorecard.changes import since_baseline
from pytest_robustness.scorecard.format import (
    bound_text,
    check_label,
    interval_heading,
    is_judged,
    one_line,
    row_interval,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.rows import DataCard, ModelCard, Row

DATASETS = {
    "mnist": "ylecun/mnist",
    "fashion-mnist": "zalando-datasets/fashion_mnist",
}
"""Data sets of this package that the Hub has, by the name that it has for them."""


def render_huggingface(card: Scorecard) -> str:
    """Render a scorecard as the list of entries that ``.eval_results/*.yaml`` of a model repository holds.

    An entry for each metric on a data set that the Hub has, of judged rows only where there are any: ``dataset``
    (``id``, ``task_id``), ``value``, ``date`` and ``notes``, where the notes say what the value does not: the model,
    the interval, the number of images, the bound and the verdict. A share is a number from 0 to 1, as in
    the JSON report.

    Raises
    ------
    ParameterError
        Where the scorecard is of several models: the file belongs to one.
    """
    if len(card.models) > 1:
        raise ParameterError(
            "results for Hugging Face belong to one model",
            got=[model.name for model in card.models],
            mend="Write a file for each in a run of its own: choose its tests with -k, or its model with the option.",
        )
    lines = [
        "# Entries for .eval_results/ of a model on the Hugging Face Hub. Where the Hub knows your benchmark by other",
        "# names than these, put its own for id and task_id.",
    ]
    unknown = sorted({one_line(data.name) for data in card.datasets if data.name not in DATASETS})
    lines += [f"# Left out, for the Hub has no data set of that name: {name}" for name in unknown]
    entries = _entries(card)
    for row, model, data in entries:
        lines += _entry(row, model, data, card)
    return "\n".join([*lines, *([] if entries else ["[]"])]) + "\n"


def _entries(card: Scorecard) -> list[tuple[Row, ModelCard, DataCard]]:
    """Return one row for each metric and data set: of several the one that was judged, then that of most images."""
    rows = [(row, model, data) for model, data, rows in card.blocks() if data.name in DATASETS for row in rows]
    rows = [entry for entry in rows if math.isfinite(entry[0].value)]
    wanted = [entry for entry in rows if is_judged(entry[0])] or rows
    best: dict[tuple[str, str], tuple[Row, ModelCard, DataCard]] = {}
    for entry in sorted(wanted, key=lambda entry: -entry[0].n):
        best.setdefault((entry[2].name, entry[0].id), entry)
    return [entry for entry in wanted if best[entry[2].name, entry[0].id] is entry]


def _entry(row: Row, model: ModelCard, data: DataCard, card: Scorecard) -> Iterable[str]:
    yield "- dataset:"
    yield f"    id: {_text(DATASETS[data.name])}"
    yield f"    task_id: {_text(row.id)}"
    yield f"  value: {row.value!r}"
    yield f"  date: {_text(card.created)}"
    yield f"  notes: {_text(_notes(row, model, data, card.seed))}"


def _notes(row: Row, model: ModelCard, data: DataCard, seed: int) -> str:
    size = f"n = {row.n:,}" + (f" of {data.population:,}" if data.population > row.n else "")
    interval = row_interval(row, row.metric)
    parts = [check_label(row), f"model {model.name}", f"{size}, seed {seed}"]
    parts += [f"{interval_heading([row])} {interval}"] if interval else []
    reasons = ", ".join(filter(None, [since_baseline(row), bound_text(row.metric, row.threshold)]))
    parts.append(f"{row.verdict} ({reasons})" if reasons else row.verdict)
    return "; ".join([*parts, "pytest-robustness"])


def _text(value: str) -> str:
    """Quote a text: a string of JSON is one of YAML."""
    return json.dumps(one_line(value), ensure_ascii=False)
