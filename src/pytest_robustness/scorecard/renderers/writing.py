"""Writing a scorecard to a file: the suffix picks the format."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_robustness.errors import ConfigurationError, ParameterError
from pytest_robustness.scorecard.renderers.badge import render_badge
from pytest_robustness.scorecard.renderers.csv import render_csv
from pytest_robustness.scorecard.renderers.gitlab import render_gitlab
from pytest_robustness.scorecard.renderers.huggingface import render_huggingface
from pytest_robustness.scorecard.renderers.markdown import render_markdown
from pytest_robustness.scorecard.suffixes import report_suffix

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_robustness.scorecard.card import Scorecard


def _html(card: Scorecard) -> str:
    from pytest_robustness.scorecard.renderers.html import render_html

    return render_html(card)


FORMATS: dict[str, Callable[[Scorecard], str]] = {
    ".json": lambda card: card.to_json(),
    ".md": render_markdown,
    ".html": _html,
    ".csv": render_csv,
    ".badge.json": render_badge,
    ".metrics.txt": render_gitlab,
    ".hf.yaml": render_huggingface,
}
"""End of the name of a report to its renderer; the longest one counts."""


def report_format(path: str | Path) -> str:
    """Return the end of the name of a report that picks its format, in lower case.

    Raises
    ------
    ParameterError
        If there is no such format. Asked for early, an option with a typing mistake need not wait for the end of a run.
    """
    suffix = report_suffix(path)
    if suffix is None:
        raise ParameterError("unknown format of a report", got=str(path), allowed=FORMATS)
    return suffix


def write(card: Scorecard, path: str | Path) -> Path:
    """Write a scorecard, whole or not at all.

    The text goes to a temporary file in the same folder, which then takes the place of an older report: nobody ever
    reads half a report. Missing folders are made.

    Raises
    ------
    ParameterError
        If the suffix is not one of `FORMATS`.
    ConfigurationError
        If the file cannot be written.
    """
    return write_text(FORMATS[report_format(path)](card), path)


def write_text(text: str, path: str | Path) -> Path:
    """Write a text to a file, whole or not at all; missing folders are made.

    Raises
    ------
    ConfigurationError
        If the file cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
    except OSError as error:
        raise ConfigurationError("a report that cannot be written", got=str(path), mend=f"{error.strerror}.") from error
    return path


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """Return the process's mask for new files; temporary files ignore it and would be readable by their owner only."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
