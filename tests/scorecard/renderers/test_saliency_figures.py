from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from pytest_robustness.evaluations.sheets import saliency_sheet, sheet_picture
from pytest_robustness.scorecard.renderers.figures import BLUE, MUTED, ORANGE
from pytest_robustness.scorecard.renderers.pictures import draw
from pytest_robustness.scorecard.renderers.saliency_figures import curves
from tests.scorecard.sample import confusion, make_row

CURVES = {
    "map": "gradient<b>",
    "mask": 0.0,
    "fraction": 0.15,
    "fractions": [0.0, 0.5, 1.0],
    "shares": [0.0, 0.5, 1.0],
    "deletion": [0.9, 0.4, 0.1],
    "insertion": [0.1, 0.6, 0.9],
    "random_ink": [0.9, 0.5, 0.1],
    "random_ink_insertion": [0.1, 0.7, 0.9],
}
GREY = np.random.default_rng(0).random((2, 1, 4, 4)).astype(np.float32)
SHEET = sheet_picture(saliency_sheet(GREY, GREY[:, 0].astype(float), GREY), ["1 → 2", '3 → "<4>'])
ATTACKED = {"confusion": confusion()["confusion"], "confusion_clean": confusion()["confusion"]}


def test_curves_show_map_and_control():
    left, right = curves(make_row("saliency", details={"saliency_curves": CURVES})).axes
    for axes, shown, control in ((left, "deletion", "random_ink"), (right, "insertion", "random_ink_insertion")):
        lines = {line.get_color(): line.get_ydata() for line in axes.lines}
        assert list(lines[BLUE]) == CURVES[shown]
        assert list(lines[MUTED]) == CURVES[control]
    legend = left.figure.legends[0]
    assert legend.get_title().get_text() == "gradient<b>, mask 0"
    assert [text.get_text() for text in legend.get_texts()] == [
        "random ink",
        "most salient first",
        "fraction asked for",
    ]
    assert [list(line.get_xdata()) for line in left.lines if line.get_color() == ORANGE] == [[0.15, 0.15]]


@pytest.mark.parametrize(("key", "title"), [("saliency_examples", "Saliency"), ("adversarial_examples", "Fooled")])
def test_a_sheet_is_an_image_with_names(key, title):
    ((told, text),) = draw(make_row("saliency", details={key: SHEET}), "p")
    assert told.startswith(title)
    element = ET.fromstring(text.replace('.png">', '.png"/>').replace('=">', '="/>'))
    assert [item.text for item in element.iter("li")] == ["original", "saliency", "masked"]
    assert [span.text for span in element.iter("span")] == ["1 → 2", '3 → "<4>']
    (image,) = element.iter("img")
    assert image.get("alt", "").endswith('1 → 2, 3 → "<4>')
    assert (image.get("width"), image.get("height")) == ("8", "12")


def test_pictures_are_deterministic_and_of_the_page():
    row = make_row("saliency", details={"saliency_curves": CURVES, "saliency_examples": SHEET, **ATTACKED})
    drawn = draw(row, "mark")
    assert [title for title, _ in drawn] == [
        "Accuracy over masked and shown pixels", "Confusion matrix", "Saliency and masks",
    ]  # fmt: skip
    assert draw(row, "mark") == drawn
    for _, svg in drawn[:2]:
        assert ET.fromstring(svg).tag in ("svg", "div")
        assert not re.search(r"#01010\d", svg)
        assert all(found.startswith("mark-") for found in re.findall(r'\bid="([^"]*)"', svg))
