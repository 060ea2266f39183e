"""Pictures: the right ones, deterministic, safe to put several into one page."""

from __future__ import annotations

import base64
import random
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from pytest_robustness.scorecard import PartRow
from pytest_robustness.scorecard.renderers import figures
from pytest_robustness.scorecard.renderers.pictures import draw
from tests.scorecard.sample import at_least, confusion, contact_sheet, histograms, make_row, reliability, roc, surface

PARTS = tuple(PartRow(name=f"$part_{i}^ <b>&", value=i / 4, low=i / 5, high=i / 3, n=9) for i in range(3))

BUDGETS = (
    PartRow(name="clean", value=0.99, low=0.98, high=1.0, n=9),
    PartRow(name="eps=0.1", value=0.8, low=0.75, high=0.85, n=9),
    PartRow(name="eps=0.25", value=0.4, low=0.35, high=0.45, n=9),
)

ROWS = {
    "surface": make_row("sensitivity", "mean", details=surface()),
    "reliability": make_row("calibration", "ece", 0.01, details=reliability()),
    "confusion": make_row("accuracy", details=confusion()),
    "histograms": make_row("ood", "auroc", details=histograms()),
    "roc": make_row("ood", "auroc", details=roc()),
    "roc curves": make_row(
        "ood",
        "auroc",
        details=roc("near/kmnist", "near/$notmnist", "far/noise"),
        parts=tuple(
            PartRow(name=name, value=0.9, low=0.8, high=0.95, n=9)
            for name in ("near/kmnist", "near/$notmnist", "far/noise")
        ),
    ),
    "parts": make_row("corruption", "worst", parts=PARTS, threshold=at_least(0.3)),
    "budgets": make_row("adversarial", parts=BUDGETS, threshold=at_least(0.3), details={"norm": "l2"}),
}


@pytest.mark.parametrize("name", ROWS)
def test_one_picture_the_same_each_time(name: str) -> None:
    ((title, svg),) = draw(ROWS[name], "p")
    assert draw(ROWS[name], "p") == [(title, svg)]
    assert ET.fromstring(svg).tag == "svg"
    assert f'aria-label="{title}' in svg


@pytest.mark.parametrize("name", ROWS)
def test_ids_and_colors_belong_to_the_page(name: str) -> None:
    ((_, svg),) = draw(ROWS[name], "mark")
    ids = re.findall(r'\bid="([^"]*)"', svg)
    assert len(ids) == len(set(ids))
    assert all(found.startswith("mark-") for found in ids)
    links = re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', svg)
    assert {a or b for a, b in links} <= set(ids)
    assert not re.search(r"#01010\d", svg)
    assert "var(--" in svg
    assert "http" not in svg
    assert "<metadata" not in svg


def test_every_curve_has_its_name_and_area() -> None:
    ((title, svg),) = draw(ROWS["roc curves"], "p")
    assert title == "ROC curves"
    for name in ("near/kmnist", "near/$notmnist", "far/noise"):
        assert f"{name} 0.900" in svg


def test_a_contact_sheet_is_an_image_with_names() -> None:
    ((title, text),) = draw(make_row("corruption", "accuracy", details=contact_sheet()), "p")
    element = ET.fromstring(re.sub(r"(<img [^>]*)>", r"\1/>", text))
    assert title == "Contact sheet"
    assert [item.text for item in element.iter("li")] == ["as it is", "<fog>"]
    (image,) = element.iter("img")
    assert (image.get("width"), image.get("height")) == ("2", "4")
    kind, _, content = image.attrib["src"].partition(",")
    assert kind == "data:image/png;base64"
    assert Image.open(BytesIO(base64.b64decode(content))).size[1] > 0


def test_rows_without_details_have_no_picture() -> None:
    assert draw(make_row("accuracy"), "p") == []
    assert draw(make_row("corruption", "mce", 1.2, parts=PARTS), "p") == []


