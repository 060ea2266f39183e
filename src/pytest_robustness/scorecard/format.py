"""How a value, an interval, a bound and a check are put in words: one source of truth for every renderer."""

from __future__ import annotations

import json
import math
import re
import textwrap
from typing import TYPE_CHECKING, Any

from pytest_robustness.metrics.intervals import level_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.rows import BoundRow, DataCard, ModelCard, PartRow, Row

SHARES = frozenset(
    {
        *("accuracy", "worst", "mean", "area", "max_drop", "robust_box", "fpr95", "fpr95_in"),
        *("random", "random_ink", "excess_drop", "deletion_area", "insertion_area"),
    }
)
"""Metrics that are a share of images or of an area, shown in percent; all others are shown as plain numbers."""

_METRIC_LABELS = {
    ("corruption", "mce"): "mCE",
    ("corruption", "relative_mce"): "relative mCE",
    ("calibration", "mce"): "max calibration error",
    "worst": "worst",
    "mean": "mean",
    "area": "area",
    "max_drop": "largest drop",
    "robust_box": "robust box",
    "random": "random pixels",
    "random_ink": "random ink pixels",
    "excess_drop": "drop beyond random ink",
    "deletion_area": "deletion area",
    "insertion_area": "insertion area",
    "mean_radius": "mean radius",
    "median_radius": "median radius",
    "auroc": "AUROC",
    "aupr_out": "AUPR out",
    "aupr_in": "AUPR in",
    "near_auroc": "AUROC near",
    "far_auroc": "AUROC far",
    "worst_auroc": "worst AUROC",
    "fpr95": "FPR at 95 % TPR",
    "fpr95_in": "FPR at 95 % TPR, inliers positive",
    "ece": "ECE",
    "ace": "adaptive ECE",
    "classwise_ece": "classwise ECE",
    "debiased_ece": "debiased calibration error",
    "smooth_ece": "smooth ECE",
    "worst_ece": "worst ECE",
    "rms": "RMS calibration error",
    "rms_hendrycks": "RMS calibration error without the last bin",
    "brier": "Brier",
    "brier_reliability": "Brier reliability",
    "brier_resolution": "Brier resolution",
    "brier_uncertainty": "Brier uncertainty",
    "nll": "NLL",
}

NAMED_BY_VALUE = ("attack", "suite", "outliers", "score", "norm")
"""Parameters whose value says what it is: ``pgd linf``, not ``attack=pgd norm=linf``."""

_HIDDEN = ("transform_code",)
"""Parameters that tell rows apart, but nothing to a reader."""

_LISTS = ("severities", "eps", "radius")
"""Parameters that are lists of numbers, not the two ends of a range."""

_PLURALS = {"radius": "radii"}

_SIGNS = {">=": "≥", "<=": "≤", ">": ">", "<": "<"}

INDENT = "  "
"""Before the further lines of a label that is broken."""

_DASH = "\N{EN DASH}"
_ASCII = str.maketrans({_DASH: "-", "≥": ">=", "≤": "<=", "…": "...", "·": "-"})


def to_ascii(text: str) -> str:
    """Replace typographic signs by their ASCII likeness, and what has none by a question mark."""
    return text.translate(_ASCII).encode("ascii", "replace").decode("ascii")


def one_line(text: str) -> str:
    """Join the lines of a text, and drop control characters, which could move a terminal's cursor."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def shortened(text: str, room: int = 300) -> str:
    """Return a text in one line of at most `room` characters."""
    line = one_line(text)
    return line if len(line) <= room else f"{line[: room - 1]}…"


def value_text(metric: str, value: float, *, near: float | None = None) -> str:
    """Put a value in words: ``98.9 %`` for a share, ``0.0123`` for anything else.

    Parameters
    ----------
    metric : str
    value : float
    near : float, optional
        A bound that the value is compared with. As many decimals are shown as it takes to see on which side the value
        lies: 0.84996 against 0.85 is ``84.996 %``, never ``85.0 %``. Likewise only 1 itself is ``100.0 %``.
    """
    number = _number(metric, value, near)
    return f"{number} %" if metric in SHARES and math.isfinite(value) else number


def interval_text(metric: str, low: float, high: float) -> str:
    """Put an interval in words, without its unit: ``98.1 - 99.4`` with a dash; empty where there is none."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"{_number(metric, low)} {_DASH} {_number(metric, high)}"


def bound_text(metric: str, threshold: BoundRow | None) -> str:
    """Put a bound in words, exactly as it was given: ``≥ 85 %``; empty where there is none."""
    if threshold is None:
        return ""
    scale, unit = (100, " %") if metric in SHARES else (1, "")
    return f"{_SIGNS[threshold.op]} {scale * threshold.bound:.10g}{unit}"


