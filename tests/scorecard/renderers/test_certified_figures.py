from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from pytest_robustness.errors import ParameterError
from pytest_robustness.scorecard.renderers.certified_figures import TITLE, UNITS, VALUES, certified, draw_certified
from pytest_robustness.scorecard.renderers.csv import render_csv
from pytest_robustness.scorecard.renderers.figures import BLUE, MUTED
from pytest_robustness.scorecard.renderers.html import render_html
from pytest_robustness.scorecard.renderers.markdown import render_markdown
from pytest_robustness.scorecard.renderers.pictures import draw
from pytest_robustness.scorecard.renderers.terminal import render_terminal
from tests.scorecard.sample import make_card, make_row

CURVE = {
    "norm": "l0",
    "noise": "pixels kept with probability 0.8",
    "statement": "for each image, a false certificate has a chance of at most 0.001",
    "noise_n": 10_000,
    "sequential": False,
    "radii": [0, 1, 2, 3],
    "accuracy": [0.95, 0.9, 0.7, 0.4],
    "low": [0.9, 0.84, 0.62, 0.3],
    "high": [0.98, 0.95, 0.79, 0.5],
    "mean_radius": 2.1,
    "median_radius": 2.0,
}
ONE = {**CURVE, **{name: CURVE[name][3:] for name in ("radii", "accuracy", "low", "high")}, "mean_radius": None}
ONE["sequential"] = True
IN_L2 = {**CURVE, "norm": "l2", "noise": "Gaussian of standard deviation 0.25", "radii": [0, 0.25, 0.5, 0.75]}


def row(found, metric="accuracy"):
    radii = found["radii"] if len(found["radii"]) > 1 else found["radii"][0]
    return make_row("certified", metric, parameters={"radius": radii}, details={"certificates": found})


def test_the_curve_with_its_interval_and_the_mean():
    (axes,) = certified(row(CURVE)).axes
    lines = {line.get_color(): line for line in axes.lines}
    assert list(lines[BLUE].get_xdata()) == CURVE["radii"]
    assert list(lines[BLUE].get_ydata()) == CURVE["accuracy"]
    assert list(lines[MUTED].get_xdata()) == [2.1, 2.1]
    (band,) = axes.collections
    corners = {(round(x), round(float(y), 6)) for x, y in band.get_paths()[0].vertices}
    assert corners >= set(zip(CURVE["radii"], CURVE["low"], strict=True))
    assert corners >= set(zip(CURVE["radii"], CURVE["high"], strict=True))
    assert "mean 2.1" in {text.get_text() for text in axes.texts}
    assert axes.get_ylim() == (0, 1.01)


def test_pixels_are_counted_in_whole_numbers():
    (axes,) = certified(row({**CURVE, "radii": [0, 1, 2, 3]})).axes
    assert axes.get_xlabel() == UNITS["l0"]
    assert all(place == int(place) for place in axes.get_xticks())
    (axes,) = certified(row(IN_L2)).axes
    assert axes.get_xlabel() == UNITS["l2"]
    assert any(place != int(place) for place in axes.get_xticks())


def test_in_colour_values_are_counted():
    (axes,) = certified(row({**CURVE, "channels": 3})).axes
    assert axes.get_xlabel() == VALUES == "values changed (L0 radius)"
    (axes,) = certified(row({**IN_L2, "channels": 3})).axes
    assert axes.get_xlabel() == UNITS["l2"]


def test_every_report_says_where_the_value_is_and_what_the_interval_leaves_out():
    statement = CURVE["statement"]
    for found, at in ((CURVE, True), (ONE, False)):
        card = make_card([row(found)])
        lines = render_terminal(card, width=200, verbosity=1, color=False)
        reports = [render_html(card), render_markdown(card), "\n".join(lines)]
        assert all(statement in report for report in reports)
        assert all((" · at radius 3" in report) == at for report in reports)
        assert ("at radius 3" in render_csv(card)) == at


@pytest.mark.parametrize("mean", [None, 7.3])
def test_a_mean_that_is_not_on_the_axis_is_not_drawn(mean):
    (axes,) = certified(row({**CURVE, "mean_radius": mean})).axes
    assert [line.get_color() for line in axes.lines] == [BLUE]
    assert not axes.texts


def test_one_radius_is_a_point_with_its_interval():
    (axes,) = draw_certified(ONE).axes
    assert list(axes.get_xticks()) == ONE["radii"]
    (line,) = axes.collections[1].get_segments()
    assert line.tolist() == [[3, ONE["low"][0]], [3, ONE["high"][0]]]


def test_the_page_shows_curves_and_no_single_points():
    ((title, svg),) = draw(row(CURVE), "mark")
    assert title == TITLE
    assert draw(row(CURVE), "mark") == [(title, svg)]
    assert ET.fromstring(svg).tag == "svg"
    assert not re.search(r"#01010\d", svg)
    assert all(found.startswith("mark-") for found in re.findall(r'\bid="([^"]*)"', svg))
    assert draw(row(ONE), "mark") == []
    assert draw(make_row("certified", "mean_radius", 2.1), "mark") == []


def test_the_caption_says_where_the_value_is_and_what_the_interval_leaves_out():
    page = render_html(make_card([row(CURVE), make_row("certified", "mean_radius", 2.1)]))
    (caption,) = re.findall(r"[^>]* at radius 3: [^<]*; for each image, a false certificate has a chance of[^<]*", page)
    assert caption.startswith("certified")
    assert '<span class="metric">at radius 3</span>' in page
    assert " at radius " not in render_html(make_card([row(ONE)]))


@pytest.mark.parametrize("name", ["curve.png", "curve.svg", "curve.pdf"])
@pytest.mark.parametrize("found", [CURVE, ONE, IN_L2], ids=["curve", "one radius", "l2"])
def test_a_file(tmp_path, found, name):
    path = tmp_path / "new" / name
    figure = draw_certified(found, path)
    assert path.stat().st_size > 4000
    draws = "at most 10,000 draws an image" if found is ONE else "10,000 draws an image"
    assert figure.axes[0].get_title(loc="left") == f"{found['noise']}, {draws}"
    content = path.read_bytes()
    draw_certified(found, path)
    assert path.read_bytes() == content


def test_settings_of_the_user_are_left_alone(tmp_path):
    before = dict(mpl.rcParams)
    draw_certified(CURVE, tmp_path / "curve.png")
    assert dict(mpl.rcParams) == before


def test_another_format_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"unknown format of a picture: got '.*curve\.gif'; allowed: \.png, \.svg"):
        draw_certified(CURVE, tmp_path / "curve.gif")
