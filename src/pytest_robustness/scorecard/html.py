"""The scorecard as one HTML file: no script, nothing fetched, light and dark."""

from __future__ import annotations

import importlib.resources
import json
import math
from typing import TYPE_CHECKING, Any

from pytest_robustness.scorecard import format as words
from pytest_robustness.scorecard.builtin import finite
from pytest_robustness.scorecard.pictures import PARTS_TITLE, draw

if TYPE_CHECKING:
    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.rows import PartRow, Row


_PARTS = 60  # listed for one row


def render_html(card: Scorecard) -> str:
    """Render a scorecard as one self-contained HTML page.

    The page holds the scorecard's JSON in ``<script type="application/json" id="scorecard">``, which nothing runs.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_resource("report.html.j2"))
    return template.render(
        card=card,
        title=_title(card),
        summary=words.summary_line(card).removeprefix("robustness: "),
        tiles=[(verdict, card.counts[verdict]) for verdict in ("failed", "inconclusive", "passed", "measured")],
        blocks=_blocks(card),
        style=_resource("report.css"),
        document=_script_safe(card),
    )


def _title(card: Scorecard) -> str:
    """Say in one sentence how it went."""
    counts = card.counts
    judged = len(card.rows) - counts["measured"]
    if not judged:
        return f"{_plural(len(card.rows), 'metric')} measured, nothing asked of them"
    if card.verdict == "passed":
        return f"All {_plural(judged, 'requirement')} passed" if judged > 1 else "The one requirement passed"
    bad = [f"{counts[verdict]} {verdict}" for verdict in ("failed", "inconclusive") if counts[verdict]]
    return f"{' and '.join(bad)} of {_plural(judged, 'requirement')}"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _blocks(card: Scorecard) -> list[dict[str, Any]]:
    views, number = [], 0
    for index, (model, data, rows) in enumerate(card.blocks()):
        fresh = words.new_parts(rows)
        entries = [_row_view(row, number + place, fresh[place]) for place, row in enumerate(rows)]
        number += len(rows)
        views.append(
            {
                "id": f"block-{index}",
                "model": words.one_line(model.name),
                "data": words.one_line(data.name),
                "images": words.images_text(data),
                "interval": words.interval_heading(rows),
                "rows": [entry for entry in entries if _stands_out(entry["row"])],
                "further": [entry for entry in entries if not _stands_out(entry["row"])],
                "pictures": _pictures(rows, f"p{index}"),
            }
        )
    return views


def _stands_out(row: Row) -> bool:
    return row.headline or words.is_judged(row)


def _row_view(row: Row, number: int, fresh: tuple[PartRow, ...]) -> dict[str, Any]:
    # A metric that is about single parts shows them even where the mean above has shown them already.
    parts, note = words.worst_parts(row, row.parts if row.metric == "worst" else fresh, _PARTS)
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
        "bar": _bar(row, row),
        "cost": words.cost_text(row),
        "footnote": words.footnote(row),
        "parts": [_part_view(row, part) for part in parts],
        "parts_note": note or _plural(len(parts), "part"),
    }


def _part_view(row: Row, part: PartRow) -> dict[str, Any]:
    return {
        "name": part.name,
        "value": words.value_text(row.metric, part.value),
        "interval": words.row_interval(part, row.metric),
        "n": f"{part.n:,}",
        "bar": _bar(row, part, bounded=row.metric == "worst"),
    }


def _unbroken(text: str) -> str:
    """Keep a number and its unit on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _bar(row: Row, entry: Row | PartRow, *, bounded: bool = True) -> dict[str, float] | None:
    """Place value, interval and bound on a bar, in percent of its length; None where there is no value to place.

    Shares and areas under curves lie on a bar from 0 to 1; other metrics on one that ends beyond all of its marks.
    """
    if not math.isfinite(entry.value):
        return None
    low = entry.low if math.isfinite(entry.low) else entry.value
    high = entry.high if math.isfinite(entry.high) else entry.value
    bound = row.threshold.bound if row.threshold and bounded else None
    unit = row.metric in words.SHARES or "auroc" in row.metric or row.metric.startswith("aupr")
    end = 1.0 if unit else 1.25 * max(high, bound or 0.0, 1e-12)
    places = {"low": low, "high": high, "value": entry.value} | ({} if bound is None else {"bound": bound})
    return {name: round(100 * min(max(place / end, 0.0), 1.0), 2) for name, place in places.items()}


def _pictures(rows: list[Row], prefix: str) -> list[dict[str, str]]:
    """Draw each picture once, for the most telling of the metrics that share it: judged ones, and the worst part."""
    drawn: dict[tuple[str, str], dict[str, str]] = {}
    for index, row in sorted(
        enumerate(rows), key=lambda pair: (not words.is_judged(pair[1]), pair[1].metric != "worst")
    ):
        if not _stands_out(row):
            continue
        plain = row.to_dict()
        for title, svg in draw(row, f"{prefix}-{index}"):
            drawn_from = plain["parts"] if title == PARTS_TITLE else row.details
            content = json.dumps([row.family, finite([plain["parameters"], drawn_from])], sort_keys=True)
            caption = f"{words.check_label(row)}: {words.row_value(row)}{_by_chance(row)}{_certain(row)}"
            drawn.setdefault((content, title), {"title": title, "caption": caption, "svg": svg})
    return list(drawn.values())


def _by_chance(row: Row) -> str:
    band = row.details.get("null_band")
    return f"; up to {band['high']:.4f} is chance" if band else ""


def _certain(row: Row) -> str:
    """Say of a curve of certificates what its interval does not include."""
    statement = words.footnote(row)
    return f"; {statement}" if statement else ""


def _script_safe(card: Scorecard) -> str:
    """Return JSON that cannot end, or confuse, the script element around it."""
    return json.dumps(card.to_dict(), ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _resource(name: str) -> str:
    return importlib.resources.files("pytest_robustness.scorecard").joinpath(name).read_text(encoding="utf-8")
