"""SVG files as elements of a page."""

from __future__ import annotations

from pytest_robustness.scorecard.renderers.svg import element

HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="10pt" height="5pt" viewBox="0 0 10.123 5">'
)


def test_what_is_kept_and_what_goes() -> None:
    text = f"""<?xml version="1.0"?>
    <!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/x">
    {HEAD}<metadata><a>http://x</a></metadata>
    <defs><style type="text/css">*{{stroke-linejoin: round}}</style></defs>
    <g id="figure_1"><g id="patch_1"><path d="M 0.123456 10 \nL -3.999999 20.5 \nz\n"
        style="fill: #010104; stroke-linejoin: miter; clip-path: url(#pabc)"/></g></g>
    <defs><clipPath id="pabc"><rect x="1.004" y="2" width="3" height="4"/></clipPath></defs></svg>"""
    assert element(text, prefix="q-", title="A <b>", colors={"#010104": "--blue"}) == (
        '<svg role="img" aria-label="A &lt;b&gt;" viewBox="0 0 10.12 5">'
        '<path d="M0.12 10L-4 20.5z" fill="var(--blue)" clip-path="url(#q-0)"/>'
        '<defs><clipPath id="q-0"><rect x="1" y="2" width="3" height="4"/></clipPath></defs></svg>'
    )


def test_links_follow_their_ids() -> None:
    text = f'{HEAD}<defs><path id="m1" d="M 0 0 L 0 3"/></defs><use xlink:href="#m1" x="1.23456" y="2"/></svg>'
    assert '<path id="a0" d="M0 0L0 3"/>' in element(text, prefix="a", title="", colors={})
    assert '<use href="#a0" x="1.23" y="2"/>' in element(text, prefix="a", title="", colors={})


def test_text_is_left_as_it_is() -> None:
    style = "font: 9px 'DejaVu Sans', sans-serif; text-anchor: end"
    text = f'{HEAD}<text style="{style}" transform="rotate(-0 1 2)">0.123456 &lt;b&gt; &amp;</text></svg>'
    shown = element(text, prefix="", title="", colors={})
    assert shown.endswith('<text font-size="9px" text-anchor="end">0.123456 &lt;b&gt; &amp;</text></svg>')


def test_turned_text_stays_turned() -> None:
    text = f'{HEAD}<text transform="rotate(-90 1.23456 2)">a</text></svg>'
    assert 'transform="rotate(-90 1.23 2)"' in element(text, prefix="", title="", colors={})


def test_images_are_one_line() -> None:
    text = f'{HEAD}<image xlink:href="data:image/png;base64,\nAA\nBB" width="1" height="1"/></svg>'
    assert 'href="data:image/png;base64,AABB"' in element(text, prefix="", title="", colors={})
