"""Pictures of saliency and of attacks: curves, sheets of examples, confusion matrices side by side."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from pytest_robustness.scorecard.figures import BLUE, INK, MUTED, ORANGE, confusion
from pytest_robustness.scorecard.format import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pytest_robustness.scorecard.rows import Row

SHEETS = {"sheet": "Contact sheet", "saliency_examples": "Saliency and masks", "adversarial_examples": "Fooled samples"}
"""Key of a row's details that holds a sheet of examples -> its title."""


def curves(row: Row) -> Figure:
    """Draw the deletion and insertion curves, each beside that of random ink pixels, and the asked fraction."""
    from matplotlib.figure import Figure

    details = row.details["saliency_curves"]
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, name, title in ((left, "deletion", "pixels masked"), (right, "insertion", "pixels shown")):
        control = details["random_ink" if name == "deletion" else "random_ink_insertion"]
        axes.plot(details["shares"], control, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="random ink")
        axes.plot(details["shares"], details[name], color=BLUE, marker="o", markersize=3, label="most salient first")
        axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel=title, xticks=(0, 0.25, 0.5, 0.75, 1))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(_percent)
    left.axvline(details["fraction"], color=ORANGE, linewidth=1)
    left.set_ylabel("accuracy")
    right.legend(frameon=False, loc="lower right", title=one_line(str(details["map"])))
    return figure


def confusions(row: Row) -> Figure:
    """Draw the confusion matrix; beside that of the clean images where the row is of an attack."""
    if "confusion_clean" not in row.details:
        return confusion(row)
    from matplotlib.figure import Figure

    clean, attacked = row.details["confusion_clean"], row.details["confusion"]
    figure = Figure(figsize=(5.2, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, matrix, title in ((left, clean, "clean"), (right, attacked, "under attack")):
        _matrix(axes, matrix)
        axes.set_title(title, fontsize=9, color=INK)
    left.set_ylabel("true")
    return figure


def examples_sheet(sheet: Mapping[str, Any], title: str) -> str:
    """Return a sheet of examples as an element of a page, each row of pictures beside its name."""
    names = "".join(f"<li>{escape(one_line(name))}</li>" for name in sheet["names"])
    told = escape(one_line(f"{title}: {', '.join(sheet.get('captions') or sheet['names'])}"))
    size = f'width="{sheet["width"] * sheet["columns"]}" height="{sheet["height"] * len(sheet["names"])}"'
    image = f'<img alt="{told}" title="{told}" {size} src="data:image/png;base64,{sheet["png"]}">'
    return f'<div class="contact"><ol>{names}</ol>{image}</div>'


def sheets_of(row: Row) -> list[tuple[str, str]]:
    """Return the title and the element of each sheet of examples that a row has."""
    return [(title, examples_sheet(row.details[key], title)) for key, title in SHEETS.items() if row.details.get(key)]


def _matrix(axes: Axes, matrix: list[list[int]]) -> None:
    """Draw shares of the true class: the diagonal is quiet, every mistake stands out."""
    from matplotlib.patches import Rectangle

    size = len(matrix)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal", xlabel="predicted")
    for true, counts in enumerate(matrix):
        total = max(sum(counts), 1)
        for predicted, count in enumerate(counts):
            if not count:
                continue
            right, share = true == predicted, count / total
            square = Rectangle((predicted - 0.47, true - 0.47), 0.94, 0.94, linewidth=0)
            square.set_facecolor(BLUE if right else ORANGE)
            # Mistakes are few: the square root lets 1 % be seen beside 10 %.
            square.set_alpha(0.15 + 0.35 * share if right else min(1.0, 0.12 + 1.6 * share**0.5))
            axes.add_patch(square)
            if size <= 12:
                axes.text(predicted, true, f"{count}", ha="center", va="center", fontsize=4.5, color=INK)
    ticks = range(0, size, 1 if size <= 12 else max(size // 10, 1))
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_yticks(ticks, [str(tick) for tick in ticks])


def _percent(value: float, _: int) -> str:
    return f"{100 * value:.4g} %"
