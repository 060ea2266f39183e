"""The scorecard as a badge: the JSON that an endpoint of shields.io draws."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_robustness.scorecard.card import Scorecard

_COLORS = {"passed": "brightgreen", "failed": "red", "inconclusive": "yellow", "measured": "blue", "incomplete": "red"}


def render_badge(card: Scorecard) -> str:
    """Render the verdict of a scorecard for ``https://img.shields.io/endpoint?url=...``.

    The message counts the judged rows: ``12 passed``, ``1 failed of 12``, ``2 inconclusive of 12``, or what came to no
    row: ``1 not evaluated``. Where nothing was judged it says how many rows were measured. Only a whole run is green.
    """
    counts = card.counts
    judged = sum(counts.values()) - counts["measured"]
    verdict = card.verdict
    if verdict == "incomplete":
        message = f"{len(card.unevaluated)} not evaluated"
    else:
        message = f"{counts[verdict]} {verdict}" + ("" if verdict in ("passed", "measured") else f" of {judged}")
    badge = {"schemaVersion": 1, "label": "robustness", "message": message, "color": _COLORS[verdict]}
    return json.dumps(badge) + "\n"
