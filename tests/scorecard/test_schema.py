"""The shipped schema accepts every written scorecard, and refuses broken ones."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from pytest_robustness.scorecard import json_schema
from tests.scorecard.sample import make_card

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_robustness.scorecard import Scorecard

VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_scorecards_are_valid(card: Scorecard) -> None:
    VALIDATOR.validate(card.to_dict())
    VALIDATOR.validate(make_card([]).to_dict())


def _set_verdict(document: dict[str, Any]) -> None:
    document["rows"][0]["verdict"] = "pass"


def _drop_value(document: dict[str, Any]) -> None:
    del document["rows"][0]["value"]


def _set_operator(document: dict[str, Any]) -> None:
    document["rows"][0]["threshold"]["op"] = "=="


def _set_version(document: dict[str, Any]) -> None:
    document["version"] = 2


def _name_number(document: dict[str, Any]) -> None:
    document["rows"][0]["n"] = 10.5


@pytest.mark.parametrize("spoil", [_set_verdict, _drop_value, _set_operator, _set_version, _name_number])
def test_broken_scorecards_are_refused(card: Scorecard, spoil: Callable[[dict[str, Any]], None]) -> None:
    document = copy.deepcopy(card.to_dict())
    spoil(document)
    assert not VALIDATOR.is_valid(document)
