"""The scorecard on the page of a job of GitHub Actions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_robustness.scorecard.card import Scorecard

VARIABLE = "GITHUB_STEP_SUMMARY"
"""Environment variable with the file that GitHub shows below a job."""


def append_summary(card: Scorecard) -> str | None:
    """Append a scorecard as Markdown to the summary of the job, where there is one.

    What is appended stays below 64 KB: see `markdown.render_markdown`. Whatever else the job has written stays.

    Returns
    -------
    str or None
        Why it could not be appended; None where it was, or where this is no job of GitHub. A page that cannot be
        written is no reason to fail a gate.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    from pytest_robustness.scorecard.renderers.markdown import render_markdown

    try:
        with Path(path).open("a", encoding="utf-8", newline="\n") as file:
            file.write(render_markdown(card) + "\n")
    except OSError as error:
        return f"{VARIABLE} cannot be written: {error}"
    return None
