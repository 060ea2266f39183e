"""Confusion matrices as SVG: the diagonal is quiet, every mistake stands out.

Written cell by cell, without matplotlib: a page has many of them, and two hundred patches take it a while.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_robustness.scorecard.rows import Row

_CELL = 20  # units of the picture
_GAP = 0.6
_MOST = 20  # classes whose counts and names can be read
_LEVELS = 10  # of strength: the cells of one strength are one path
_LEFT, _TOP, _BELOW = 34, 18, 38


def confusions(row: Row, title: str) -> str:
    """Draw true against predicted classes; of an attack, beside (or below) the matrix of the clean images.

    Parameters
    ----------
    row : Row
        Its details have ``confusion``, (K, K) counts, and maybe ``confusion_clean``.
    title : str
        Said to those who cannot see it.
    """
    matrix, clean = row.details["confusion"], row.details.get("confusion_clean")
    panels = [("", matrix)] if clean is None else [("clean", clean), ("under attack", matrix)]
    drawn = "".join(_picture(counts, name, title) for name, counts in panels)
    return drawn if clean is None else f'<div class="pair">{drawn}</div>'


def _cell(size: int) -> float:
    """Return the side of a cell; of many classes, the picture as a whole stays as large as it is for twenty."""
    return _CELL if size <= _MOST else _CELL * _MOST / size


def _picture(counts: Sequence[Sequence[int]], name: str, title: str) -> str:
    size, cell = len(counts), _cell(len(counts))
    middle, end = size * cell / 2, size * cell
    right = sum(counts[i][i] for i in range(size))
    said = f"{title}{f', {name}' if name else ''}: {right:,} of {sum(map(sum, counts)):,} right"
    step = 1 if size <= _MOST else size // 10
    ticks = range(0, size, step)
    across = "".join(f'<text x="{(k + 0.5) * cell:g}" y="{end + 12:g}">{k}</text>' for k in ticks)
    down = "".join(f'<text x="-9" y="{(k + 0.5) * cell + 3:g}">{k}</text>' for k in ticks)
    axis = f'<text x="{middle:g}" y="{end + 29:g}">predicted</text>'
    axis += f'<text transform="translate(-24 {middle:g})rotate(-90)">true</text>'
    head = f'<text x="{middle:g}" y="-6" fill="var(--ink)">{escape(name)}</text>' if name else ""
    numbers = "".join(_numbers(counts, cell)) if size <= _MOST else ""
    shapes = "".join(_shapes(counts, cell))
    labels = f'<g fill="var(--muted)">{head}{across}{down}{axis}</g>'
    inside = f'<g transform="translate({_LEFT} {_TOP})">{shapes}<g font-size="8">{numbers}</g>{labels}</g>'
    view = f"0 0 {_LEFT + end:g} {_TOP + end + _BELOW:g}"
    return f'<svg role="img" aria-label="{escape(said)}" viewBox="{view}" class="matrix">{inside}</svg>'


def _shapes(counts: Sequence[Sequence[int]], cell: float) -> Iterator[str]:
    """Draw the cells, those of one colour and one strength as one path."""
    paths: dict[tuple[str, int], list[str]] = {}
    side = cell * (1 - _GAP / _CELL)
    for true, line in enumerate(counts):
        total = max(sum(line), 1)
        for predicted, count in enumerate(line):
            if count:
                right = true == predicted
                share = count / total
                # Mistakes are few: the square root lets 1 % be seen beside 10 %.
                strength = 0.15 + 0.35 * share if right else min(1.0, 0.12 + 1.6 * share**0.5)
                key = ("--blue" if right else "--orange", round(_LEVELS * strength))
                place = f"M{predicted * cell:g} {true * cell:g}h{side:g}v{side:g}h-{side:g}z"
                paths.setdefault(key, []).append(place)
    for (color, level), places in sorted(paths.items()):
        yield f'<path fill="var({color})" fill-opacity="{max(level, 1) / _LEVELS:g}" d="{"".join(places)}"/>'


def _numbers(counts: Sequence[Sequence[int]], cell: float) -> Iterator[str]:
    for true, line in enumerate(counts):
        for predicted, count in enumerate(line):
            if count:
                yield f'<text x="{(predicted + 0.5) * cell:g}" y="{(true + 0.5) * cell + 3:g}">{count}</text>'
