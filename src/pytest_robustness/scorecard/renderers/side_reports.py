"""Models side by side in words: lines for a terminal, Markdown, or one HTML page."""

from __future__ import annotations

import importlib.resources
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics.intervals import level_text
from pytest_robustness.scorecard.changes import change_text, change_value
from pytest_robustness.scorecard.format import row_interval, value_text, wrap_label
from pytest_robustness.scorecard.renderers.markdown import escape
from pytest_robustness.scorecard.renderers.sides import OPEN, Line, Sides
from pytest_robustness.scorecard.renderers.writing import write_text

if TYPE_CHECKING:
    from collections.abc import Callable

_NARROWEST = 16
_ROOMY = 20
"""Columns that a check should have at least, where others could have more."""


def render_sides_terminal(sides: Sides, *, width: int, verbosity: int = 0) -> list[str]:
    """Render a comparison as lines for a terminal: each line of both, the wins of each family, what is traded.

    Parameters
    ----------
    sides : Sides
    width : int
        Number of columns. Differences have their intervals where these fit beside them; names of models that do not fit
        are numbers, which are explained.
    verbosity : int
        1: the intervals, where they do not fit beside their differences, below them.
    """
    lines: list[str] = []
    numbers = [f"[{number}]" for number in range(1, len(sides.models) + 1)]
    fit = all(_tables(sides, list(sides.models), data, width, verbosity)[1] for data in _datasets(sides))
    heads = list(sides.models) if fit else numbers
    for data in _datasets(sides):
        lines += [f"on {data}", "", *_tables(sides, heads, data, width, verbosity)[0], ""]
    wins = [[family, *(str(count) for count in counts)] for family, counts in _wins(sides)]
    if wins:
        lines += [*_table(["wins", *heads, OPEN], wins, width), ""]
    legend = [] if fit else [f"{number} {name}" for number, name in zip(numbers, sides.models, strict=True)]
    for text in [*legend, *sides.trade_offs(), *_notes(sides)]:
        lines += textwrap.wrap(text, max(width, 20), subsequent_indent="  ")
    return lines


def _tables(sides: Sides, heads: list[str], data: str, width: int, verbosity: int) -> tuple[list[str], bool]:
    """Return the table of some data in the fullest form that fits, and whether that does."""
    shown = [line for line in sides.shared if line.data == data]
    names = dict(zip(sides.models, heads, strict=True))
    for between in (" ", *(["\n"] if verbosity > 0 else []), None):
        rows = [[_check(line), *_cells(line, between=between), names.get(line.winner, "")] for line in shown]
        room = _ROOMY if between == " " else _NARROWEST
        table = _table(["check", *heads, "better"], rows, width, room)
        fits = max(map(len, table)) <= width
        if fits or (verbosity > 0 and between == "\n"):
            break
    return table, fits


def render_sides_markdown(sides: Sides) -> str:
    """Render a comparison as GitHub Markdown."""
    lines = [f"## Robustness: {escape(' beside '.join(sides.models))}", ""]
    lines += [f"- {escape(text)}" for text in sides.trade_offs()]
    for data in _datasets(sides):
        head = ["check", *sides.models, "better"]
        lines += ["", f"### {escape(data)}", "", _row(head), _row([":--", *["--:"] * len(sides.models), ":--"])]
        for line in sides.shared:
            if line.data == data:
                lines.append(_row([_check(line), *_cells(line, between=" "), _shown(line)]))
    lines += ["", _row(["wins", *sides.models, OPEN]), _row([":--", *["--:"] * (len(sides.models) + 1)])]
    lines += [_row([family, *map(str, counts)]) for family, counts in _wins(sides)]
    lines += ["", *(f"<sub>{escape(note)}</sub>" for note in _notes(sides))]
    return "\n".join(lines).rstrip() + "\n"


