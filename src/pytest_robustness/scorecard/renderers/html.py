"""The scorecard as one HTML file: nothing fetched, light and dark, complete without its script."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import importlib.resources
import json
import math
from typing import TYPE_CHECKING, Any

from pytest_robustness.scorecard import format as words
from pytest_robustness.scorecard.builtin import finite
from pytest_robustness.scorecard.changes import baseline_lines, has_changes, row_change
from pytest_robustness.scorecard.renderers.interval_bars import interval_bar
from pytest_robustness.scorecard.renderers.pictures import FROM_PARTS, draw
from pytest_robustness.scorecard.renderers.reproduce import command
from pytest_robustness.scorecard.renderers.tradeoffs import comparisons, line_sample, parallel_coordinates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.renderers.tradeoffs import Comparison
    from pytest_robustness.scorecard.rows import PartRow, Row

_PARTS = 60  # listed for one row
_ROOM = 1_200_000  # characters for all pictures: a page stays under 2 MB
_LIMIT = 2_000_000  # bytes of a page
_NO_JSON = "the JSON behind it"
_NO_ROOM = "<p>Left out: the page would be too large. The JSON report has what it is drawn from.</p>"

_VERDICTS = ("failed", "inconclusive", "passed", "measured")
"""As they are counted at the top, and as they are sorted."""

_TITLES = {"ood": "Out of distribution"}


def render_html(card: Scorecard) -> str:
    """Render a scorecard as one self-contained HTML page.

    The page holds the scorecard's JSON in ``<script type="application/json" id="scorecard">``, which nothing runs. A
    sheet of examples is in the page once: where the JSON would repeat it, it has ``#`` and the id of the image, or null
    where the page does not show it. Where the page would be larger than 2 MB, the JSON is left out (null), then rows
    that need no attention, and the page says so. It allows itself its own style and its own script, by their digests,
    and nothing else.
    """
    blocks = _blocks(card)
    _keep_small(blocks)
    page, shown = _page(card, card, blocks), card
    left_out = [_NO_JSON]
    while len(page.encode()) > _LIMIT and len(shown.rows) > 1:
        page = _page(card, shown, blocks, left_out)
        shown = _worst_half(shown)
        left_out = [_NO_JSON, f"{len(card.rows) - len(shown.rows):,} rows of {len(card.rows):,}, the better ones"]
    return page


def _worst_half(card: Scorecard) -> Scorecard:
    """Return the half of a scorecard that needs more attention, in its order."""
    order = sorted(range(len(card.rows)), key=lambda place: _VERDICTS.index(card.rows[place].verdict))
    kept = sorted(order[: max(len(order) // 2, 1)])
    return dataclasses.replace(card, rows=tuple(card.rows[place] for place in kept))


def _fewer(blocks: list[dict[str, Any]], card: Scorecard) -> list[dict[str, Any]]:
    """Return what is shown of each model, of the rows of a card only."""
    kept = set(map(id, card.rows))
    return [
        block | {part: [entry for entry in block[part] if id(entry["row"]) in kept] for part in ("rows", "further")}
        for block in blocks
    ]


def _page(card: Scorecard, shown: Scorecard, blocks: list[dict[str, Any]], left_out: Sequence[str] = ()) -> str:
    """Render the page of a scorecard with the rows of `shown`; without the JSON where anything is left out."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_resource("report.html.j2"))
    blocks = _fewer(blocks, shown)
    style, script = (f"\n{_resource(name)}" for name in ("report.css", "report.js"))
    return template.render(
        card=card,
        title=_title(card),
        summary=words.summary_line(card).removeprefix("robustness: "),
        baseline=baseline_lines(card),
        unevaluated=[words.shortened(entry) for entry in card.unevaluated],
        tiles=[(verdict, card.counts[verdict]) for verdict in _VERDICTS],
        comparisons=[_comparison_view(found, number) for number, found in enumerate(comparisons(shown))],
        blocks=blocks,
        families=_families(blocks),
        style=style,
        style_digest=_digest(style),
        script=script,
        script_digest=_digest(script),
        document="null" if left_out else _script_safe(card, blocks),
        left_out=left_out,
    )


