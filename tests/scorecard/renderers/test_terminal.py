"""Terminal lines: complete, never too wide, coloured only where asked."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.scorecard import PartRow, Scorecard, render_terminal
from pytest_robustness.scorecard.format import is_judged, row_value
from tests.scorecard.sample import at_least, make_card, make_row

ANSI = re.compile(r"\x1b\[[\d;]*m")


def text_of(card: Scorecard, *, width: int = 200, verbosity: int = 1, color: bool = False, ascii: bool = False) -> str:  # noqa: A002
    return "\n".join(render_terminal(card, width=width, verbosity=verbosity, color=color, ascii=ascii))


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("verbosity", [-1, 0, 1, 2])
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("color", [False, True])
def test_no_line_is_too_wide(card: Scorecard, width: int, verbosity: int, ascii_only: bool, color: bool) -> None:
    text = text_of(card, width=width, verbosity=verbosity, color=color, ascii=ascii_only)
    assert max(len(ANSI.sub("", line)) for line in text.split("\n")) <= width


@given(
    name=st.text(min_size=1, max_size=150),
    reason=st.text(max_size=200),
    value=st.floats(allow_nan=True),
    width=st.sampled_from([80, 200]),
)
def test_nothing_that_a_user_names_breaks_the_table(name: str, reason: str, value: float, width: int) -> None:
    row = make_row("adversarial", parameters={"attack": name}, verdict="failed", threshold=at_least(0.5), reason=reason)
    parts = (PartRow(name=name, value=value, low=value, high=value, n=1),)
    card = make_card([row, make_row("accuracy", parts=parts, warnings=(reason,))])
    for verbosity in (-1, 0, 1, 2):
        lines = render_terminal(card, width=width, verbosity=verbosity, color=False, ascii=True)
        assert all(len(line) <= width and line.isprintable() for line in lines)


def test_every_row_appears_with_v(card: Scorecard) -> None:
    text = text_of(card, verbosity=1)
    body = text.rsplit("\n", 1)[0]
    for verdict, count in card.counts.items():
        assert len(re.findall(rf"{verdict}$", body, flags=re.MULTILINE)) == count


def test_the_plain_table_has_headline_and_judged_rows(card: Scorecard) -> None:
    lines = text_of(card, verbosity=0).split("\n")
    shown = [line for line in lines if line.endswith(("passed", "failed", "inconclusive", "measured"))]
    expected = [row for row in card.rows if row.headline or is_judged(row)]
    assert len(shown) == len(expected) < len(card.rows)
    assert all(row_value(row) in line for row, line in zip(expected, shown, strict=True))


def test_one_line_when_quiet(card: Scorecard) -> None:
    (line,) = render_terminal(card, width=200, verbosity=-1, color=False)
    assert line.startswith("robustness: 7 passed, 3 failed, 1 inconclusive, 7 measured; worst: calibration")
    assert line in text_of(card, verbosity=0)


def test_heading_reason_warning_and_parts(card: Scorecard) -> None:
    text = text_of(card, verbosity=1, ascii=True)
    assert "lenet5 on mnist-5k, 1,000 of 5,000 images, seed 0" in text
    assert "    translate 41.2 % (39.4 to 42.7), 18.8 points below the bound of 60 %" in text
    assert "    ! Square found no example" in text
    assert re.search(r"^- glass_blur +95\.1 % +93\.3 - 96\.6$", text, flags=re.MULTILINE)
    assert text.count("- glass_blur ") == 1
    assert "glass_blur" not in text_of(card, verbosity=0)


def test_everything_with_vv(card: Scorecard) -> None:
    text = text_of(card, verbosity=2)
    assert "1,000 images, 910,000 forward passes, 400,000 backward passes, 512 s" in text
    assert ", cached" in text
    assert "tests/test_robustness.py::test_ood" in text
    assert "tests/test_robustness.py" not in text_of(card, verbosity=1)


def test_many_parts_are_cut_to_the_worst_until_vv() -> None:
    parts = tuple(PartRow(name=f"point {i:03}", value=i / 400, low=0, high=1, n=9) for i in range(400))
    card = make_card([make_row("sensitivity", "mean", parts=parts)])
    assert "the 20 worst of 400 parts" in text_of(card, verbosity=1)
    assert "point 019" in text_of(card, verbosity=1)
    assert "point 020" not in text_of(card, verbosity=1)
    assert "point 399" in text_of(card, verbosity=2)


def test_colors_only_where_asked(card: Scorecard) -> None:
    colored = text_of(card, color=True)
    assert "\x1b[32mpassed\x1b[0m" in colored
    assert "\x1b[31;1mfailed\x1b[0m" in colored
    assert "\x1b[33minconclusive\x1b[0m" in colored
    assert "mmeasured" not in colored
    assert ANSI.sub("", colored) == text_of(card, color=False)


def test_ascii(card: Scorecard) -> None:
    assert text_of(card, verbosity=2, ascii=True).isascii()
    assert not text_of(card, verbosity=2).isascii()


def test_an_empty_card() -> None:
    assert text_of(make_card([])) == "robustness: 0 passed, 0 failed, 0 inconclusive, 0 measured"


def test_a_block_of_side_metrics_only() -> None:
    card = make_card([make_row("calibration", "nll", headline=False)])
    assert "1 measured" in render_terminal(card, width=80, verbosity=0, color=False)


def test_words_of_a_label_stay_whole_and_rows_called_alike_have_their_test() -> None:
    parameters = {"suite": "mnist-c-generated", "corruptions": ["fog", "scale", "rotate"]}
    rows = [
        make_row("corruption", parameters=parameters, verdict="inconclusive", threshold=at_least(0.123456789)),
        make_row("accuracy", threshold=at_least(0.82), verdict="passed", test="test_a.py::test_first"),
        make_row("accuracy", threshold=at_least(0.8), verdict="passed", test="test_a.py::test_second"),
    ]
    rows[0] = replace(rows[0], confidence=1 - 0.05 / 7)
    rows = [rows[0], *(replace(row, confidence=1 - 0.05 / 7) for row in rows[1:])]
    text = text_of(make_card(rows), width=72)
    assert "corruptions=fog," in text
    assert "scale,rotate" in text
    assert max(map(len, text.split("\n"))) <= 72
    assert "(test_first)" in text
    assert "(test_second)" in text
    assert "(test_corruption)" not in text


def test_nothing_of_the_summary_is_cut_and_numbers_keep_their_unit() -> None:
    parameters = {"suite": "mnist-c-generated", "corruptions": ["fog", "scale", "rotate"]}
    card = make_card([make_row("corruption", parameters=parameters, verdict="failed", threshold=at_least(0.987))])
    for width in range(72, 100):
        lines = render_terminal(card, width=width, verbosity=-1, color=False)
        assert " ".join(" ".join(lines).split()).endswith("corruptions=fog,scale,rotate 90.0 % (≥ 98.7 %)")
        assert not any(line.strip().startswith(("%", "98.7")) for line in lines)
