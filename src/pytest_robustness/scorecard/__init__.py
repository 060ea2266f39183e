"""Records of what was measured and judged, and the formats they are written in.

Nothing is measured or judged here: rows come in as plain data, and leave as a terminal table, JSON, Markdown, CSV, a
data frame or one HTML page. The names below are loaded on first use, because the settings of a run look
here for the formats of reports at the start of every pytest run; each renderer, in turn, imports what it needs when it
is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_robustness.lazy import loader

if TYPE_CHECKING:
    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.renderers.terminal import render_terminal
    from pytest_robustness.scorecard.rows import BoundRow, DataCard, ModelCard, PartRow, Row
    from pytest_robustness.scorecard.schema import json_schema

__all__ = [
    "BoundRow",
    "DataCard",
    "ModelCard",
    "PartRow",
    "Row",
    "Scorecard",
    "json_schema",
    "render_terminal",
]

_FILE_OF = {
    "BoundRow": "rows",
    "DataCard": "rows",
    "ModelCard": "rows",
    "PartRow": "rows",
    "Row": "rows",
    "Scorecard": "card",
    "render_terminal": "renderers.terminal",
    "json_schema": "schema",
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = loader(__name__, _FILE_OF)
