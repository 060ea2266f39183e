"""The page in a real browser: silent, offline, sorted by keyboard, complete without its script, no wider than it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from pytest_robustness.scorecard import Scorecard
from pytest_robustness.scorecard.renderers.html import render_html
from tests.scorecard.renderers.chromium import PROGRAM, Browser
from tests.scorecard.sample import LENET, contact_sheet, make_card, payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium on this machine")

TABLE = "document.querySelectorAll('table.checks')[0]"
ROWS = f"[...{TABLE}.tBodies].map(body => body.id)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def path(card: Scorecard, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, with four further models on the data of the first, and a sheet of examples."""
    names = ("lenet5-twin", "a model with a rather long name", "vit", "resnet")
    others_like_it = [dataclasses.replace(LENET, name=name, fingerprint=name) for name in names]
    first = [row for row in card.rows if row.model == LENET.key]
    first[0] = dataclasses.replace(first[0], details=first[0].details | contact_sheet())
    others = [row for row in card.rows if row.model != LENET.key]
    entries = [payload(row) for row in (*first, *others)]
    for twin in others_like_it:
        entries += [
            payload(dataclasses.replace(row, value=row.value * 0.97)) | {"model": twin.to_dict()} for row in first
        ]
    path = tmp_path_factory.mktemp("page") / "scorecard.html"
    path.write_text(render_html(Scorecard.from_rows(entries, seed=0, environment={})), encoding="utf-8")
    return path


