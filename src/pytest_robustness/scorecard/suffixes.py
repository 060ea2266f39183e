"""How the name of a report tells its format."""

from __future__ import annotations

from pathlib import Path

REPORT_SUFFIXES = (".json", ".md", ".html", ".csv", ".badge.json", ".metrics.txt", ".hf.yaml")
"""How the name of a report may end; the end picks the format, and the longest one counts."""


def report_suffix(path: str | Path) -> str | None:
    """Return the longest of `REPORT_SUFFIXES` that the name of a report ends with; None where there is none."""
    name = Path(path).name.lower()
    # ".json" alone is a hidden file without a suffix.
    ends = [suffix for suffix in REPORT_SUFFIXES if name.endswith(suffix) and Path(name).suffix]
    return max(ends, key=len, default=None)
