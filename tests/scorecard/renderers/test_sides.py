"""Scorecards side by side: which rows belong together, what counts, and what fits a terminal."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_robustness.metrics import binomial_interval
from pytest_robustness.scorecard import Scorecard
from pytest_robustness.scorecard.outcomes import pack_outcomes
from pytest_robustness.scorecard.renderers.side_reports import render_sides_html, render_sides_terminal
from pytest_robustness.scorecard.renderers.sides import OPEN, side_by_side
from pytest_robustness.scorecard.rows import DataCard
from tests.scorecard.sample import LENET, make_row

if TYPE_CHECKING:
    from pytest_robustness.scorecard import Row

FULL, FEW, OTHERS = (DataCard(name="digits", fingerprint=f, n=n, population=1797) for f, n in
                     (("full", 1797), ("few", 100), ("others", 100)))  # fmt: skip


def row(data: DataCard, wrong: int, metric: str = "accuracy", family: str = "accuracy", **changes: Any) -> Row:
    """Make a row of so many wrong answers, the first ones of all."""
    correct = np.arange(data.n) >= wrong
    low, high = binomial_interval(data.n - wrong, data.n)
    known = {"data": data.key, "n": data.n, "low": low, "high": high, "confidence": 0.95}
    known["outcomes"] = pack_outcomes(np.arange(data.n), correct)
    return make_row(family, metric, float(correct.mean()), **{**known, **changes})


def card(name: str, *rows: Row) -> tuple[str, Scorecard]:
    """Make the card of a model of this name, as of a file."""
    model = dataclasses.replace(LENET, name=name, fingerprint=f"sha-{name}")
    sets = tuple(data for data in (FULL, FEW, OTHERS) if any(one.data == data.key for one in rows))
    rows = tuple(dataclasses.replace(one, model=model.key) for one in rows)
    return f"{name}.json", Scorecard(
        rows=rows, models=(model,), datasets=sets, seed=0, environment={}, created="2026-01-01T00:00:00+00:00"
    )


def test_no_row_is_dropped_silently():
    sides = side_by_side([card("base", row(FEW, 4), row(FULL, 68)), card("head", row(FEW, 5), row(FULL, 144))])
    assert [line.label for line in sides.lines] == ["accuracy, n = 1,797", "accuracy, n = 100"]
    assert [line.winner for line in sides.lines] == ["base", OPEN]
    assert all(line.changes[1] is not None and line.changes[1].paired for line in sides.lines)
    assert sides.left_out() == ""

    sides = side_by_side([card("base", row(FEW, 4), row(FULL, 68)), card("head", row(FULL, 144))])
    assert sides.left_out() == "1 row that only one model has is left out: accuracy, n = 100 (base)."
    assert sides.left_out() in " ".join(render_sides_terminal(sides, width=200))


def test_other_images_stand_in_where_there_are_none_in_common():
    sides = side_by_side([card("a", row(FULL, 68)), card("b", row(FULL, 70)), card("c", row(OTHERS, 5), row(FEW, 5))])
    assert [[None if one is None else one.n for one in line.rows] for line in sides.lines] == [
        [1797, 1797, 100],
        [None, None, 100],
    ]
    assert [change is not None and change.paired for change in sides.lines[0].changes] == [False, True, False]


def test_controls_are_neither_won_nor_lost():
    names = ("accuracy", "random_ink")
    base, head = (card(name, *(row(FULL, wrong, metric, "saliency") for metric in names))
                  for name, wrong in (("base", 68), ("head", 144)))  # fmt: skip
    sides = side_by_side([base, head], every=True)
    assert [(line.row.metric, line.winner) for line in sides.lines] == [("accuracy", "base"), ("random_ink", OPEN)]
    assert sides.wins() == {"saliency": {"base": 1}}
    only = side_by_side([(file, dataclasses.replace(c, rows=c.rows[1:])) for file, c in (base, head)], every=True)
    assert only.trade_offs() == ["head beside base: not shown to be better or worse in anything"]
    assert "neither won nor lost" in " ".join(render_sides_terminal(only, width=80))


@pytest.mark.parametrize("models", [2, 3])
@pytest.mark.parametrize("verbosity", [0, 1])
def test_any_name_fits_a_terminal(models, verbosity):
    name = "\x1b[31mlong\nname " + "x" * 70
    label = {"suite": "mnist-c-generated", "corruptions": ["fog", "scale", "rotate"]}
    cards = [card(f"{name}{i}", row(FULL, 68 + 40 * i, parameters=label)) for i in range(models)]
    sides = side_by_side(cards)
    lines = render_sides_terminal(sides, width=80, verbosity=verbosity)
    assert all(len(line) <= 80 and line.isprintable() for line in lines)
    text = " ".join(" ".join(lines).split())
    assert "[1] " in text
    assert "[2] [31mlong name xxx" in text
    assert "\x1b" not in render_sides_html(sides)
    assert ("[-3.0, -1.6]" in text) == (models == 2 or verbosity == 1)


def test_a_page_names_the_model_of_every_number():
    page = render_sides_html(side_by_side([card("base", row(FULL, 68)), card("<b>", row(FULL, 144))]))
    assert page.count('data-model="base"') == page.count('data-model="&lt;b&gt;"') == 2
