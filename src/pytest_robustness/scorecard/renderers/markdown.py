"""The scorecard as GitHub Markdown: for a pull request comment or a job summary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_robustness.scorecard.changes import baseline_lines, has_changes, row_change
from pytest_robustness.scorecard.format import (
    block_label,
    bound_text,
    check_label,
    footnote,
    interval_heading,
    new_parts,
    one_line,
    row_interval,
    row_value,
    shortened,
    summary_line,
    value_text,
    worst_parts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.rows import Row

LIMIT = 64_000
"""Bytes; GitHub refuses a comment of more than 65,536 characters."""

PARTS = 30
"""Parts of a row that are listed; the worst, where there are more."""

_VERDICTS = {"passed": "passed", "failed": "**failed**", "inconclusive": "*inconclusive*", "measured": "measured"}
_LEFT_OUT = "\n_Cut to fit: {count} lines are left out here. The JSON report has everything._\n"


def render_markdown(card: Scorecard) -> str:
    """Render a scorecard as GitHub Markdown of at most `LIMIT` bytes.

    One table for each model and data, notes and parts below it. Where that is too long, first the parts are left out,
    then the last lines, and the text says so.
    """
    for with_parts in (True, False):
        lines = list(_document(card, with_parts))
        text = "\n".join(lines) + "\n"
        if len(text.encode()) <= LIMIT:
            return text
    return _cut(lines)


def _document(card: Scorecard, with_parts: bool) -> Iterable[str]:
    yield f"## Robustness: {card.verdict}"
    yield ""
    yield escape(summary_line(card).removeprefix("robustness: "))
    if card.unevaluated:
        yield ""
        yield from (f"- **could not evaluate** {escape(shortened(entry))}" for entry in card.unevaluated[:PARTS])
    for model, data, rows in card.blocks():
        yield ""
        yield f"### {escape(block_label(model, data, card.seed))}"
        yield ""
        changes = has_changes(rows)
        yield f"| check | value | {interval_heading(rows)} |{' change |' if changes else ''} bound | verdict |"
        yield f"| :-- | --: | --: |{' --: |' if changes else ''} --: | :-- |"
        yield from (_line(row, changes=changes) for row in rows)
        yield from _notes(rows)
        if with_parts:
            yield from _parts(rows)
    for line in baseline_lines(card):
        yield ""
        yield escape(line)
    yield ""
    yield f"<sub>{escape(', '.join(f'{name} {value}' for name, value in card.environment.items()))}</sub>"


def _line(row: Row, *, changes: bool) -> str:
    interval, bound = row_interval(row, row.metric), bound_text(row.metric, row.threshold)
    change = [escape(row_change(row, interval=True))] if changes else []
    cells = [escape(check_label(row)), row_value(row), interval, *change, escape(bound), _VERDICTS[row.verdict]]
    return f"| {' | '.join(cells)} |"


def _notes(rows: list[Row]) -> Iterable[str]:
    notes = []
    for row in rows:
        label = escape(check_label(row))
        if row.reason and row.verdict in ("failed", "inconclusive"):
            notes.append(f"- {_VERDICTS[row.verdict]} {label}: {escape(row.reason)}")
        notes += [f"- warning, {label}: {escape(warning)}" for warning in row.warnings]
    statements = dict.fromkeys(filter(None, map(footnote, rows)))
    notes += [f"- certified: {escape(statement)}" for statement in statements]
    return ["", *notes] if notes else []


def _parts(rows: list[Row]) -> Iterable[str]:
    for row, parts in zip(rows, new_parts(rows), strict=True):
        if not parts:
            continue
        shown, note = worst_parts(row, parts, PARTS)
        summary = f"{_html(check_label(row))}: {note or f'{len(parts)} parts'}"
        yield from ("", f"<details><summary>{summary}</summary>", "")
        yield f"| part | value | {interval_heading([row])} | n |"
        yield "| :-- | --: | --: | --: |"
        for part in shown:
            value, interval = value_text(row.metric, part.value), row_interval(part, row.metric)
            yield f"| {escape(part.name)} | {value} | {interval} | {part.n:,} |"
        yield from ("", "</details>")


def _cut(lines: list[str]) -> str:
    room = LIMIT - len(_LEFT_OUT.encode()) - 20
    kept = 0
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        kept += 1
    return "\n".join(lines[:kept]) + "\n" + _LEFT_OUT.format(count=len(lines) - kept)


def escape(text: str) -> str:
    """Make a text stand for itself in a Markdown table: no markup, no HTML, no mention of a person."""
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", _html(text)).replace("@", "&#64;")


def _html(text: str) -> str:
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
