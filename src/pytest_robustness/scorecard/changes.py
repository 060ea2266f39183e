"""How a change from a baseline is put in words: one source of truth for every renderer."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from pytest_robustness.scorecard.format import SHARES, check_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.rows import Row

_NAMED = 3
"""Rows that a line names, of those that got worse or no longer exist."""


def metric_amount(metric: str, amount: float) -> str:
    """Put a difference of a metric in words: ``1 point`` of a hundred for a share, ``0.01`` for anything else."""
    if metric not in SHARES:
        return f"{amount:.10g}"
    points = f"{100 * amount:.10g}"
    return f"{points} point" + ("" if points == "1" else "s")


def change_value(metric: str, change: float) -> str:
    """Put a change in words, with its sign: ``-3.0`` points for a share; empty where there is none."""
    if math.isnan(change):
        return ""
    scale, decimals = (100, 1) if metric in SHARES else (1, 4)
    if change == 0:
        return f"{0:.{decimals}f}"
    text = f"{scale * change:+.{decimals}f}"
    return text if float(text) else f"{scale * change:+.{decimals + 1}f}"


def change_text(metric: str, change: float, low: float, high: float) -> str:
    """Put a change with its interval in words: ``-3.0 points [-4.6, -1.4]``."""
    unit = " points" if metric in SHARES else ""
    text = f"{change_value(metric, change)}{unit}"
    if math.isnan(low) or math.isnan(high):
        return text
    return f"{text} [{change_value(metric, low)}, {change_value(metric, high)}]"


def has_changes(rows: list[Row]) -> bool:
    """Tell whether any row was compared with a baseline, so that there is a column for it."""
    return any(row.baseline is not None for row in rows)


def row_change(row: Row, *, interval: bool = False) -> str:
    """Put the change of a row from its baseline in words: ``-3.0``, or ``new`` where there was no such row."""
    change = row.baseline
    if change is None:
        return ""
    if change["shown"] is None:
        return "new"
    numbers = [math.nan if change[name] is None else change[name] for name in ("change", "low", "high")]
    if not interval or math.isnan(numbers[1]):
        return change_value(row.metric, numbers[0])
    value, low, high = (change_value(row.metric, number) for number in numbers)
    return f"{value} [{low}, {high}]"


def measured_change(row: Row) -> str:
    """Put the change of a row of which nothing was asked in a line; of others the reason of the verdict has it."""
    change = row.baseline
    if change is None or change["shown"] is None or change["verdict"] != "measured":
        return ""
    numbers = [math.nan if change[name] is None else change[name] for name in ("change", "low", "high")]
    text = f"{change_text(row.metric, *numbers)} since the baseline"
    return f"{text} ({change['note']})" if change["note"] else text


def since_baseline(row: Row) -> str:
    """Say how much a row changed where the baseline decides on its verdict, and not its bound; else nothing."""
    change = row.baseline
    if change is None or row.verdict not in ("failed", "inconclusive") or change["verdict"] != row.verdict:
        return ""
    if change.get("bound_verdict") == row.verdict:
        return ""
    if change["shown"] is None or change["change"] is None or math.isnan(change["change"]):
        return "not in the baseline" if change["shown"] is None else "no change from the baseline that is known"
    unit = " points" if row.metric in SHARES else ""
    return f"{change_value(row.metric, change['change'])}{unit} since the baseline"


def baseline_lines(card: Scorecard) -> list[str]:
    """Say what the rows were compared with and how that went, and in a line of its own which rows no longer exist."""
    about = card.baseline
    if about is None or about["created"] is None:
        return []
    facts = [about["path"], _age_text(about["age_days"])]
    changes = " with changes" if about.get("dirty") else ""
    facts += [f"commit {about['commit'][:12]}{changes}"] if about["commit"] else []
    facts += [f"sha256 {about['digest'][:12]}"] if about["digest"] else []
    lines = [f"baseline: {', '.join(filter(None, facts))}: {'; '.join(_counts(card, about['state'] == 'updated'))}"]
    if missing := about["missing"]:
        several = len(missing) > 1
        what = f"{len(missing)} row{'s' if several else ''} of the baseline no longer exist{'' if several else 's'}"
        drops = f"--robustness-update-baseline drops {'them' if several else 'it'}"
        mend = "dropped" if about["state"] == "updated" else drops
        lines.append(f"robustness: {what}: {_some(missing)} ({mend})")
    return lines


def _counts(card: Scorecard, updated: bool) -> Iterable[str]:
    """Count the rows that were compared, those apart of which nothing is asked, and say what could not be paired."""
    pairs = [(row, row.baseline) for row in card.rows if row.baseline is not None]
    known = [(row, change) for row, change in pairs if change["shown"] is not None]
    judged = [pair for pair in known if updated or pair[1]["max_drop"] is not None]
    yield _tally(judged, "compared", always=True)
    if others := [pair for pair in known if pair not in judged]:
        yield _tally(others, "only measured")
    notes = [change["note"].removeprefix("unpaired: ") for row, change in known if _wants_pairs(row, change)]
    for note, count in Counter(notes).items():
        yield f"{count} not paired ({note})"
    if new := len(pairs) - len(known):
        yield f"{new} not in it"


def _wants_pairs(row: Row, change: Mapping[str, Any]) -> bool:
    return row.outcomes is not None and not change["paired"]


def _tally(pairs: list[tuple[Row, dict[str, Any]]], what: str, *, always: bool = False) -> str:
    worse = [check_label(row) for row, change in pairs if change["shown"] == "worse"]
    better = sum(change["shown"] == "better" for _, change in pairs)
    if not (worse or better or always):
        return f"{len(pairs)} {what}"
    names = f" ({_some(list(dict.fromkeys(worse)))})" if worse else ""
    return f"{len(pairs)} {what}, {len(worse)} worse{names}, {better} better"


def _some(names: list[str]) -> str:
    return "; ".join(names[:_NAMED]) + ("; ..." if len(names) > _NAMED else "")


def _age_text(days: float | None) -> str:
    if days is None:
        return ""
    if days < 1:
        return "less than a day old"
    return f"{days:.0f} day{'' if round(days) == 1 else 's'} old"
