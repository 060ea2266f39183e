"""The HTML report: complete, self-contained, safe with any name."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from pytest_robustness.scorecard import PartRow, Scorecard
from pytest_robustness.scorecard.format import row_value
from pytest_robustness.scorecard.renderers.html import render_html
from tests.scorecard.sample import (
    LENET,
    PERCEPTRON,
    at_least,
    at_most,
    contact_sheet,
    make_card,
    make_row,
    payload,
    reliability,
    surface,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

VOID = {"meta", "link", "input", "br", "hr", "img"}


class Page(HTMLParser):
    """Collects tags, attributes and text, and checks that tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def having(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        return [found for name, found in self.tags if name == tag and wanted.items() <= found.items()]


@pytest.fixture(scope="module")
def text(card: Scorecard) -> str:
    return render_html(card)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_tags_are_closed(page: Page) -> None:
    assert page.open == []


def test_every_row_appears_with_its_value_and_verdict(card: Scorecard, page: Page) -> None:
    for verdict, count in card.counts.items():
        assert len(page.having("tbody", data_verdict=verdict)) == count
    shown = "".join(page.text).replace("\N{NO-BREAK SPACE}", " ")
    assert all(row_value(row) in shown for row in card.rows)
    assert all(row.reason in shown for row in card.rows)
    assert all(warning in shown for row in card.rows for warning in row.warnings)
    assert all(part.name in shown for row in card.rows for part in row.parts)
    assert all(model.fingerprint in shown for model in card.models)


def test_it_fetches_nothing(text: str, page: Page) -> None:
    places = [value for _, found in page.tags for name, value in found.items() if name in ("src", "href", "srcset")]
    assert places
    assert all(place is not None and place.startswith(("#", "data:")) for place in places)
    assert not re.search(r"@import|url\((?!#)", text)
    assert page.having("meta", http_equiv="Content-Security-Policy")
    assert [found.get("type") for found in page.having("script")] == ["application/json", None]


def test_only_its_own_style_and_script_are_allowed(text: str, page: Page) -> None:
    (policy,) = (found["content"] for found in page.having("meta", http_equiv="Content-Security-Policy"))
    assert str(policy).startswith("default-src 'none'; ")
    assert "unsafe" not in str(policy)
    for kind, name in (("style", "style"), ("script", "script")):
        (inside,) = re.findall(f"<{name}>(.*?)</{name}>", text, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in str(policy)
    # Neither would be allowed, and both would go unnoticed in a look at the page.
    assert not any("style" in found or any(name.startswith("on") for name in found) for _, found in page.tags)


def test_ids_are_unique_and_links_lead_somewhere(page: Page) -> None:
    ids = [found["id"] for _, found in page.tags if "id" in found]
    assert len(ids) == len(set(ids))
    assert {f"#{place}" for place in ids} >= {found["href"] for found in page.having("a")}


def test_the_json_inside_is_the_scorecard(card: Scorecard, text: str) -> None:
    inside = re.search(r'<script type="application/json" id="scorecard">(.*?)</script>', text, flags=re.DOTALL)
    assert inside
    assert json.loads(inside[1]) == card.to_dict()


def test_each_picture_is_drawn_once(page: Page) -> None:
    labels = [str(found["aria-label"]).split(":")[0] for found in page.having("svg", role="img")]
    assert sorted(labels) == [
        "Accuracy surface",
        "Anomaly scores",
        "Confusion matrix",
        "Corruption by corruption",
        "Reliability diagram",
    ]


def test_parts_are_drawn_once_beside_what_only_one_of_their_metrics_has() -> None:
    parts = tuple(PartRow(name=name, value=0.9, low=0.8, high=0.95, n=9) for name in ("fog", "scale"))
    mean = make_row("corruption", parts=parts, details=contact_sheet(), threshold=at_least(0.5), verdict="passed")
    text = render_html(make_card([mean, make_row("corruption", "worst", 0.9, parts=parts, headline=False)]))
    assert text.count("<h3>Corruption by corruption</h3>") == 1
    assert text.count("<h3>Contact sheet</h3>") == 1


def test_the_band_of_chance_is_told() -> None:
    row = make_row("calibration", "ece", 0.01, details=reliability() | {"null_band": {"high": 0.0093}})
    assert "calibration · ECE: 0.0100; up to 0.0093 is chance" in render_html(make_card([row]))


def test_what_was_only_measured_beside_is_folded_away() -> None:
    rows = [
        make_row("calibration", "ece", 0.01),
        make_row("calibration", "nll", 0.02, headline=False),
        make_row("calibration", "ace", 0.03, headline=False),
        make_row("calibration", "brier", 0.04, headline=False, threshold=at_most(0.1), verdict="passed"),
    ]
    before, folded = render_html(make_card(rows)).split('<details class="further sheet">')
    folded = folded[: folded.index('aria-labelledby="about"')]
    assert "2 further metrics, only measured" in folded
    assert all(shown in before for shown in ("0.0100", "0.0400"))
    assert all(hidden in folded and hidden not in before for hidden in ("0.0200", "0.0300"))


def test_the_same_card_gives_the_same_page(card: Scorecard, text: str) -> None:
    assert render_html(card) == text


def test_names_are_escaped_everywhere() -> None:
    evil = "</script><script>alert(1)</script><!--"
    part = PartRow(name=evil, value=0.5, low=0.4, high=0.6, n=3)
    entry = payload(
        make_row(
            "corruption", parameters={"suite": evil}, parts=(part,), reason=evil, warnings=(evil,), test=evil, id=evil
        )
    )
    entry["model"] = LENET.to_dict() | {"name": "<script>", "source": evil, "kind": evil}
    entry["data"] = entry["data"] | {"name": evil}  # not in place: other tests have the same card
    text = render_html(Scorecard.from_rows([entry], seed=0, environment={evil: evil}))
    page = Page(text)
    assert page.open == []
    assert len(page.having("script")) == 2
    assert "<!--" not in text
    assert "<script>" in "".join(page.text)


def _title(rows: Sequence[object]) -> str:
    found = re.search("<h1>(.*)</h1>", render_html(make_card(rows)))
    assert found
    return found[1]


def test_titles() -> None:
    good = make_row("accuracy", threshold=at_least(0.5), verdict="passed")
    better = make_row("ood", "auroc", threshold=at_least(0.5), verdict="passed")
    bad = make_row("saliency", threshold=at_least(0.95), verdict="failed")
    assert _title([]) == "0 metrics measured, nothing asked of them"
    assert _title([make_row("certified")]) == "1 metric measured, nothing asked of them"
    assert _title([good, make_row("certified")]) == "The one requirement passed"
    assert _title([good, better]) == "All 2 requirements passed"
    assert _title([good, better, bad]) == "1 failed of 3 requirements"


def test_a_sheet_is_in_the_page_once() -> None:
    details = contact_sheet()
    png = details["sheet"]["png"]
    shown = make_row("corruption", details=details)
    hidden = make_row("corruption", "mean", details={"sheet": details["sheet"] | {"png": "NotShown"}}, headline=False)
    text = render_html(make_card([shown, hidden]))
    assert text.count(png) == 1
    inside = re.search(r'id="scorecard">(.*?)</script>', text)
    assert inside
    rows = {row["metric"]: row for row in json.loads(inside[1])["rows"]}
    place = rows["accuracy"]["details"]["sheet"]["png"]
    (image,) = Page(text).having("img", id=place.removeprefix("#"))
    assert str(image["src"]).endswith(png)
    assert rows["mean"]["details"]["sheet"]["png"] is None  # not shown
    assert "NotShown" not in text


def test_a_page_stays_small_and_says_what_it_leaves_out() -> None:
    sheet = contact_sheet()["sheet"]
    rows = [
        make_row(
            "adversarial", parameters={"eps": place}, details={"sheet": sheet | {"png": f"{place:03}" + 50_000 * "A"}}
        )
        for place in range(60)
    ]
    text = render_html(make_card(rows))
    assert len(text.encode()) < 2_000_000
    assert text.count("<h3>Contact sheet</h3>") == 60
    assert text.count("<img id=") == 23
    assert text.count("Left out: the page would be too large") == 60 - 23


def test_a_section_for_each_family_with_its_pictures(text: str, page: Page) -> None:
    found = re.findall(r'<h2 id="(family-\d+)">(.*?)</h2>', text)
    assert [title for _, title in found] == [
        "Accuracy",
        "Corruption",
        "Out of distribution",
        "Calibration",
        "Sensitivity",
    ]
    calibration = text.split(">Calibration</h2>")[1].split("<section", 1)[0]
    assert "<h3>Reliability diagram</h3>" in calibration
    assert "1 further metric, only measured" in calibration
    assert "<h3>Reliability diagram</h3>" not in text.replace(calibration, "")
    assert {f"#{place}" for place, _ in found} <= {link["href"] for link in page.having("a")}


def test_every_row_says_how_it_is_measured_again(card: Scorecard, page: Page) -> None:
    assert len(page.having("code", **{"class": "command"})) == len(card.rows)
    shown = "".join(page.text)
    assert "pytest tests/test_robustness.py::test_ood --robustness-n=1000" in shown
    assert "pytest-robustness scorecard example_models/mlp/weights.skops --data mnist" in shown


def test_cells_have_what_they_are_sorted_by() -> None:
    rows = [
        make_row("accuracy", value=0.6, low=0.55, high=0.65, threshold=at_least(0.7), verdict="failed"),
        make_row("calibration", "nll", float("inf"), low=float("nan"), high=float("nan")),
    ]
    cells = [found["data-sort"] for found in Page(render_html(make_card(rows))).having("td") if "data-sort" in found]
    assert cells == ["accuracy", "0.6", "0.55", "0.7", "0", "calibration · NLL", "Infinity", "", "", "3"]


def test_models_stand_side_by_side() -> None:
    row = make_row("accuracy", value=0.9, low=0.88, high=0.92)
    other = payload(dataclasses.replace(row, value=0.8, low=0.75, high=0.85)) | {"model": PERCEPTRON.to_dict()}
    text = render_html(Scorecard.from_rows([payload(row), other], seed=0, environment={}))
    table = text.split('<table class="models sortable">')[1].split("</table>")[0]
    assert table.index("lenet5") < table.index("mlp-784-100-10")
    assert re.search(r'<b class="best">90.0', table)
    assert not re.search(r'<b class="best">80.0', table)
    assert 'id="models-' not in render_html(make_card([row]))


def test_many_parts_are_cut_to_the_worst() -> None:
    parts = tuple(PartRow(name=f"point {i:03}", value=i / 400, low=0, high=1, n=9) for i in range(400))
    text = render_html(make_card([make_row("sensitivity", "mean", parts=parts, details=surface())]))
    visible = text[: text.index("<script type")]
    assert "the 60 worst of 400 parts" in visible
    assert "point 059" in visible
    assert "point 060" not in visible


def test_changes_from_a_baseline_have_a_column() -> None:
    row = make_row("accuracy", value=0.9, threshold=at_least(0.5), verdict="passed")
    change = {"shown": "worse", "change": -0.03, "low": -0.046, "high": -0.014, "verdict": "failed", "note": ""}
    text = render_html(make_card([dataclasses.replace(row, baseline=change), make_row("ood", "auroc")]))
    page = Page(text)
    (cell,) = page.having("td", **{"class": "number change worse"})
    assert cell["data-sort"] == "-0.03"
    assert "change from the baseline: -3.0 [-4.6, -1.4], worse" in text
    assert {found["colspan"] for found in page.having("td") if "colspan" in found} == {"7"}
    assert page.open == []
    without = render_html(make_card([row]))
    assert '<th scope="col" class="number">change</th>' in text
    assert '<th scope="col" class="number">change</th>' not in without


def test_a_page_of_very_many_long_rows_is_bounded_and_says_what_is_left_out():
    verdicts = ["passed"] * 240 + ["failed"] * 10
    rows = [
        make_row("accuracy", parameters={"name": f"{'long ' * 700}{i}"}, threshold=at_least(0.5), verdict=verdict)
        for i, verdict in enumerate(verdicts)
    ]
    page = render_html(make_card(rows))
    assert len(page.encode()) <= 2_000_000
    assert 'id="scorecard">null</script>' in page
    assert re.search(r"Left out, for the page would be too large: the JSON behind it; 1\d\d rows of 250", page)
    assert len(re.findall(r'<tbody id="row-\d+" data-verdict="failed"', page)) == 10
    assert "10 failed of 250 requirements" in page
