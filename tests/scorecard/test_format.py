"""Values, intervals, bounds and checks in words."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.scorecard import PartRow
from pytest_robustness.scorecard import format as words
from tests.scorecard.sample import SAMPLE, at_least, at_most, make_card, make_row


@pytest.mark.parametrize(
    ("metric", "value", "near", "expected"),
    [
        ("accuracy", 0.989, None, "98.9 %"),
        ("accuracy", 1.0, None, "100.0 %"),
        ("accuracy", 0.9996, None, "99.96 %"),
        ("accuracy", 0.0, None, "0.0 %"),
        ("accuracy", 0.0001, None, "0.01 %"),
        ("accuracy", 0.84996, 0.85, "84.996 %"),
        ("accuracy", 0.85, 0.85, "85.0 %"),
        ("accuracy", math.nan, None, "nan"),
        ("worst", 0.412, 0.6, "41.2 %"),
        ("auroc", 0.98765, None, "0.9877"),
        ("ece", 0.0123, 0.02, "0.0123"),
        ("ece", 0.02001, 0.02, "0.02001"),
        ("ece", 0.0, 0.02, "0.0000"),
        ("ece", 0.00001234, None, "0.00001"),
        ("ece", 1.2e-12, None, "1.2e-12"),
        ("nll", math.inf, 0.1, "inf"),
        ("nll", 123456.7, None, "1.235e+05"),
    ],
)
def test_values(metric: str, value: float, near: float | None, expected: str) -> None:
    assert words.value_text(metric, value, near=near) == expected


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_an_accuracy_never_looks_like_a_bound_that_it_does_not_meet(right: int, bound: int) -> None:
    text = words.value_text("accuracy", right / 10_000, near=bound / 10_000)
    shown = float(text.removesuffix(" %"))
    assert (shown >= bound / 100) == (right >= bound)
    assert (shown == 100) == (right == 10_000)


def test_intervals() -> None:
    assert words.interval_text("accuracy", 0.981, 0.994) == "98.1 \N{EN DASH} 99.4"
    assert words.interval_text("ece", 0.0123, 0.02) == "0.0123 \N{EN DASH} 0.0200"
    assert words.interval_text("ece", math.nan, 0.02) == ""


def test_bounds_are_shown_as_they_were_given() -> None:
    assert words.bound_text("accuracy", at_least(0.85)) == "≥ 85 %"
    assert words.bound_text("accuracy", at_least(0.9855)) == "≥ 98.55 %"
    assert words.bound_text("ece", at_most(0.02)) == "≤ 0.02"
    assert words.bound_text("ece", None) == ""


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (make_row("accuracy"), "accuracy"),
        (make_row("adversarial", parameters={"norm": "linf", "eps": 0.1, "attack": "pgd", "alpha": None}),
         "adversarial pgd linf eps=0.1"),
        (make_row("ood", "auroc", parameters={"outliers": "kmnist", "score": "msp"}), "ood kmnist msp · AUROC"),
        (make_row("corruption", "mce"), "corruption · mCE"),
        (make_row("calibration", "mce"), "calibration · max calibration error"),
        (make_row("sensitivity", "worst", parameters={"gamma": [0.5, 2.0]}), "sensitivity gamma=0.5..2 · worst"),
        (make_row("corruption", parameters={"corruptions": list("abcd")}), "corruption 4 corruptions"),
        (make_row("corruption", parameters={"corruptions": ["fog", "spatter"], "generated": True}),
         "corruption corruptions=fog,spatter generated=yes"),
        (make_row("certified", parameters={"norm": "l0", "radius": [0, 3]}), "certified l0 radius=0,3 · at radius 3"),
        (make_row("certified", "mean_radius", parameters={"radius": [0, 1]}), "certified radius=0,1 · mean radius"),
        (make_row("certified", parameters={"norm": "l2", "radius": 0.25}), "certified l2 radius=0.25"),
        (make_row("new", "unheard", parameters={"deep": {"a": 1}}), 'new deep={"a": 1} · unheard'),
    ],
)  # fmt: skip
def test_checks(row: object, expected: str) -> None:
    assert words.check_label(row) == expected  # type: ignore[arg-type]


def test_radii() -> None:
    labels = {
        "0..10": list(range(11)),
        "1,2": [1, 2],
        "1..3": [1, 2, 3],
        "0,0.5": [0.0, 0.5],
        "0,0.5,1": [0.0, 0.5, 1.0],
    }
    for text, radii in labels.items():
        assert words.parameters_label({"norm": "l0", "radius": radii, "alpha": 0.8}) == f"l0 radius={text} alpha=0.8"
    assert words.parameters_label({"radius": [0.0, 0.25, 0.5, 1.0]}) == "4 radii"
    assert words.parameters_label({"severities": [1, 2, 3, 4]}) == "4 severities"


def test_control_characters_do_not_reach_a_terminal() -> None:
    assert words.one_line("a\x1b[31m\nb\tc\x07") == "a[31m b c"


def test_blocks() -> None:
    assert words.images_text(SAMPLE) == "1,000 of 5,000 images"
    assert words.images_text(dataclasses.replace(SAMPLE, population=0)) == "1,000 images"


def test_the_worst_row_is_the_one_furthest_from_its_bound() -> None:
    near = make_row("accuracy", value=0.84, threshold=at_least(0.85), verdict="failed")
    far = make_row("calibration", "ece", value=0.03, threshold=at_most(0.02), verdict="failed")
    open_ = make_row("adversarial", value=0.1, threshold=at_least(0.9), verdict="inconclusive")
    assert words.worst_row(make_card([near, far, open_])) == far
    assert words.worst_row(make_card([near, open_])) == near
    assert words.worst_row(make_card([make_row("accuracy")])) is None
    lost = dataclasses.replace(near, value=math.nan, id="lost")
    worst = words.worst_row(make_card([near, far, lost]))
    assert worst is not None
    assert worst.id == "lost"


def test_summary_without_requirements() -> None:
    text = words.summary_line(make_card([make_row("accuracy")]))
    assert text == "robustness: 0 passed, 0 failed, 0 inconclusive, 1 measured"


def test_parts_are_new_once() -> None:
    parts = (PartRow(name="fog", value=0.5, low=0.4, high=0.6, n=7),)
    mean = make_row("corruption", parts=parts)
    worst = make_row("corruption", "worst", parts=parts)
    other = make_row("corruption", parts=parts, parameters={"suite": "mnist-c"})
    assert words.new_parts([mean, worst, other]) == [parts, (), parts]


@given(st.lists(st.floats(0, 1) | st.just(math.nan), min_size=4, max_size=40), st.booleans())
def test_worst_parts_keep_their_order(values: list[float], higher: bool) -> None:
    parts = tuple(PartRow(name=str(i), value=v, low=v, high=v, n=1) for i, v in enumerate(values))
    row = make_row("corruption", parts=parts, higher_is_better=higher)
    kept, note = words.worst_parts(row, parts, 3)
    places = [int(part.name) for part in kept]
    assert places == sorted(places)
    assert len(kept) == 3
    assert ("3 worst" in note) == (len(values) > 3)
    left = [value for place, value in enumerate(values) if place not in places and not math.isnan(value)]
    shown = [part.value for part in kept if not math.isnan(part.value)]
    if left and shown:
        assert max(shown) <= min(left) if higher else min(shown) >= max(left)


def test_a_median_radius_in_pixels_is_a_whole_number():
    assert words.value_text("median_radius", 3.0) == "3"
    assert words.value_text("median_radius", 0.25) == "0.2500"
    assert words.value_text("mean_radius", 3.0) == "3.0000"
