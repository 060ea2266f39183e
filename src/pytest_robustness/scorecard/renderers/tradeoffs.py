"""Several models in one scorecard: what was measured of more than one of them, side by side, and as one picture."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from pytest_robustness.scorecard import format as words
from pytest_robustness.scorecard.card import FAMILIES
from pytest_robustness.scorecard.renderers.interval_bars import scale_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.rows import DataCard, ModelCard, Row

_WIDTH, _STEP, _LEFT, _RIGHT = 420, 58, 6, 6
_MOST = 16  # axes of the picture
_LONGEST, _LETTER, _LETTER_HEIGHT = 54, 7.1, 16  # letters in a line of a label, and the room of one
LINES = (("--blue", ""), ("--orange", "7 3"), ("--passed", "2 2.5"), ("--ink", "9 3 2 3"), ("--muted", "4 2"))
"""Colour and dashes of each model: told apart without colour too."""


@dataclass(frozen=True, slots=True)
class Shared:
    """One thing that was measured of several models on the same data.

    Parameters
    ----------
    label : str
    rows : tuple of Row or None
        One for each model of `Comparison.models`, None where it was not measured.
    best : int or None
        Place of the model that is best by more than its interval: no other interval reaches into its own.
    """

    label: str
    rows: tuple[Row | None, ...]
    best: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was measured of several models on one data set."""

    data: DataCard
    models: tuple[ModelCard, ...]
    checks: tuple[Shared, ...]


def comparisons(card: Scorecard) -> list[Comparison]:
    """Return a comparison for each data set on which something was measured of more than one model.

    Compared is what has the same family, parameters and metric; further metrics that nothing was asked of are left to
    the sections of their families.
    """
    found = []
    for data in card.datasets:
        blocks = [(model, rows) for model, on, rows in card.blocks() if on.key == data.key]
        if len(blocks) < 2:
            continue
        by_key = [{_key(row): row for row in reversed(rows)} for _, rows in blocks]
        keys = {key: row for rows in by_key for key, row in rows.items()}
        shared = []
        for key in sorted(keys, key=lambda key: _place(keys[key])):
            rows = tuple(own.get(key) for own in by_key)
            told = [row for row in rows if row is not None]
            if len(told) > 1 and any(row.headline or words.is_judged(row) for row in told):
                shared.append(Shared(words.check_label(told[0]), rows, _best(rows)))
        if shared:
            found.append(Comparison(data, tuple(model for model, _ in blocks), tuple(shared)))
    return found


def _key(row: Row) -> tuple[str, str, str]:
    return row.family, repr(sorted(row.parameters.items(), key=lambda pair: pair[0])), row.metric


def _place(row: Row) -> tuple[int, str, str, bool, str]:
    family = FAMILIES.index(row.family) if row.family in FAMILIES else len(FAMILIES)
    return family, row.family, words.parameters_label(row.parameters), not row.headline, row.metric


def _best(rows: Sequence[Row | None]) -> int | None:
    """Return the place of the row whose interval lies beyond those of all others, or None."""
    if any(row is not None and (row.faults or math.isnan(row.low) or math.isnan(row.high)) for row in rows):
        return None
    placed = [(place, row) for place, row in enumerate(rows) if row is not None]
    sign = 1 if placed[0][1].higher_is_better else -1
    spans = [
        (place, min(sign * row.low, sign * row.high), max(sign * row.low, sign * row.high)) for place, row in placed
    ]
    first = max(spans, key=lambda span: span[1])
    return first[0] if all(first[1] > span[2] for span in spans if span[0] != first[0]) else None


def parallel_coordinates(comparison: Comparison) -> str:
    """Draw one axis for each check, better to the right, and a line for each model through its values.

    Shares and areas under curves go from 0 to 1; errors, which are better the smaller, from a little above the largest
    to 0. Bands are intervals. Axes lie one below the other, so that their names have room on a small screen.
    """
    checks = [check for check in comparison.checks if _drawn(check)][:_MOST]
    if len(checks) < 2:
        return ""
    points: list[list[tuple[float, float] | None]] = [[] for _ in comparison.models]
    labels = [_label(check) for check in checks]
    heights = [30 + _STEP * number + _LETTER_HEIGHT * further for number, further in enumerate(_further(labels))]
    for check, y in zip(checks, heights, strict=True):
        for own, x in zip(points, _positions(check), strict=True):
            own.append(None if x is None else (x, y))
    shapes = "".join(map(_axis, heights))
    shapes += "".join(_bands(check, y) for check, y in zip(checks, heights, strict=True))
    shapes += "".join(_line(own, number) for number, own in enumerate(points))
    shapes += "".join(map(_names, checks, labels, heights))
    names = ", ".join(model.name for model in comparison.models)
    said = escape(f"{words.one_line(names)} over {len(checks)} checks; the table has the numbers")
    height = heights[-1] + _STEP - 26
    return f'<svg role="img" aria-label="{said}" viewBox="0 0 {_WIDTH} {height}" class="tradeoffs">{shapes}</svg>'


