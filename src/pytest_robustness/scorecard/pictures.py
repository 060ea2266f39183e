"""Pictures of measurements as elements for a page; the same input gives the same text, to the byte."""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING, Any

from pytest_robustness.scorecard import certified_figures
from pytest_robustness.scorecard.figures import (
    BLUE,
    INK,
    LINE,
    MUTED,
    ORANGE,
    PAPER,
    histograms,
    part_bars,
    reliability,
    roc,
    surface,
)
from pytest_robustness.scorecard.format import SHARES
from pytest_robustness.scorecard.saliency_figures import confusions, curves, sheets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matplotlib.figure import Figure

    from pytest_robustness.scorecard.rows import Row

_VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", BLUE: "--blue", ORANGE: "--orange", PAPER: "--paper"}

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pytest-robustness",
    "font.family": ["sans-serif"],
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "text.parse_math": False,  # a dollar sign in the name of a part is a dollar sign
}


PICTURES: Mapping[str, tuple[str, Callable[[Row], Figure]]] = {
    "accuracy": ("Accuracy surface", surface),
    "bins": ("Reliability diagram", reliability),
    "confusion": ("Confusion matrix", confusions),
    "edges": ("Anomaly scores", histograms),
    "roc": ("ROC curve", roc),
    "sets": ("ROC curves", roc),
    "saliency_curves": ("Accuracy over masked and shown pixels", curves),
}
"""Key of a row's details that a picture needs -> its title and how it is drawn."""


PARTS_TITLE = "Corruption by corruption"
"""Title of the picture that is drawn from a row's parts."""


def draw(row: Row, prefix: str) -> list[tuple[str, str]]:
    """Draw every picture that a row has the details for.

    Parameters
    ----------
    row : Row
    prefix : str
        Put before every id inside the pictures, which must be unique in a page.

    Returns
    -------
    list of (str, str)
        Title and HTML text of each picture: SVG, or an image inside.
    """
    kinds = [(title, make) for key, (title, make) in PICTURES.items() if row.details.get(key)]
    if row.family == "corruption" and row.parts and row.metric in SHARES:
        kinds.append((PARTS_TITLE, part_bars))
    if len(row.details.get("certificates", {}).get("radii", ())) > 1:
        kinds.append((certified_figures.TITLE, certified_figures.certified))
    drawn = [(title, _svg(make, row, f"{prefix}-{index}-", title)) for index, (title, make) in enumerate(kinds)]
    return drawn + sheets_of(row)


def _svg(make: Callable[[Row], Figure], row: Row, prefix: str, title: str) -> str:
    import matplotlib as mpl

    text = io.StringIO()
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # The reader's browser brings the font; what matplotlib's own font lacks does not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = make(row)
        figure.savefig(
            text, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    return _inline(text.getvalue(), prefix, title)


def _inline(svg: str, prefix: str, title: str) -> str:
    """Turn an SVG file into an element of a page: ids made unique, colours made variables, size left to the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r'href="#', f'href="#{prefix}', svg).replace("url(#", f"url(#{prefix}")
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var({variable})")
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