def _title(card: Scorecard) -> str:
    """Say in one sentence how it went."""
    counts = card.counts
    judged = len(card.rows) - counts["measured"]
    if card.unevaluated:
        bad = [f"{counts['failed']} failed"] if counts["failed"] else []
        bad += [f"{len(card.unevaluated):,} not evaluated"]
        return f"{' and '.join(bad)}, {_plural(judged, 'requirement')} judged"
    if not judged:
        return f"{_plural(len(card.rows), 'metric')} measured, nothing asked of them"
    if card.verdict == "passed":
        return f"All {_plural(judged, 'requirement')} passed" if judged > 1 else "The one requirement passed"
    bad = [f"{counts[verdict]} {verdict}" for verdict in ("failed", "inconclusive") if counts[verdict]]
    return f"{' and '.join(bad)} of {_plural(judged, 'requirement')}"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _blocks(card: Scorecard) -> list[dict[str, Any]]:
    """Return what is shown of each model on each data set."""
    views, number = [], 0
    for index, (model, data, rows) in enumerate(card.blocks()):
        fresh = words.new_parts(rows)
        entries = [_row_view(row, card, number + place, fresh[place]) for place, row in enumerate(rows)]
        number += len(rows)
        views.append(
            {
                "id": f"block-{index}",
                "name": f"{words.one_line(model.name)} on {words.one_line(data.name)}",
                "images": words.images_text(data),
                "interval": words.interval_heading(rows),
                "changes": has_changes(rows),
                "rows": [entry for entry in entries if _stands_out(entry["row"])],
                "further": [entry for entry in entries if not _stands_out(entry["row"])],
                "pictures": _pictures(rows, f"p{index}"),
            }
        )
    return views