def row_value(row: Row) -> str:
    """Put the value of a row in words, seen against its bound."""
    return value_text(row.metric, row.value, near=row.threshold.bound if row.threshold else None)


def row_interval(row: Row | PartRow, metric: str) -> str:
    """Put the interval of a row or a part in words."""
    return interval_text(metric, row.low, row.high)


def metric_label(family: str, metric: str) -> str:
    """Return what people call a metric: ``ECE`` for ``ece``."""
    labels: Mapping[Any, str] = _METRIC_LABELS
    return labels.get((family, metric), labels.get(metric, metric))


def parameters_label(parameters: Mapping[str, Any]) -> str:
    """Shorten parameters to a few words: ``pgd linf eps=0.1 steps=40``, ``gamma=0.5..2``."""
    named = [_listed(parameters[name]) for name in NAMED_BY_VALUE if parameters.get(name) not in (None, "", [])]
    others = [
        f"{len(value)} {_PLURALS.get(name, name)}" if _is_long(value, name) else f"{name}={_short(value, name)}"
        for name, value in parameters.items()
        if name not in (*NAMED_BY_VALUE, *_HIDDEN) and value not in (None, "", [], {})
    ]
    return one_line(" ".join(named + others))


def _is_long(value: object, name: str) -> bool:
    return isinstance(value, list | tuple) and len(value) > 3 and not _is_run(value, name)


def _is_run(value: list[Any] | tuple[Any, ...], name: str) -> bool:
    """Tell whether these are radii without a gap, which are named by the first and the last: ``radius=0..10``."""
    return name == "radius" and len(value) > 2 and list(value) == [value[0] + i for i in range(len(value))]


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def row_metric(row: Row) -> str:
    """Say what a row is a value of: its metric, or of several radii the one that the accuracy is of; else nothing."""
    if row.metric != "accuracy":
        return metric_label(row.family, row.metric)
    radius = row.parameters.get("radius")
    return f"at radius {_short(radius[-1])}" if row.family == "certified" and isinstance(radius, list | tuple) else ""


def check_label(row: Row) -> str:
    """Say what was checked in one short line: family, parameters, and the metric where it is not plain accuracy."""
    words = " ".join(filter(None, [one_line(row.family), parameters_label(row.parameters)]))
    return " · ".join(filter(None, [words, row_metric(row)]))


def check_labels(rows: Sequence[Row]) -> list[str]:
    """Say what was checked in each row of a table; rows of several tests that are called alike have their test."""
    labels = [check_label(row) for row in rows]
    tests: dict[str, set[str | None]] = {}
    for label, row in zip(labels, rows, strict=True):
        tests.setdefault(label, set()).add(row.test)
    return [
        f"{label} ({one_line(row.test.rpartition('::')[2])})" if row.test and len(tests[label]) > 1 else label
        for label, row in zip(labels, rows, strict=True)
    ]


def label_words(label: str) -> list[str]:
    """Split a label where it may be broken: at spaces, and behind commas."""
    return [word for word in re.split(r"\s+|(?<=,)", label) if word]


def wrap_label(label: str, room: int) -> list[str]:
    """Break a label into lines, within a word only where that alone is too long."""
    return _LabelWrapper(max(room, len(INDENT) + 1), subsequent_indent=INDENT, break_on_hyphens=False).wrap(label)


class _LabelWrapper(textwrap.TextWrapper):
    wordsep_simple_re = re.compile(r"(\s+|(?<=,))")


def footnote(row: Row) -> str:
    """Return what an interval leaves out and a reader has to know: of certificates, that they may be false."""
    return one_line(row.details.get("certificates", {}).get("statement", ""))


def block_label(model: ModelCard, data: DataCard, seed: int) -> str:
    """Head a block: ``lenet5 on mnist-5k, 1,000 of 5,000 images, seed 0``."""
    return f"{one_line(model.name)} on {one_line(data.name)}, {images_text(data)}, seed {seed}"


def images_text(data: DataCard) -> str:
    """Say how many images of how many were measured."""
    return f"{data.n:,} of {data.population:,} images" if data.population > data.n else f"{data.n:,} images"


def interval_heading(rows: list[Row]) -> str:
    """Name the column of intervals: ``95 % interval`` where all rows share the confidence."""
    levels = {row.confidence for row in rows if not math.isnan(row.confidence)}
    return f"{level_text(levels.pop())} interval" if len(levels) == 1 else "interval"