def line_sample(number: int) -> str:
    """Return a short piece of the line that a model has in the picture."""
    return f'<svg class="sample" viewBox="0 0 34 10" aria-hidden="true"><path d="M0 5h34" {_stroke(number)}/></svg>'


def _drawn(check: Shared) -> bool:
    return sum(row is not None and math.isfinite(row.value) for row in check.rows) > 1


def _ends(check: Shared) -> tuple[float, float]:
    """Return what is at the left and at the right of an axis."""
    rows = [row for row in check.rows if row is not None]
    marks = [value for row in rows for value in (row.value, row.high) if math.isfinite(value)]
    end = scale_end(rows[0].metric, [0.0, *marks])
    return (0.0, end) if rows[0].higher_is_better else (end, 0.0)


def _at(value: float, ends: tuple[float, float]) -> float:
    share = (value - ends[0]) / (ends[1] - ends[0])
    return round(_LEFT + min(max(share, 0.0), 1.0) * (_WIDTH - _LEFT - _RIGHT), 1)


def _positions(check: Shared) -> list[float | None]:
    ends = _ends(check)
    return [None if row is None or not math.isfinite(row.value) else _at(row.value, ends) for row in check.rows]


def _axis(y: float) -> str:
    return f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" stroke="var(--line)" stroke-width="2"/>'


def _label(check: Shared) -> list[str]:
    """Return the label of an axis in at most two lines."""
    first, *further = words.wrap_label(check.label, _LONGEST)
    second = words.one_line(" ".join(further))
    cut = second if len(second) <= _LONGEST else f"{second[: _LONGEST - 1]}…"
    return [first, cut] if cut else [first]


def _further(labels: Sequence[list[str]]) -> Iterable[int]:
    """Yield how many second lines there are down to each label."""
    return itertools.accumulate(len(lines) - 1 for lines in labels)


def _names(check: Shared, lines: list[str], y: float) -> str:
    """Write what an axis is and where it ends; on a ground of its own, for the lines of the models run below."""
    metric = next(row.metric for row in check.rows if row is not None)
    left, right = (words.value_text(metric, end).replace(".0000", "").replace(".0 %", " %") for end in _ends(check))
    tops = [y - 11 - _LETTER_HEIGHT * below for below in reversed(range(len(lines)))]
    grounds = "".join(
        f'<rect x="0" y="{top - 13}" width="{_LEFT + _LETTER * len(line):g}" height="17" fill="var(--paper)"/>'
        for line, top in zip(lines, tops, strict=True)
    )
    written = "".join(
        f'<text x="{_LEFT}" y="{top}">{escape(line)}</text>' for line, top in zip(lines, tops, strict=True)
    )
    return (
        f"{grounds}{written}"
        f'<text x="{_LEFT}" y="{y + 17}" class="end">{escape(left)}</text>'
        f'<text x="{_WIDTH - _RIGHT}" y="{y + 17}" class="end" text-anchor="end">{escape(right)}</text>'
    )


def _bands(check: Shared, y: float) -> str:
    ends, text = _ends(check), ""
    for number, row in enumerate(check.rows):
        if row is not None and math.isfinite(row.low) and math.isfinite(row.high):
            first, last = sorted((_at(row.low, ends), _at(row.high, ends)))
            color = LINES[number % len(LINES)][0]
            text += (
                f'<rect x="{first:g}" y="{y - 4}" width="{max(last - first, 1):g}" height="8" rx="2" '
                f'fill="var({color})" fill-opacity=".3"/>'
            )
    return text


def _line(points: Iterable[tuple[float, float] | None], number: int) -> str:
    path, dots, begun = "", "", False
    for point in points:
        if point is None:
            begun = False  # what was not measured is a gap
            continue
        path += f"{'L' if begun else 'M'}{point[0]:g} {point[1]:g}"
        dots += f'<circle cx="{point[0]:g}" cy="{point[1]:g}" r="3.5" fill="var({LINES[number % len(LINES)][0]})"/>'
        begun = True
    return f'<path d="{path}" {_stroke(number)}/>{dots}'


def _stroke(number: int) -> str:
    color, dashes = LINES[number % len(LINES)]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'fill="none" stroke="var({color})" stroke-width="1.8"{dashed}'
