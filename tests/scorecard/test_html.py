"""The HTML report: complete, self-contained, safe with any name."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from pytest_robustness.scorecard import PartRow, Scorecard
from pytest_robustness.scorecard.format import row_value
from pytest_robustness.scorecard.html import render_html
from tests.scorecard.sample import (
    LENET,
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
    assert {found.get("type") for found in page.having("script")} == {"application/json"}


def test_ids_are_unique_and_links_lead_somewhere(page: Page) -> None:
    ids = [found["id"] for _, found in page.tags if "id" in found]
    assert len(ids) == len(set(ids))
    assert {f"#{place}" for place in ids} >= {found["href"] for found in page.having("a")}


def test_the_json_inside_is_the_scorecard(card: Scorecard, text: str) -> None:
    inside = re.search(r'<script type="application/json" id="scorecard">(.*?)</script>', text, flags=re.DOTALL)
    assert inside
    assert json.loads(inside[1]) == card.to_dict()


def test_each_picture_is_drawn_once(page: Page) -> None:
    labels = [found["aria-label"] for found in page.having("svg")]
    assert sorted(map(str, labels)) == [
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
    folded = folded[: folded.index('<p class="legend">')]
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
    entry["data"] |= {"name": evil}
    text = render_html(Scorecard.from_rows([entry], seed=0, environment={evil: evil}))
    page = Page(text)
    assert page.open == []
    assert len(page.having("script")) == 1
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


def _bars(row: object) -> list[str]:
    text = render_html(make_card([row]))
    return re.findall(r'<i class="(\w+)" style="left:([\d.]+)%', text)  # type: ignore[return-value]


def test_bars_place_value_interval_and_bound() -> None:
    row = make_row("accuracy", value=0.6, low=0.55, high=0.65, threshold=at_least(0.7), verdict="failed")
    assert _bars(row) == [("band", "55.0"), ("dot", "60.0"), ("limit", "70.0")]
    error = make_row("calibration", "ece", value=0.01, low=0.005, high=0.012, threshold=at_most(0.04), verdict="passed")
    assert _bars(error) == [("band", "10.0"), ("dot", "20.0"), ("limit", "80.0")]
    assert _bars(make_row("accuracy", value=float("nan"))) == []


def test_many_parts_are_cut_to_the_worst() -> None:
    parts = tuple(PartRow(name=f"point {i:03}", value=i / 400, low=0, high=1, n=9) for i in range(400))
    text = render_html(make_card([make_row("sensitivity", "mean", parts=parts, details=surface())]))
    visible = text[: text.index("<script")]
    assert "the 60 worst of 400 parts" in visible
    assert "point 059" in visible
    assert "point 060" not in visible
