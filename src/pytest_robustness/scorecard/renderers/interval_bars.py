"""A value with its interval and its bound as a small bar, as SVG."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_robustness.scorecard.format import SHARES

if TYPE_CHECKING:
    from pytest_robustness.scorecard.rows import PartRow, Row


def scale_end(metric: str, places: list[float]) -> float:
    """Return where a bar ends that begins at 0: shares and areas under curves at 1, others beyond all their marks."""
    if metric in SHARES or "auroc" in metric or metric.startswith("aupr"):
        return 1.0
    return 1.25 * max(*places, 1e-12)


def interval_bar(row: Row, entry: Row | PartRow, *, bounded: bool = True) -> str:
    """Draw the value as a dot, its interval as a band, and the bound as a tick with the good side underlined.

    Parameters
    ----------
    row : Row
        Whose metric and bound the bar has.
    entry : Row or PartRow
        The row itself, or one of its parts.
    bounded : bool
        Whether the bound of the row is one on this entry.

    Returns
    -------
    str
        An ``svg`` element as wide as its place, or nothing where there is no value. It is hidden from screen readers:
        the numbers stand beside it.
    """
    if not math.isfinite(entry.value):
        return ""
    low = entry.low if math.isfinite(entry.low) else entry.value
    high = entry.high if math.isfinite(entry.high) else entry.value
    bound = row.threshold if bounded else None
    end = scale_end(row.metric, [high, entry.value, bound.bound if bound else 0.0])

    def place(value: float) -> float:
        return round(100 * min(max(value / end, 0.0), 1.0), 2)

    shapes = '<rect class="rail" y="7" width="100%" height="2"/>'
    if bound is not None:
        at = place(bound.bound)
        left, right = (at, 100.0) if bound.op in (">=", ">") else (0.0, at)
        shapes += f'<rect class="good" x="{left:g}%" y="7" width="{right - left:.4g}%" height="2"/>'
    width = place(high) - place(low)
    shapes += f'<rect class="band" x="{place(low):g}%" y="4" width="{width:.4g}%" height="8" rx="2"/>'
    shapes += f'<circle class="dot" cx="{place(entry.value):g}%" cy="8" r="4"/>'
    if bound is not None:
        shapes += f'<line class="limit" x1="{at:g}%" x2="{at:g}%" y1="0" y2="16"/>'
    return f'<svg class="bar" aria-hidden="true" focusable="false">{shapes}</svg>'