def render_sides_html(sides: Sides) -> str:
    """Render a comparison as one self-contained HTML page."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    views = {data: [_view(line, sides) for line in sides.shared if line.data == data] for data in _datasets(sides)}
    return environment.from_string(_resource("sides.html.j2")).render(
        title=" beside ".join(sides.models),
        sides=sides,
        views=views,
        wins=_wins(sides),
        notes=_notes(sides),
        style=_resource("report.css"),
    )


FORMATS: dict[str, Callable[[Sides], str]] = {".md": render_sides_markdown, ".html": render_sides_html}
"""Suffix of a report of a comparison to its renderer."""


def write_sides(sides: Sides, path: str | Path) -> Path:
    """Write a comparison, whole or not at all; the suffix picks the format.

    Raises
    ------
    ParameterError
        For a suffix that is not one of `FORMATS`.
    ConfigurationError
        If the file cannot be written.
    """
    return write_text(FORMATS[sides_format(path)](sides), path)


def sides_format(path: str | Path) -> str:
    """Return the suffix of a report of a comparison.

    Raises
    ------
    ParameterError
        If there is no such format.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ParameterError("unknown format of a comparison", got=str(path), allowed=FORMATS)
    return suffix


def _datasets(sides: Sides) -> list[str]:
    return list(dict.fromkeys(line.data for line in sides.shared))


def _wins(sides: Sides) -> list[tuple[str, list[int]]]:
    return [(family, [counts[name] for name in (*sides.models, OPEN)]) for family, counts in sides.wins().items()]


def _check(line: Line) -> str:
    return line.label


def _cells(line: Line, *, between: str | None) -> list[str]:
    """Return the value of each model, and beside all but the first how much it differs from that.

    `between` is what stands before the interval of the difference; None leaves that out.
    """
    cells = []
    metric = line.row.metric
    for row, change in zip(line.rows, line.changes, strict=True):
        text = "" if row is None else value_text(metric, row.value)
        if change is not None:
            shown = change_value(metric, change.value)
            if between is not None:
                shown = change_text(metric, change.value, change.low, change.high).replace(" points", "")
                shown = shown.replace(" [", f"{between}[")
            text += f" ({shown})"
        cells.append(text)
    return cells


def _shown(line: Line) -> str:
    """Name the model that is shown to be better than the others; empty where none is."""
    return "" if line.winner == OPEN else line.winner


def _notes(sides: Sides) -> list[str]:
    """Say what the changes are, and which of them are not paired."""
    changes = [change for line in sides.shared for change in line.changes if change is not None]
    unpaired = sum(not change.paired for change in changes)
    levels = sorted({level_text(change.confidence) for change in changes})
    text = f"In brackets: the difference to {sides.models[0]}, of shares in points of a hundred."
    better = f"Better: shown with a confidence of {' or '.join(levels)} for each line by itself."
    found = [text, better]
    found += [f"{unpaired} of {len(changes)} differences are not paired by sample."] if unpaired else []
    if any(line.is_control for line in sides.shared):
        found.append("Controls, such as random pixels, are shown, and are neither won nor lost.")
    return found + ([left] if (left := sides.left_out()) else [])


def _view(line: Line, sides: Sides) -> dict[str, Any]:
    cells = zip(sides.models, line.rows, line.changes, strict=True)
    return {
        "check": _check(line),
        "winner": _shown(line),
        "cells": [
            {
                "value": "" if row is None else value_text(line.row.metric, row.value),
                "interval": "" if row is None else row_interval(row, line.row.metric),
                "change": "" if change is None else change_text(line.row.metric, change.value, change.low, change.high),
                "decision": "" if change is None or line.is_control else change.decision,
                "note": "" if change is None else change.note,
                "wins": line.winner == name,
            }
            for name, row, change in cells
        ],
    }


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell if set(cell) <= set(':-') else escape(cell) for cell in cells)} |"


def _table(headers: list[str], rows: list[list[str]], width: int, narrowest: int = _NARROWEST) -> list[str]:
    """Lay out a table that is not wider than the terminal, if its first column can be broken so far."""
    from tabulate import tabulate

    align = ("left", *["right"] * (len(headers) - 2), "left" if headers[-1] != OPEN else "right")

    def laid(room: int) -> list[str]:
        broken = [["\n".join(wrap_label(row[0], room)), *row[1:]] for row in rows]
        return tabulate(broken, headers=headers, tablefmt="simple", colalign=align, disable_numparse=True).split("\n")

    longest = max(len(row[0]) for row in rows)
    excess = max(map(len, laid(longest))) - width
    lines = laid(max(narrowest, longest - max(excess, 0)))
    return [line.rstrip() for line in lines]


def _resource(name: str) -> str:
    return importlib.resources.files("pytest_robustness.scorecard.renderers").joinpath(name).read_text(encoding="utf-8")
