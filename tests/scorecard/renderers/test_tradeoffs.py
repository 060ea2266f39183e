"""Several models side by side."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pytest_robustness.scorecard import ModelCard, Row, Scorecard
from pytest_robustness.scorecard.renderers.tradeoffs import Comparison, comparisons, parallel_coordinates
from tests.scorecard.sample import LENET, WHOLE, at_least, make_row, payload

MODELS = [dataclasses.replace(LENET, name=name, fingerprint=name * 8) for name in ("one", "two", "three")]


def of(model: ModelCard, row: Row, **changes: Any) -> dict[str, Any]:
    return payload(dataclasses.replace(row, **changes)) | {"model": model.to_dict()}


def compare(*payloads: dict[str, Any]) -> list[Comparison]:
    return comparisons(Scorecard.from_rows(payloads, seed=0, environment={}))


def at(value: float, half: float = 0.01) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


ACCURACY = make_row("accuracy")
ECE = make_row("calibration", "ece", 0.02)


def test_one_model_has_nothing_to_compare() -> None:
    assert compare(of(MODELS[0], ACCURACY), of(MODELS[0], ECE)) == []


def test_models_on_other_data_are_not_compared() -> None:
    elsewhere = payload(dataclasses.replace(ACCURACY, data=WHOLE.key)) | {"model": MODELS[1].to_dict()}
    assert compare(of(MODELS[0], ACCURACY), elsewhere) == []


def test_what_several_have_is_compared_in_the_order_of_the_families() -> None:
    pgd = make_row("adversarial", parameters={"attack": "pgd", "eps": 0.1})
    (found,) = compare(
        of(MODELS[0], ECE),
        of(MODELS[0], ACCURACY),
        of(MODELS[0], pgd),
        of(MODELS[0], make_row("adversarial", parameters={"attack": "pgd", "eps": 0.2})),
        of(MODELS[0], make_row("calibration", "nll", 0.1, headline=False)),
        of(MODELS[1], ECE),
        of(MODELS[1], pgd),
        of(MODELS[1], make_row("calibration", "nll", 0.2, headline=False)),
        of(MODELS[2], ACCURACY),
    )
    assert [model.name for model in found.models] == ["one", "three", "two"]
    assert [check.label for check in found.checks] == ["accuracy", "adversarial pgd eps=0.1", "calibration · ECE"]
    assert [row is None for row in found.checks[0].rows] == [False, False, True]


def test_a_further_metric_is_compared_where_something_is_asked_of_it() -> None:
    nll = make_row("calibration", "nll", 0.1, headline=False)
    (found,) = compare(of(MODELS[0], nll, threshold=at_least(0.0)), of(MODELS[1], nll))
    assert len(found.checks) == 1


@pytest.mark.parametrize(
    ("row", "first", "second", "best"),
    [
        (ACCURACY, at(0.9), at(0.8), 0),
        (ACCURACY, at(0.8), at(0.9), 1),
        (ACCURACY, at(0.9), at(0.885), None),  # the intervals meet
        (ECE, at(0.02, 0.001), at(0.05, 0.001), 0),
        (ECE, at(0.05, 0.001), at(0.02, 0.001), 1),
        (ACCURACY, at(0.9), {"value": 0.5, "low": math.nan, "high": math.nan}, None),
        (ACCURACY, at(0.9) | {"faults": ("NaN",)}, at(0.8), None),
    ],
)
def test_the_best_is_told_only_where_intervals_lie_apart(row: Row, first: Any, second: Any, best: int | None) -> None:
    (found,) = compare(of(MODELS[0], row, **first), of(MODELS[1], row, **second))
    assert found.checks[0].best == best


def test_two_rows_of_the_same_thing_are_one_column() -> None:
    again = of(MODELS[0], ACCURACY, test="other", threshold=at_least(0.1))
    (found,) = compare(of(MODELS[0], ACCURACY), again, of(MODELS[1], ACCURACY))
    assert len(found.checks) == 1


def picture(*payloads: dict[str, Any]) -> ET.Element:
    (found,) = compare(*payloads)
    return ET.fromstring(parallel_coordinates(found))


def points(svg: ET.Element) -> list[list[tuple[float, float]]]:
    """The points of each model's line."""
    lines = [path for path in svg.iter("path") if path.get("fill") == "none"]
    return [
        [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", line.get("d", ""))] for line in lines
    ]


def test_lines_run_through_the_values_and_right_is_better() -> None:
    svg = picture(
        of(MODELS[0], ACCURACY, **at(0.9)),
        of(MODELS[0], ECE, **at(0.04, 0.0)),
        of(MODELS[1], ACCURACY, **at(0.5)),
        of(MODELS[1], ECE, **at(0.01, 0.0)),
    )
    one, two = points(svg)
    # Axes from 6 to 414; the second from 1.25 * 0.04 down to 0.
    assert [x for x, _ in one] == pytest.approx([6 + 0.9 * 408, 6 + 0.2 * 408], abs=0.06)
    assert [x for x, _ in two] == pytest.approx([6 + 0.5 * 408, 6 + 0.8 * 408], abs=0.06)
    assert [y for _, y in one] == [y for _, y in two]
    texts = ["".join(text.itertext()) for text in svg.iter("text")]
    assert texts == ["accuracy", "0 %", "100 %", "calibration · ECE", "0.0500", "0"]
    assert sum(rect.get("fill-opacity") is not None for rect in svg.iter("rect")) == 4


def test_a_long_label_has_two_lines_and_each_its_own_ground() -> None:
    long = make_row("adversarial", parameters={"attack": "autoattack", "note": " ".join(["word"] * 12)})
    svg = picture(*(of(model, row) for row in (ACCURACY, long, ECE) for model in MODELS))
    texts = [text for text in svg.iter("text") if text.get("class") is None]
    labels = ["".join(text.itertext()) for text in texts]
    assert len(labels) == 4
    assert "…" not in "".join(labels)
    grounds = [rect for rect in svg.iter("rect") if rect.get("fill-opacity") is None]
    for text, ground, label in zip(texts, grounds, labels, strict=True):
        assert float(ground.get("y", 0)) < float(text.get("y", 0)) < float(ground.get("y", 0)) + 17
        assert float(ground.get("width", 0)) > 6.5 * len(label)
    heights = [float(text.get("y", 0)) for text in svg.iter("text")]
    assert len(heights) == len(set(heights)) + 3  # both ends of an axis stand at one height, and nothing else
    assert float(str(svg.get("viewBox")).split()[3]) > max(heights)


def test_what_was_not_measured_is_a_gap() -> None:
    pgd = make_row("adversarial", parameters={"eps": 0.1})
    rows = [of(model, row) for row in (ACCURACY, pgd, ECE) for model in MODELS]
    del rows[3]
    svg = picture(*rows)
    paths = [path.get("d", "") for path in svg.iter("path") if path.get("fill") == "none"]
    assert sorted(path.count("M") for path in paths) == [1, 1, 2]
    assert len({path.get("stroke") for path in svg.iter("path") if path.get("fill") == "none"}) == 3
    assert len({path.get("stroke-dasharray") for path in svg.iter("path") if path.get("fill") == "none"}) == 3


def test_names_are_text() -> None:
    model = dataclasses.replace(MODELS[0], name='<b>"&')
    (found,) = compare(of(model, ACCURACY), of(model, ECE), of(MODELS[1], ACCURACY), of(MODELS[1], ECE))
    assert str(ET.fromstring(parallel_coordinates(found)).get("aria-label")).startswith('<b>"&, two over 2 checks')


def test_one_check_is_no_picture() -> None:
    (found,) = compare(of(MODELS[0], ACCURACY), of(MODELS[1], ACCURACY))
    assert parallel_coordinates(found) == ""