def cost_text(row: Row) -> str:
    """Say what a row took: images, passes, seconds, and whether it came from the cache."""
    parts = [f"{row.n:,} images", f"{row.forwards:,} forward passes"]
    parts += [f"{row.backwards:,} backward passes"] if row.backwards else []
    parts += [f"{row.seconds:.3g} s"] + (["cached"] if row.cached else [])
    return ", ".join(parts)


def is_judged(row: Row) -> bool:
    """Tell whether something was asked of the row."""
    return row.threshold is not None or row.verdict != "measured"


def new_parts(rows: list[Row]) -> list[tuple[PartRow, ...]]:
    """Return the parts of each row, or none where an earlier metric of the same evaluation has shown the same."""
    shown: set[tuple[str, str, tuple[PartRow, ...]]] = set()
    fresh = []
    for row in rows:
        key = (row.family, repr(row.parameters), row.parts)
        fresh.append(() if key in shown else row.parts)
        shown.add(key)
    return fresh


def worst_parts(row: Row, parts: tuple[PartRow, ...], limit: int) -> tuple[tuple[PartRow, ...], str]:
    """Keep the `limit` worst parts, in their order, and say what is left out; a surface has hundreds of parts.

    NaN counts as worst. Parts of a drop are accuracies, so that their lowest are the worst.
    """
    if len(parts) <= limit:
        return parts, ""
    sign = 1 if row.higher_is_better or row.metric == "max_drop" else -1
    worst = sorted(range(len(parts)), key=lambda i: -math.inf if math.isnan(parts[i].value) else sign * parts[i].value)
    return tuple(parts[i] for i in sorted(worst[:limit])), f"the {limit} worst of {len(parts):,} parts"


def worst_row(card: Scorecard) -> Row | None:
    """Return the judged row that is furthest on the wrong side of its bound, failed before inconclusive before passed.

    Distances are relative to the bound, since a shortfall of 0.01 is much for an ECE and little for an accuracy.
    """
    rank = {"failed": 0, "inconclusive": 1, "passed": 2, "measured": 3}
    judged = [row for row in card.rows if is_judged(row)]
    return min(judged, key=lambda row: (rank[row.verdict], _margin(row)), default=None)


def summary_line(card: Scorecard) -> str:
    """Sum a card up in one line: counts of verdicts, and the worst row, or the one that passed most narrowly."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in card.counts.items())
    parts = [f"robustness: {counts}" + (f", {len(card.unevaluated)} not evaluated" if card.unevaluated else "")]
    if worst := worst_row(card):
        from pytest_robustness.scorecard.changes import since_baseline  # which needs this module

        bound = since_baseline(worst) or bound_text(worst.metric, worst.threshold)
        kind = "closest" if worst.verdict == "passed" else "worst"
        parts.append(f"{kind}: {check_label(worst)} {row_value(worst)}" + (f" ({bound})" if bound else ""))
    parts += [together] if (together := card.environment.get("familywise")) else []
    return "; ".join(parts)


def _margin(row: Row) -> float:
    if math.isnan(row.value):
        return -math.inf
    if row.threshold is None:
        return math.inf
    ahead = row.value - row.threshold.bound
    return (ahead if row.threshold.op in (">=", ">") else -ahead) / max(abs(row.threshold.bound), 1e-12)


def _number(metric: str, value: float, near: float | None = None) -> str:
    if not math.isfinite(value):
        return str(value)
    scale, fewest, limits = (100.0, 1, (0.0, 1.0, near)) if metric in SHARES else (1.0, 4, (0.0, near))
    shown = scale * value
    if metric == "median_radius" and shown == round(shown) and (near is None or near == round(near)):
        return f"{shown:.0f}"  # that of an image, counted in pixels
    if abs(shown) >= 10_000:
        return f"{shown:.4g}"
    for decimals in range(fewest, fewest + 4):
        text = f"{shown:.{decimals}f}"
        if not any(_misleads(text, value, limit, scale) for limit in limits):
            return text
    return f"{shown:.3g}" if float(text) == 0 else text


def _misleads(text: str, value: float, limit: float | None, scale: float) -> bool:
    """Tell whether a value, so rounded, lies on another side of a limit than it does."""
    return limit is not None and _side(float(text), scale * limit) != _side(value, limit)


def _side(value: float, limit: float) -> int:
    return 0 if math.isclose(value, limit, rel_tol=1e-12, abs_tol=1e-15) else (1 if value > limit else -1)


def _short(value: object, name: str = "") -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        if _is_run(value, name):
            return f"{_short(value[0])}..{_short(value[-1])}"
        if len(value) == 2 and name not in _LISTS and all(isinstance(item, int | float) for item in value):
            return f"{_short(value[0])}..{_short(value[1])}"
        return ",".join(_short(item) for item in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