def test_nothing_is_said_on_the_console_and_nothing_is_fetched(browser: Browser, path: Path) -> None:
    browser.look(width=1280)
    browser.open(path)
    assert browser.complaints() == []
    assert browser.requests() == [path.as_uri()]
    # What is drawn is there: the images have pixels, the style and the script were let in.
    assert browser.run("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert browser.run("document.images.length") == 5
    assert browser.run("getComputedStyle(document.querySelector('.sheet')).borderRadius") == "10px"
    assert browser.run("document.querySelectorAll('th button').length") > 0


def test_complaints_would_be_heard(browser: Browser, path: Path, tmp_path: Path) -> None:
    """A page that does what ours must not: the tests above can fail."""
    text = path.read_text(encoding="utf-8")
    evil = '<p style="color: red">x</p><img src="https://example.org/x.png"><script>alert(1)</script></main>'
    bad = tmp_path / "bad.html"
    bad.write_text(text.replace("</main>", evil), encoding="utf-8")
    browser.look(width=1280)
    browser.open(bad)
    said = " ".join(browser.complaints())
    assert said.count("Content Security Policy") >= 3  # a style, an image and a script that were not let in


def heads(browser: Browser) -> dict[str, str]:
    script = f"[...{TABLE}.tHead.rows[0].cells].map(cell => [cell.textContent.trim(), cell.getAttribute('aria-sort')])"
    return {name: order for name, order in browser.run(script) if order is not None}


def values(browser: Browser) -> list[float]:
    texts = browser.run(f"[...{TABLE}.tBodies].map(body => body.rows[0].cells[1].dataset.sort)")
    return [float(text) for text in texts]


def test_sorting_by_keyboard(browser: Browser, path: Path) -> None:
    browser.look(width=1280)
    browser.open(path)
    written = browser.run(ROWS)
    assert set(heads(browser).values()) == {"none"}
    browser.run(f"{TABLE}.tHead.rows[0].cells[0].querySelector('button').focus()")
    browser.press("Tab", code=9)
    assert browser.run("document.activeElement.textContent") == "value"
    browser.press("Enter", code=13, text="\r")
    assert heads(browser)["value"] == "ascending"
    assert values(browser) == sorted(values(browser))
    assert browser.run("document.getElementById('spoken').textContent") == "sorted by value, ascending"
    assert browser.run("document.activeElement.textContent") == "value"
    browser.press(" ", code=32, text=" ")
    assert heads(browser)["value"] == "descending"
    assert values(browser) == sorted(values(browser), reverse=True)
    browser.press("Enter", code=13, text="\r")
    assert set(heads(browser).values()) == {"none"}
    assert browser.run(ROWS) == written
    assert browser.complaints() == []


def click(browser: Browser, column: str) -> None:
    found = f"[...{TABLE}.tHead.rows[0].cells].find(cell => cell.textContent.trim() === '{column}')"
    browser.run(f"{found}.querySelector('button').click()")


def test_sorting_by_other_columns(browser: Browser, path: Path) -> None:
    browser.look(width=1280)
    browser.open(path)
    click(browser, "verdict")
    verdicts = browser.run(f"[...{TABLE}.tBodies].map(body => body.dataset.verdict)")
    assert list(dict.fromkeys(verdicts)) == ["failed", "inconclusive", "passed", "measured"]
    click(browser, "bound")
    assert heads(browser) | {"bound": ""} == dict.fromkeys(heads(browser), "none") | {"bound": ""}
    for _ in range(2):  # what has no bound stays last, up and down
        bounds = browser.run(f"[...{TABLE}.tBodies].map(body => body.rows[0].cells[4].dataset.sort)")
        assert "" not in bounds[: len([bound for bound in bounds if bound])]
        click(browser, "bound")
    # Each row has kept the notes below it.
    assert browser.run(f"[...{TABLE}.tBodies].every(body => body.rows.length === 2)")


def test_the_filter_and_the_links(browser: Browser, path: Path) -> None:
    browser.look(width=1280)
    browser.open(path)
    browser.run("document.getElementById('show-failed').click()")
    shown = "[...document.querySelectorAll('.checks > tbody')].filter(body => body.offsetParent !== null)"
    assert set(browser.run(f"{shown}.map(body => body.dataset.verdict)")) == {"failed"}
    links = browser.run("[...document.querySelectorAll('a')].map(link => link.getAttribute('href'))")
    assert all(browser.run(f"document.getElementById('{link[1:]}') !== null") for link in links)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_the_screen_in_both_colours(
    browser: Browser, path: Path, tmp_path: Path, width: int, *, dark: bool
) -> None:
    browser.look(width=width, dark=dark)
    browser.open(path)
    browser.run("document.querySelectorAll('details').forEach(element => { element.open = true })")
    assert browser.run("document.documentElement.scrollWidth") == width
    wide = """[...document.querySelectorAll('main *')].filter(element => !element.closest('.scrolls, svg')
        && !element.closest('.visually-hidden') && element.offsetParent !== null
        && element.getBoundingClientRect().right > innerWidth + 1).map(element => element.outerHTML.slice(0, 80))"""
    assert browser.run(wide) == []
    picture = browser.screenshot(tmp_path / "page.png")
    import io

    from PIL import Image

    page = Image.open(io.BytesIO(picture)).convert("L")
    assert page.width == width
    assert (page.getpixel((2, 2)) < 60) == dark  # type: ignore[operator]
    assert contrast(browser) >= 4.5


def contrast(browser: Browser) -> float:
    """The smallest contrast of the words in the tables with the sheet that they stand on (WCAG 2.2, 1.4.3)."""
    pairs = browser.run(
        """[...document.querySelectorAll('.checks td, .checks th, .verdict, .cost, .warning, figcaption p')].filter(
        element => element.closest('.sheet')).map(element => [getComputedStyle(element).color,
        getComputedStyle(element.closest('.sheet')).backgroundColor])"""
    )
    return min(_contrast(*pair) for pair in {tuple(pair) for pair in pairs})


def _contrast(first: str, second: str) -> float:
    light, dark = sorted(map(_luminance, (first, second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    shares = [int(text) / 255 for text in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_without_its_script_everything_is_there(browser: Browser, path: Path) -> None:
    browser.look(width=1280, scripts=False)
    browser.open(path)
    try:
        assert browser.complaints() == []
        assert browser.run("document.querySelectorAll('th button').length") == 0  # no button that does nothing
        shown: Any = browser.run("document.body.innerText")
        assert "lenet5 on mnist-5k" in shown
        assert "84.96" in shown
    finally:
        browser.look(width=1280)


def test_an_empty_scorecard(browser: Browser, tmp_path: Path) -> None:
    empty = tmp_path / "empty.html"
    empty.write_text(render_html(make_card([])), encoding="utf-8")
    browser.look(width=390)
    browser.open(empty)
    assert browser.complaints() == []
    assert "nothing asked of them" in browser.run("document.body.innerText")
