"""Markdown: every row, nothing that turns into markup, short enough for a comment."""

from __future__ import annotations

from pytest_robustness.scorecard import PartRow, Scorecard
from pytest_robustness.scorecard.format import bound_text, row_value
from pytest_robustness.scorecard.renderers.markdown import LIMIT, escape, render_markdown
from tests.scorecard.sample import LENET, make_card, make_row, payload


def rows_of(text: str) -> list[str]:
    words = ("| passed |", "| **failed** |", "| *inconclusive* |", "| measured |")
    return [line for line in text.splitlines() if line.endswith(words)]


def test_every_row_is_a_line(card: Scorecard) -> None:
    lines = rows_of(render_markdown(card))
    assert len(lines) == len(card.rows)
    for row, line in zip(card.rows, lines, strict=True):
        assert f"| {row_value(row)} |" in line
        assert bound_text(row.metric, row.threshold) in line.replace("&gt;", ">")


def test_tables_have_five_columns(card: Scorecard) -> None:
    assert {line.count("|") for line in rows_of(render_markdown(card))} == {6}


def test_notes_and_parts(card: Scorecard) -> None:
    text = render_markdown(card)
    assert text.startswith("## Robustness: failed\n")
    assert "- **failed** corruption mnist-c 15 corruptions · worst: translate 41.2 %" in text
    assert "- warning, adversarial autoattack linf eps=0.1: Square found" in text
    assert "<summary>corruption mnist-c 15 corruptions: 15 parts</summary>" in text
    assert "| glass\\_blur | 95.1 % |" in text


def test_markup_of_a_name_is_text() -> None:
    assert escape("a|b *c* `d` [e](f) <script> @me #1 x_y") == (
        "a\\|b \\*c\\* \\`d\\` \\[e\\](f) &lt;script&gt; &#64;me \\#1 x\\_y"
    )
    entry = payload(make_row("accuracy"))
    entry["model"] = LENET.to_dict() | {"name": "<script>|@all\n# big"}
    text = render_markdown(Scorecard.from_rows([entry], seed=0))
    assert "<script>" not in text
    assert "@all" not in text
    assert "\n# big" not in text


def test_a_long_card_loses_its_parts_first() -> None:
    parts = tuple(PartRow(name=f"part number {i}", value=0.5, low=0.4, high=0.6, n=1) for i in range(30))
    rows = [make_row("adversarial", parameters={"eps": i / 100}, parts=parts) for i in range(200)]
    text = render_markdown(make_card(rows))
    assert len(text.encode()) <= LIMIT
    assert len(rows_of(text)) == 200
    assert "part number" not in text


def test_a_very_long_card_says_what_it_leaves_out() -> None:
    rows = [make_row("adversarial", parameters={"eps": i, "attack": "é" * 60}) for i in range(1000)]
    text = render_markdown(make_card(rows))
    assert len(text.encode()) <= LIMIT
    kept = len(rows_of(text))
    assert 300 < kept < 1000
    assert f"{1000 - kept + 2} lines are left out here" in text
