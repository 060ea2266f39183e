"""CSV: one line for each row, readable by other programs."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING

import pandas as pd

from pytest_robustness.scorecard.renderers.csv import COLUMNS, render_csv
from tests.scorecard.sample import make_card, make_row

if TYPE_CHECKING:
    from pytest_robustness.scorecard import Scorecard


def test_every_row_is_a_line(card: Scorecard) -> None:
    records = list(csv.DictReader(io.StringIO(render_csv(card))))
    assert len(records) == len(card.rows)
    for row, record in zip(card.rows, records, strict=True):
        assert (record["family"], record["metric"], record["verdict"]) == (row.family, row.metric, row.verdict)
        assert record["value"] == ("" if math.isnan(row.value) else str(row.value))
        assert json.loads(record["parameters"]) == row.parameters
        assert [part["name"] for part in json.loads(record["parts"])] == [part.name for part in row.parts]
        assert record["bound"] == (str(row.threshold.bound) if row.threshold else "")


def test_pandas_reads_the_same_numbers(card: Scorecard) -> None:
    frame = pd.read_csv(io.StringIO(render_csv(card)))
    pd.testing.assert_series_equal(frame["value"], card.to_dataframe()["value"])
    assert list(frame.columns) == list(COLUMNS)


def test_faults_have_a_column() -> None:
    card = make_card([make_row("accuracy", faults=("one", "two"), warnings=("one", "two"))])
    (record,) = csv.DictReader(io.StringIO(render_csv(card)))
    assert record["faults"] == record["warnings"] == "one; two"


def test_line_ends_and_commas_in_a_text_stay_in_their_cell() -> None:
    card = make_card([make_row("accuracy", reason='one,\n"two"', verdict="failed")])
    (record,) = csv.DictReader(io.StringIO(render_csv(card)))
    assert record["reason"] == 'one,\n"two"'
