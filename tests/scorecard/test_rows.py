"""Rows and cards: what they refuse, and that nothing is lost on the way through plain data."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from pytest_robustness.errors import ParameterError
from pytest_robustness.scorecard import BoundRow, DataCard, ModelCard, PartRow, Row
from tests.scorecard.sample import LENET, SAMPLE, at_least, make_row

KEYS = [
    "id", "family", "parameters", "metric", "value", "low", "high", "confidence", "n", "higher_is_better", "parts",
    "threshold", "verdict", "reason", "warnings", "seconds", "forwards", "backwards", "cached", "test",
]  # fmt: skip
"""The keys of a row in the contract, in its order."""


def test_a_row_has_the_keys_of_the_contract_first() -> None:
    assert list(make_row("accuracy").to_dict())[: len(KEYS)] == KEYS
    assert list(make_row("accuracy").to_dict())[len(KEYS) :] == [
        *("model", "data", "headline", "details", "faults", "doubts", "outcomes", "baseline")
    ]


def test_a_row_survives_plain_data() -> None:
    part = PartRow(name="fog", value=0.5, low=0.4, high=0.6, n=7)
    row = make_row("corruption", parts=(part,), threshold=at_least(0.4), verdict="passed", warnings=("one", "two"))
    assert Row.from_dict(row.to_dict()) == row
    doubtful = dataclasses.replace(row, faults=("one", "two"))
    assert Row.from_dict(doubtful.to_dict()) == doubtful != row
    # A scorecard may have been written before there were faults.
    assert Row.from_dict({key: value for key, value in row.to_dict().items() if key != "faults"}) == row


def test_cards_survive_plain_data() -> None:
    assert ModelCard.from_dict(LENET.to_dict()) == LENET
    assert DataCard.from_dict(SAMPLE.to_dict()) == SAMPLE
    unknown = dataclasses.replace(LENET, num_classes=None, input_shape=None)
    assert ModelCard.from_dict(unknown.to_dict()) == unknown


def test_null_is_read_as_nan_and_unknown_keys_are_ignored() -> None:
    row = Row.from_dict(make_row("accuracy").to_dict() | {"value": None, "low": None, "later": 1})
    assert math.isnan(row.value)
    assert math.isnan(row.low)


def test_array_scalars_become_plain_numbers() -> None:
    row = make_row("accuracy", value=np.float64(0.5), parameters={"eps": np.float32(0.25)}, n=np.int64(3))
    plain = row.to_dict()
    assert [type(plain[key]) for key in ("value", "n")] == [float, int]
    assert plain["parameters"] == {"eps": 0.25}


def test_a_missing_key_is_named() -> None:
    plain = make_row("accuracy").to_dict()
    del plain["value"]
    with pytest.raises(ParameterError, match="Row without value"):
        Row.from_dict(plain)


def test_an_unknown_verdict_is_refused() -> None:
    with pytest.raises(ParameterError, match="Did you mean 'passed'"):
        make_row("accuracy", verdict="pass")


def test_an_unknown_operator_is_refused() -> None:
    with pytest.raises(ParameterError, match="operator"):
        BoundRow(op="=>", bound=0.5)


def test_a_row_without_a_value_never_passes() -> None:
    with pytest.raises(ParameterError, match="without a value that passed"):
        make_row("accuracy", value=math.nan, threshold=at_least(0.5), verdict="passed")


def test_data_of_another_size_is_other_data() -> None:
    assert SAMPLE.key != dataclasses.replace(SAMPLE, n=999).key