def _families(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a section for each family that has pictures or further metrics, in the order of the rows."""
    names = dict.fromkeys(entry["family"] for block in blocks for entry in (*block["rows"], *block["further"]))
    sections = []
    for number, name in enumerate(names):
        pictures = [
            picture | {"of": block["name"] if len(blocks) > 1 else ""}
            for block in blocks
            for picture in block["pictures"]
            if picture["family"] == name
        ]
        further = [
            (block, rows)
            for block in blocks
            if (rows := [entry for entry in block["further"] if entry["family"] == name])
        ]
        if pictures or further:
            title = _TITLES.get(name, words.one_line(name).capitalize())
            sections.append({"id": f"family-{number}", "title": title, "pictures": pictures, "further": further})
    return sections


def _stands_out(row: Row) -> bool:
    return row.headline or words.is_judged(row)


def _row_view(row: Row, card: Scorecard, number: int, fresh: tuple[PartRow, ...]) -> dict[str, Any]:
    # A metric that is about single parts shows them even where the mean above has shown them already.
    parts, note = words.worst_parts(row, row.parts if row.metric == "worst" else fresh, _PARTS)
    bound = row.threshold.bound if row.threshold else ""
    return {
        "id": f"row-{number}",
        "row": row,
        "label": words.check_label(row),
        "family": row.family,
        "parameters": words.parameters_label(row.parameters),
        "metric": words.row_metric(row),
        "value": _unbroken(words.row_value(row)),
        "interval": words.row_interval(row, row.metric),
        "bound": _unbroken(words.bound_text(row.metric, row.threshold)),
        "bar": interval_bar(row, row),
        "change": _change(row),
        "order": {
            "check": number,
            "value": _order(row.value),
            "interval": _order(row.low),
            "bound": bound,
            "verdict": _VERDICTS.index(row.verdict),
        },
        "cost": words.cost_text(row),
        "footnote": words.footnote(row),
        "command": command(row, card),
        "parts": [_part_view(row, part) for part in parts],
        "parts_note": note or _plural(len(parts), "part"),
    }


def _change(row: Row) -> dict[str, Any]:
    """Return the change from the baseline: briefly, with its interval, what it amounts to, and to sort by."""
    found = row.baseline or {"shown": None, "change": None}
    order = "" if found["change"] is None else found["change"]
    return {"text": row_change(row), "long": row_change(row, interval=True), "shown": found["shown"], "order": order}


def _order(value: float) -> float | str:
    """Return what a cell is sorted by: nothing for NaN; an infinity, as JavaScript calls it, is a number."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return "" if math.isnan(value) else value


def _part_view(row: Row, part: PartRow) -> dict[str, Any]:
    return {
        "name": part.name,
        "value": words.value_text(row.metric, part.value),
        "interval": words.row_interval(part, row.metric),
        "n": f"{part.n:,}",
        "bar": interval_bar(row, part, bounded=row.metric == "worst"),
    }


def _unbroken(text: str) -> str:
    """Keep a number and its unit on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _comparison_view(found: Comparison, number: int) -> dict[str, Any]:
    return {
        "id": f"models-{number}",
        "data": words.one_line(found.data.name),
        "models": [(words.one_line(m.name), line_sample(place)) for place, m in enumerate(found.models)],
        "checks": [
            {
                "label": check.label,
                "cells": [
                    row
                    and {
                        "value": _unbroken(words.row_value(row)),
                        "interval": words.row_interval(row, row.metric),
                        "verdict": row.verdict,
                        "best": place == check.best,
                        "order": _order(row.value),
                    }
                    for place, row in enumerate(check.rows)
                ],
            }
            for check in found.checks
        ],
        "picture": parallel_coordinates(found),
    }


def _pictures(rows: list[Row], prefix: str) -> list[dict[str, str]]:
    """Draw each picture once, for the most telling of the metrics that share it: judged ones, and the worst part."""
    drawn: dict[tuple[str, str], dict[str, str]] = {}
    for index, row in sorted(
        enumerate(rows), key=lambda pair: (not words.is_judged(pair[1]), pair[1].metric != "worst")
    ):
        if not _stands_out(row):
            continue
        plain = row.to_dict()
        for place, (title, picture) in enumerate(draw(row, f"{prefix}-{index}")):
            drawn_from = plain["parts"] if title in FROM_PARTS else row.details
            content = json.dumps([row.family, finite([plain["parameters"], drawn_from])], sort_keys=True)
            caption = f"{words.check_label(row)}: {_unbroken(words.row_value(row))}{_by_chance(row)}{_certain(row)}"
            name = f"{prefix}-{index}-picture-{place}"
            named = picture.replace("<img ", f'<img id="{name}" ', 1)
            view = {"family": row.family, "title": title, "caption": caption, "picture": named, "id": name}
            drawn.setdefault((content, title), view)
    return list(drawn.values())


def _keep_small(blocks: Iterable[Mapping[str, Any]]) -> None:
    """Leave out the pictures that there is no room for, and say so in their place."""
    room = _ROOM
    for picture in (picture for block in blocks for picture in block["pictures"]):
        if len(picture["picture"]) > room:
            picture["picture"] = _NO_ROOM
        room -= len(picture["picture"])


def _by_chance(row: Row) -> str:
    band = row.details.get("null_band")
    return f"; up to {band['high']:.4f} is chance" if band else ""


def _certain(row: Row) -> str:
    """Say of a curve of certificates what its interval does not include."""
    statement = words.footnote(row)
    return f"; {statement}" if statement else ""


def _script_safe(card: Scorecard, blocks: Iterable[Mapping[str, Any]]) -> str:
    """Return JSON that cannot end, or confuse, the script element around it, without the images that the page shows."""
    document = card.to_dict()
    pictures = [picture for block in blocks for picture in block["pictures"]]
    for row in document["rows"]:
        for sheet in row["details"].values():
            if isinstance(sheet, dict) and isinstance(png := sheet.get("png"), str):
                shown = next((found["id"] for found in pictures if f'base64,{png}"' in found["picture"]), None)
                sheet["png"] = f"#{shown}" if shown else None
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _digest(text: str) -> str:
    """Return the digest of an inline style or script as a Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _resource(name: str) -> str:
    return importlib.resources.files("pytest_robustness.scorecard.renderers").joinpath(name).read_text(encoding="utf-8")
