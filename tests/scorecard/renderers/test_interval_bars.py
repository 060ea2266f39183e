"""Bars: value, interval and bound in their places."""

from __future__ import annotations

import math
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pytest_robustness.scorecard import PartRow
from pytest_robustness.scorecard.renderers.interval_bars import interval_bar, scale_end
from tests.scorecard.sample import at_least, at_most, make_row


def marks(bar: str) -> dict[str, tuple[float, ...]]:
    """Places in percent: of the dot and the limit, and from-to of the band and the good side."""
    found: dict[str, tuple[float, ...]] = {}
    for shape in ET.fromstring(bar):
        numbers = {name: float(value.rstrip("%")) for name, value in shape.attrib.items() if name != "class"}
        if shape.tag == "rect" and "x" in numbers:
            found[shape.attrib["class"]] = (numbers["x"], round(numbers["x"] + numbers["width"], 2))
        elif shape.tag != "rect":
            found[shape.attrib["class"]] = (numbers["cx" if shape.tag == "circle" else "x1"],)
    return found


def test_value_interval_and_bound() -> None:
    row = make_row("accuracy", value=0.6, low=0.55, high=0.65, threshold=at_least(0.7), verdict="failed")
    assert marks(interval_bar(row, row)) == {"band": (55, 65), "dot": (60,), "limit": (70,), "good": (70, 100)}
    error = make_row("calibration", "ece", value=0.01, low=0.005, high=0.012, threshold=at_most(0.04), verdict="passed")
    assert marks(interval_bar(error, error)) == {"band": (10, 24), "dot": (20,), "limit": (80,), "good": (0, 80)}


def test_parts_have_the_bound_only_where_it_is_theirs() -> None:
    row = make_row("corruption", "worst", threshold=at_least(0.5))
    part = PartRow(name="fog", value=0.4, low=0.3, high=0.5, n=9)
    assert marks(interval_bar(row, part))["limit"] == (50,)
    assert marks(interval_bar(row, part, bounded=False)) == {"band": (30, 50), "dot": (40,)}


def test_without_a_value_there_is_nothing_to_draw() -> None:
    row = make_row("accuracy", value=math.nan, low=math.nan, high=math.nan)
    assert interval_bar(row, row) == ""
    endless = make_row("calibration", "nll", math.inf, low=1.0, high=math.inf)
    assert interval_bar(endless, endless) == ""


def test_without_an_interval_the_band_is_the_value() -> None:
    row = make_row("accuracy", value=0.5, low=math.nan, high=math.nan)
    assert marks(interval_bar(row, row)) == {"band": (50, 50), "dot": (50,)}


def test_marks_stay_on_the_bar() -> None:
    row = make_row("accuracy", value=0.5, low=-0.2, high=1.4, threshold=at_least(1.5))
    assert marks(interval_bar(row, row)) == {"band": (0, 100), "dot": (50,), "limit": (100,), "good": (100, 100)}


@pytest.mark.parametrize(
    ("metric", "places", "end"),
    [
        ("accuracy", [0.1], 1.0),
        ("near_auroc", [0.1], 1.0),
        ("aupr_in", [0.9], 1.0),
        ("nll", [2.0, 4.0], 5.0),
        ("ece", [0.0], 1.25e-12),
    ],
)
def test_scales(metric: str, places: list[float], end: Any) -> None:
    assert scale_end(metric, places) == pytest.approx(end)
