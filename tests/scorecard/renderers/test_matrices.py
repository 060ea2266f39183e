"""Confusion matrices: every count, told by place, colour and strength."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np

from pytest_robustness.scorecard.renderers.matrices import confusions
from pytest_robustness.scorecard.renderers.pictures import draw
from tests.scorecard.sample import confusion, make_row


def numbers(svg: ET.Element) -> list[str | None]:
    return [text.text for text in svg.findall("./g/g[@font-size]/text")]


def paths(svg: ET.Element) -> dict[tuple[str | None, float], int]:
    """Number of cells by colour and strength."""
    return {
        (path.get("fill"), float(path.get("fill-opacity", "0"))): path.get("d", "").count("M")
        for path in svg.iter("path")
    }


def test_every_count_is_written_in_its_cell() -> None:
    details = confusion()
    svg = ET.fromstring(confusions(make_row("accuracy", details=details), "Confusion matrix"))
    matrix = details["confusion"]
    assert numbers(svg) == [str(count) for line in matrix for count in line if count]
    right, total = sum(matrix[k][k] for k in range(10)), sum(map(sum, matrix))
    assert svg.get("aria-label") == f"Confusion matrix: {right} of {total:,} right"
    # The first cell lies at (0, 0), its number in its middle.
    first = svg.find("./g/g[@font-size]/text")
    assert first is not None
    assert (first.get("x"), first.get("y")) == ("10", "13")


def test_mistakes_are_of_another_colour_and_stand_out_by_their_share() -> None:
    svg = ET.fromstring(confusions(make_row("accuracy", details={"confusion": [[90, 10], [0, 100]]}), "M"))
    # 0.15 + 0.35 * share on the diagonal; 0.12 + 1.6 * sqrt(0.1) = 0.63 beside it; in steps of 0.1.
    assert paths(svg) == {("var(--blue)", 0.5): 2, ("var(--orange)", 0.6): 1}


def test_rare_mistakes_are_seen() -> None:
    svg = ET.fromstring(confusions(make_row("accuracy", details={"confusion": [[9999, 1], [0, 1]]}), "M"))
    assert paths(svg)["var(--orange)", 0.1] == 1


def test_many_classes_have_no_numbers_and_stay_small() -> None:
    matrix = np.random.default_rng(0).integers(0, 2, (100, 100))
    text = confusions(make_row("accuracy", details={"confusion": matrix.tolist()}), "M")
    svg = ET.fromstring(text)
    assert numbers(svg) == []
    assert sum(paths(svg).values()) == (matrix > 0).sum()
    assert len(text) < 200_000
    assert svg.get("viewBox") == "0 0 434 456"  # as large as that of twenty classes


def test_under_attack_both_are_shown() -> None:
    matrix = confusion()["confusion"]
    row = make_row("adversarial", details={"confusion": matrix, "confusion_clean": np.eye(10, dtype=int).tolist()})
    ((title, text),) = draw(row, "p")
    assert title == "Confusion matrix"
    clean, attacked = ET.fromstring(text)
    assert clean.get("aria-label") == "Confusion matrix, clean: 10 of 10 right"
    assert numbers(clean) == ["1"] * 10
    assert str(attacked.get("aria-label")).startswith("Confusion matrix, under attack: ")
    assert re.findall(r">(clean|under attack)<", text) == ["clean", "under attack"]


def test_classes_without_a_sample() -> None:
    svg = ET.fromstring(confusions(make_row("accuracy", details={"confusion": [[0, 0], [0, 0]]}), "M"))
    assert paths(svg) == {}
