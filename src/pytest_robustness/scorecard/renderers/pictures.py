"""Pictures of measurements as elements for a page; the same input gives the same text, to the byte."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from pytest_robustness.scorecard.format import SHARES
from pytest_robustness.scorecard.renderers import certified_figures, svg
from pytest_robustness.scorecard.renderers.figures import (
    BLUE,
    INK,
    LINE,
    MUTED,
    ORANGE,
    PAPER,
    budget_curve,
    histograms,
    part_bars,
    reliability,
    roc,
    surface,
)
from pytest_robustness.scorecard.renderers.matrices import confusions
from pytest_robustness.scorecard.renderers.saliency_figures import curves, sheets_of

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
    "edges": ("Anomaly scores", histograms),
    "roc": ("ROC curve", roc),
    "sets": ("ROC curves", roc),
    "saliency_curves": ("Accuracy over masked and shown pixels", curves),
}
"""Key of a row's details that a picture needs -> its title and how it is drawn."""


PARTS_TITLE = "Corruption by corruption"
CURVE_TITLE = "Accuracy over the size of the change"
FROM_PARTS = frozenset({PARTS_TITLE, CURVE_TITLE})
"""Titles of the pictures that are drawn from a row's parts."""

MATRIX_TITLE = "Confusion matrix"


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
    if sum(part.name.startswith("eps=") for part in row.parts) > 1:
        kinds.append((CURVE_TITLE, budget_curve))
    drawn = [(title, _svg(make, row, f"{prefix}-{index}-", title)) for index, (title, make) in enumerate(kinds)]
    if row.details.get("confusion"):
        drawn.append((MATRIX_TITLE, confusions(row, MATRIX_TITLE)))
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
    return svg.element(text.getvalue(), prefix=prefix, title=title, colors=_VARIABLES)
