"""Pictures of saliency and of attacks: curves, and sheets of examples."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from pytest_robustness.scorecard.format import one_line
from pytest_robustness.scorecard.renderers.figures import BLUE, MUTED, ORANGE, percent_axes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

    from pytest_robustness.scorecard.rows import Row

SHEETS = {"sheet": "Contact sheet", "saliency_examples": "Saliency and masks", "adversarial_examples": "Fooled samples"}
"""Key of a row's details that holds a sheet of examples -> its title."""


def curves(row: Row) -> Figure:
    """Draw the deletion and insertion curves, each beside that of random ink pixels, and the asked fraction."""
    from matplotlib.figure import Figure

    details = row.details["saliency_curves"]
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.1})
    for axes, name, title in ((left, "deletion", "pixels masked"), (right, "insertion", "pixels shown")):
        control = details["random_ink" if name == "deletion" else "random_ink_insertion"]
        axes.plot(details["shares"], control, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="random ink")
        axes.plot(
            details["shares"],
            details[name],
            color=BLUE,
            marker="o",
            markersize=3,
            label="most salient first",
            clip_on=False,
        )
        axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel=title, xticks=(0, 0.5, 1))
        percent_axes(axes.xaxis, axes.yaxis)
    left.axvline(details["fraction"], color=ORANGE, linewidth=1, label="fraction asked for")
    left.set_ylabel("accuracy")
    # Below the axes: no corner is free of curves for every map and mask.
    told = f"{one_line(str(details['map']))}, mask {one_line(_short(details['mask']))}"
    figure.legend(*left.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=3, title=told)
    return figure


def _short(mask: float | str) -> str:
    return mask if isinstance(mask, str) else f"{mask:g}"


def examples_sheet(sheet: Mapping[str, Any], title: str) -> str:
    """Return a sheet of examples as an element of a page, each row of pictures beside its name."""
    names = "".join(f"<li>{escape(one_line(name))}</li>" for name in sheet["names"])
    told = escape(one_line(f"{title}: {', '.join(sheet.get('captions') or sheet['names'])}"))
    size = f'width="{sheet["width"] * sheet["columns"]}" height="{sheet["height"] * len(sheet["names"])}"'
    image = f'<img alt="{told}" title="{told}" {size} src="data:image/png;base64,{sheet["png"]}">'
    captions = "".join(f"<span>{escape(one_line(text))}</span>" for text in sheet.get("captions") or ())
    below = f'<p class="captions">{captions}</p>' if captions else ""
    return f'<div class="contact"><ol>{names}</ol>{image}{below}</div>'


def sheets_of(row: Row) -> list[tuple[str, str]]:
    """Return the title and the element of each sheet of examples that a row has."""
    return [(title, examples_sheet(row.details[key], title)) for key, title in SHEETS.items() if row.details.get(key)]