def test_global_state_is_left_alone() -> None:
    before, seeds = dict(mpl.rcParams), (random.getstate(), np.random.get_state()[1].tolist())  # type: ignore[index,union-attr]  # noqa: NPY002
    draw(ROWS["surface"], "p")
    assert dict(mpl.rcParams) == before
    assert (random.getstate(), np.random.get_state()[1].tolist()) == seeds  # type: ignore[index,union-attr]  # noqa: NPY002


PYPLOT = """
import sys
from pytest_robustness.scorecard.renderers.pictures import draw
from tests.scorecard.renderers.test_pictures import ROWS
assert all(draw(row, "p") for row in ROWS.values())
print("matplotlib.pyplot" in sys.modules)
"""


def test_pyplot_is_never_imported() -> None:
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", PYPLOT], cwd=root, check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "False"


def test_names_are_text() -> None:
    ((_, svg),) = draw(ROWS["parts"], "p")
    texts = ["".join(node.itertext()) for node in ET.fromstring(svg).iter("text")]
    assert "$part_1^ <b>&" in texts


def test_names_in_any_script() -> None:
    part = PartRow(name="\N{HANGUL SYLLABLE GA}\N{CJK UNIFIED IDEOGRAPH-6F22}", value=0.5, low=0.4, high=0.6, n=1)
    assert part.name in draw(make_row("corruption", parts=(part,)), "p")[0][1]


@pytest.mark.parametrize(
    "change",
    [
        {"level": None},
        {"level": 0.999},
        {"gamma": [1.0], "accuracy": [[0.5] * 21]},
        {"brightness": [0.0], "accuracy": [[0.5]] * 21},
        {"gamma": [-1.0, 1.0], "accuracy": [[0.5] * 21] * 2},
        {"accuracy": [[None] * 21] + [[0.5] * 21] * 20},
        {"accuracy": [[0.5] * 21] * 21},
    ],
)
def test_surfaces_of_every_kind(change: dict[str, Any]) -> None:
    assert len(draw(make_row("sensitivity", "mean", details=surface() | change), "p")) == 1


def test_the_level_line_is_drawn_where_the_surface_crosses_it() -> None:
    with_line = figures.surface(make_row("sensitivity", "mean", details=surface(0.85)))
    without = figures.surface(make_row("sensitivity", "mean", details=surface(None)))
    assert len(with_line.axes[0].collections) == len(without.axes[0].collections) + 2


def test_empty_bins_are_left_out() -> None:
    details = reliability()
    bars = figures.reliability(make_row("calibration", "ece", 0.01, details=details)).axes[0].patches
    assert [bar.get_height() for bar in bars] == [entry["accuracy"] for entry in details["bins"] if entry["n"]]


def test_accuracy_over_the_radius_begins_at_the_clean_one() -> None:
    axes = figures.budget_curve(ROWS["budgets"]).axes[0]
    curve, bound = axes.lines
    assert (list(curve.get_xdata()), list(curve.get_ydata())) == ([0.0, 0.1, 0.25], [0.99, 0.8, 0.4])
    assert list(bound.get_ydata()) == [0.3, 0.3]
    assert axes.texts[0].get_text() == "asked for at eps 0.25"
    assert axes.get_xlabel() == "eps (l2, pixels in [0, 1])"
    (band,) = axes.collections
    assert {(0.1, 0.75), (0.1, 0.85), (0.25, 0.35), (0.25, 0.45)} <= {tuple(v) for v in band.get_paths()[0].vertices}
    unbound = figures.budget_curve(make_row("adversarial", parts=BUDGETS[1:])).axes[0]
    assert [list(line.get_xdata()) for line in unbound.lines] == [[0.1, 0.25]]


def test_one_radius_is_no_curve() -> None:
    assert draw(make_row("adversarial", parts=BUDGETS[:2]), "p") == []


def test_only_the_bound_on_the_worst_part_is_drawn() -> None:
    def dashed(metric: str) -> int:
        row = make_row("corruption", metric, parts=PARTS, threshold=at_least(0.3))
        return len([line for line in figures.part_bars(row).axes[0].lines if line.is_dashed()])

    assert (dashed("worst"), dashed("accuracy")) == (1, 0)
