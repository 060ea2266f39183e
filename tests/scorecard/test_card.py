"""The scorecard: order, repeats, the overall verdict, JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.errors import ConfigurationError
from pytest_robustness.scorecard import Scorecard
from pytest_robustness.scorecard.rows import VERDICTS
from tests.scorecard.sample import CARDS, LENET, at_least, make_card, make_row, payload

if TYPE_CHECKING:
    import random
    from pathlib import Path

PLAIN = {str, int, float, bool, type(None), list, dict}


def types_in(value: object) -> set[type]:
    inner = list(value.items()) if isinstance(value, dict) else value if isinstance(value, list | tuple) else []
    kinds = {kind for item in inner for kind in types_in(item)}
    return kinds if isinstance(value, tuple) else kinds | {type(value)}


def test_the_sample_has_every_verdict_and_family(card: Scorecard) -> None:
    assert all(card.counts.values())
    assert len({row.family for row in card.rows}) == 8
    assert len(card.blocks()) == 2


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_run_does_not_matter(shuffler: random.Random) -> None:
    card = make_card()
    rows = list(card.rows)
    shuffler.shuffle(rows)
    assert make_card(rows).to_json() == card.to_json()


def test_the_last_of_repeated_rows_wins() -> None:
    first, again = make_row("accuracy", value=0.1), make_row("accuracy", value=0.2)
    assert [row.value for row in make_card([first, again]).rows] == [0.2]


def test_rows_of_other_tests_ids_and_data_are_kept() -> None:
    row = make_row("accuracy", threshold=at_least(0.5), verdict="passed")
    others = [dataclasses.replace(row, test="other"), dataclasses.replace(row, id="other")]
    assert len(make_card([row, *others]).rows) == 3
    smaller = payload(row)
    smaller["data"] = smaller["data"] | {"n": 10}
    card = Scorecard.from_rows([payload(row), smaller], seed=0)
    assert [(data.n, len(rows)) for _, data, rows in card.blocks()] == [(10, 1), (1000, 1)]


def test_budgets_are_in_order_of_size_and_the_main_metric_comes_first() -> None:
    rows = [make_row("adversarial", parameters={"attack": "pgd", "eps": eps}) for eps in (0.3, 0.05, 0.1, 1)]
    rows += [make_row("corruption", "mce", 1.0, headline=False), make_row("corruption"), make_row("accuracy")]
    ordered = make_card(rows).rows
    assert [row.parameters.get("eps") for row in ordered] == [None, 0.05, 0.1, 0.3, 1, None, None]
    assert [row.family for row in ordered][0::6] == ["accuracy", "corruption"]
    assert [row.metric for row in ordered[-2:]] == ["accuracy", "mce"]


def test_parameters_of_mixed_types_can_be_ordered() -> None:
    values: list[Any] = [None, 0.1, "auto", [1, 2], True]
    rows = [make_row("adversarial", parameters={"eps": value}) for value in values]
    assert len(make_card(rows).rows) == len(values)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], "measured"),
        (["measured"], "measured"),
        (["measured", "passed"], "passed"),
        (["passed", "inconclusive"], "inconclusive"),
        (["inconclusive", "failed", "passed"], "failed"),
    ],
)
def test_the_overall_verdict(verdicts: list[str], expected: str) -> None:
    rows = [make_row("accuracy", id=str(place), verdict=verdict) for place, verdict in enumerate(verdicts)]
    card = make_card(rows)
    assert card.verdict == expected
    assert card.counts == {verdict: verdicts.count(verdict) for verdict in VERDICTS}


def test_json_round_trip(card: Scorecard) -> None:
    again = Scorecard.from_dict(json.loads(card.to_json()))
    assert again.to_json() == card.to_json()
    # NaN differs from itself, and an infinity comes back as NaN: rows with numbers alone must be equal.
    finite = [row for row in card.rows if math.isfinite(row.value) and math.isfinite(row.low)]
    assert [row for row in again.rows if row.id in {f.id for f in finite} and row in finite] == finite
    assert (again.models, again.datasets, again.environment) == (card.models, card.datasets, card.environment)


def test_json_is_strict_and_plain(card: Scorecard) -> None:
    def refuse(name: str) -> float:
        raise AssertionError(name)

    document = json.loads(card.to_json(), parse_constant=refuse)
    assert document == card.to_dict()
    assert types_in(card.to_dict()) <= PLAIN
    assert None in [row["value"] for row in document["rows"]]


def test_json_has_the_keys_of_the_contract_first(card: Scorecard) -> None:
    document = card.to_dict()
    assert list(document)[:8] == ["schema", "version", "created", "model", "data", "seed", "environment", "rows"]
    assert document["model"]["name"] == document["rows"][0]["model"] == "lenet5"
    assert document["data"]["n"] == 1000
    assert {row["data"] for row in document["rows"]} == {"mnist-5k", "mnist"}


def test_two_models_of_one_name_stay_apart() -> None:
    twin = dataclasses.replace(LENET, fingerprint="99" * 32)
    row = make_row("accuracy")
    payloads = [payload(row), {**payload(row), "model": twin.to_dict()}]
    card = Scorecard.from_rows(payloads, seed=0)
    again = Scorecard.from_dict(json.loads(card.to_json()))
    assert [len(rows) for _, _, rows in again.blocks()] == [1, 1]
    assert again.to_dict() == card.to_dict()


def test_an_empty_card_is_written_and_read() -> None:
    card = make_card([])
    assert Scorecard.from_dict(json.loads(card.to_json())) == card
    assert card.to_dict()["model"] is None


def test_created_and_environment_are_filled_in() -> None:
    card = Scorecard.from_rows([], seed=3)
    assert card.created.endswith("+00:00")
    assert "python" in card.environment


def test_data_frame(card: Scorecard) -> None:
    frame = card.to_dataframe()
    assert len(frame) == len(card.rows)
    assert frame["value"].tolist()[:3] == [row.value for row in card.rows[:3]]
    assert list(frame.loc[frame["verdict"] == "inconclusive", "check"]) == ["autoattack linf eps=0.1"]
    assert list(make_card([]).to_dataframe().columns) == list(frame.columns)


def test_read_what_was_written(card: Scorecard, tmp_path: Path) -> None:
    assert Scorecard.read(card.write(tmp_path / "card.json")).to_json() == card.to_json()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "not a scorecard"),
        ('{"schema": "pytest-robustness/scorecard", "version": 2}', "another version"),
        ('{"schema": "pytest-robustness/scorecard", "version": 1}', "without 'rows'"),
    ],
)
def test_what_is_not_a_scorecard_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        Scorecard.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.json.*No such file"):
        Scorecard.read(tmp_path / "nowhere.json")


def test_payloads_are_not_changed() -> None:
    before = payload(make_row("accuracy", threshold=at_least(0.5), verdict="passed"))
    copy = json.loads(json.dumps(before))
    Scorecard.from_rows([before], seed=0)
    assert before == copy
    assert CARDS


def test_what_was_only_measured_is_not_said_twice() -> None:
    judged = make_row("accuracy", test="a", threshold=at_least(0.5), verdict="passed")
    measured = make_row("accuracy", test="b")
    again = make_row("accuracy", test="c", threshold=at_least(0.4), verdict="passed")
    assert [row.test for row in make_card([judged, measured, again]).rows] == ["a", "c"]
    assert [row.test for row in make_card([measured, make_row("accuracy", test="c")]).rows] == ["b"]


def test_another_value_of_the_same_row_is_no_repeat() -> None:
    rows = [make_row("accuracy", test="a", value=0.9), make_row("accuracy", test="b", value=0.8)]
    assert len(make_card(rows).rows) == 2
