"""What the plugin adds to a run of pytest that does not use it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 9


def table() -> str:
    """Return the median user time of pytest on an empty test, with and without the plugin."""
    with tempfile.TemporaryDirectory() as folder:
        test = Path(folder) / "test_empty.py"
        test.write_text("def test_empty(): pass\n", encoding="utf-8")
        with_plugin, without = [], []
        for _ in range(ROUNDS):
            with_plugin.append(_user_seconds(test))
            without.append(_user_seconds(test, "-p", "no:robustness"))
    added = statistics.median(with_plugin) - statistics.median(without)
    return (
        f"pytest on an empty test, median user time of {ROUNDS}: {1e3 * statistics.median(without):.0f} ms without, "
        f"{1e3 * statistics.median(with_plugin):.0f} ms with the plugin: {1e3 * added:+.0f} ms"
    )


def _user_seconds(test: Path, *options: str) -> float:
    # Other installed plugins (hypothesis imports itself in its summary) would hide the difference in their noise.
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:xdist"]
    before = os.times().children_user
    command = [sys.executable, "-m", "pytest", *quiet, *options, test]
    subprocess.run(command, cwd=test.parent, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    return os.times().children_user - before
