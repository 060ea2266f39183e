"""The scorecard as lines for a terminal, from one line (-1) to everything (2)."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from pytest_robustness.scorecard.changes import has_changes, measured_change, row_change
from pytest_robustness.scorecard.format import (
    INDENT,
    block_label,
    bound_text,
    check_labels,
    cost_text,
    footnote,
    interval_heading,
    is_judged,
    label_words,
    new_parts,
    one_line,
    row_interval,
    row_value,
    summary_line,
    to_ascii,
    value_text,
    worst_parts,
    wrap_label,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.rows import PartRow, Row

_COLORS = {"passed": "32", "failed": "31;1", "inconclusive": "33", "measured": ""}
_NARROWEST_CHECK = 12
_TIED = re.compile(r" (?=%|= )|(?<=[≥≤=]) ")
_PARTS = 20  # of one row, unless everything is asked for


class _Line(NamedTuple):
    """One line of a table, and the notes that belong below it."""

    cells: list[str]
    verdict: str
    notes: list[str]


class _Look(NamedTuple):
    """How the caller wants the lines."""

    width: int
    verbosity: int
    color: bool
    ascii: bool

    def encode(self, text: str) -> str:
        return to_ascii(text) if self.ascii else text

    def line(self, cells: Iterable[str], verdict: str, notes: Iterable[str]) -> _Line:
        return _Line([self.encode(cell) for cell in cells] + [verdict], verdict, [self.encode(note) for note in notes])


def render_terminal(
    card: Scorecard,
    *,
    width: int,
    verbosity: int,
    color: bool,
    ascii: bool = False,  # noqa: A002
) -> list[str]:
    """Render a scorecard for a terminal.

    Parameters
    ----------
    card : Scorecard
    width : int
        Number of columns; no line is longer where there are at least 72.
    verbosity : int
        -1: the summary alone. 0: one line for each main metric and each judged row. 1: every metric and its 20 worst
        parts. 2: also all other parts, tests, number of images, passes, seconds.
    color : bool
        Colour the verdicts with ANSI sequences.
    ascii : bool
        Use no character beyond ASCII.

    Returns
    -------
    list of str
        Lines without line ends.
    """
    look = _Look(width, verbosity, color, ascii)
    summary = _wrap(look.encode(summary_line(card)), width, "", "  ")
    if verbosity < 0:
        return summary
    lines: list[str] = []
    for model, data, rows in card.blocks():
        lines += [*_wrap(look.encode(block_label(model, data, card.seed)), width, "", "  "), ""]
        lines += [*_table(rows, look), ""]
    return lines + summary


def _table(rows: list[Row], look: _Look) -> list[str]:
    """Lay out the rows that are wanted, and put each one's notes below it."""
    shown = [row for row in rows if look.verbosity >= 1 or row.headline or is_judged(row)]
    if not shown:
        return [f"{len(rows)} measured"]
    parts = new_parts(shown) if look.verbosity >= 1 else [()] * len(shown)
    labelled = zip(check_labels(shown), shown, parts, strict=True)
    lines = [line for label, row, own in labelled for line in _lines_of(label, row, own, look)]
    titles = ["check", "value", interval_heading(shown), "change", "bound", "verdict"]
    if not has_changes(shown):
        titles.remove("change")
        lines = [line._replace(cells=line.cells[:3] + line.cells[4:]) for line in lines]
    titles, checks = _fitting(titles, lines, look.width)
    table = _layout(titles, lines, checks, color=look.color)
    out, position = table[:2], 2
    for check, line in zip(checks, lines, strict=True):
        out += table[position : position + len(check)]
        position += len(check)
        for note in line.notes:
            out += _wrap(note, look.width, "    ", "      ")
    return [text.rstrip() for text in out]


def _lines_of(label: str, row: Row, parts: tuple[PartRow, ...], look: _Look) -> Iterable[_Line]:
    cells = [label, row_value(row), row_interval(row, row.metric), row_change(row)]
    cells.append(bound_text(row.metric, row.threshold))
    shown, note = worst_parts(row, parts, _PARTS if look.verbosity < 2 else len(parts))
    yield look.line(cells, row.verdict, [*_notes(row, look.verbosity), *([f"{note}:"] if note else [])])
    for part in shown:
        value = value_text(row.metric, part.value)
        yield look.line([f"· {one_line(part.name)}", value, row_interval(part, row.metric), "", ""], "", ())


def _notes(row: Row, verbosity: int) -> Iterable[str]:
    if row.reason and (row.verdict in ("failed", "inconclusive") or verbosity >= 1):
        yield one_line(row.reason)
    if verbosity >= 1 and (change := measured_change(row)):
        yield change
    for warning in row.warnings:
        yield f"! {one_line(warning)}"
    if verbosity >= 1 and (note := footnote(row)):
        yield note
    if verbosity >= 2:
        yield cost_text(row)
        if row.test:
            yield one_line(row.test)


def _fitting(titles: list[str], lines: list[_Line], width: int) -> tuple[list[str], list[list[str]]]:
    """Break the labels of the checks so that the table as a whole is not wider than the terminal.

    Where that would break a word, the heading of the intervals is cut short first.
    """
    longest = max(len(line.cells[0]) for line in lines)
    words = max(len(word) for line in lines for word in label_words(line.cells[0])) + len(INDENT)
    for heads in (titles, [*titles[:2], "interval", *titles[3:]]):
        whole = [[line.cells[0]] for line in lines]
        room = longest - max(max(map(len, _layout(heads, lines, whole, color=False))) - width, 0)
        if room >= min(words, longest):
            break
    room = max(room, min(_NARROWEST_CHECK, longest))
    return heads, [wrap_label(line.cells[0], room) for line in lines]


def _layout(titles: list[str], lines: list[_Line], checks: list[list[str]], color: bool) -> list[str]:
    from tabulate import tabulate

    cells = [
        ["\n".join(check), *line.cells[1:-1], _paint(line.cells[-1], line.verdict, color)]
        for check, line in zip(checks, lines, strict=True)
    ]
    align = ("left", *["right"] * (len(titles) - 2), "left")
    return tabulate(cells, headers=titles, tablefmt="simple", colalign=align, disable_numparse=True).split("\n")


def _wrap(text: str, width: int, first: str, rest: str) -> list[str]:
    # A number stays beside its unit, and a bound beside its sign.
    tied = _TIED.sub("\N{NO-BREAK SPACE}", text)
    lines = textwrap.wrap(tied, max(width, 20), initial_indent=first, subsequent_indent=rest) or [""]
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def _paint(text: str, verdict: str, color: bool) -> str:
    code = _COLORS.get(verdict, "")
    return f"\x1b[{code}m{text}\x1b[0m" if color and code else text
