"""What the commands share: exit codes, where text goes, the bar of progress, the folder of stored outcomes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from pytest_robustness.engine import Progress

PASSED, FAILED, USAGE, NOT_EVALUATED = 0, 1, 2, 3

CACHE = Path(".pytest_cache") / "d" / "robustness"
"""The folder that pytest uses as well, so that neither computes what the other knows."""


class ProgressBar:
    """A bar on standard error: in place on a terminal, a line for each finished requirement elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self.title = ""
        self._quiet = quiet
        self._started = time.monotonic()
        self._in_place = sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        """Draw the bar."""
        if progress.done == 0:
            self._started = time.monotonic()
        if self._in_place and not self._quiet:
            sys.stderr.write(f"\r\x1b[2K{self.title} {progress.bar()} {self._seconds():.0f} s")
            sys.stderr.flush()

    def end(self) -> None:
        """Wipe the bar, or write a line where there is none."""
        if self._quiet:
            return
        sys.stderr.write("\r\x1b[2K" if self._in_place else f"{self.title} done in {self._seconds():.1f} s\n")
        sys.stderr.flush()

    def _seconds(self) -> float:
        return time.monotonic() - self._started


def add_run_options(command: argparse.ArgumentParser, *, confidence: str = "level of the intervals") -> None:
    """Add the options that every command has which measures."""
    command.add_argument("--data", metavar="NAME", help="name of a data set, or path of an .npz file (default: mnist)")
    command.add_argument("--seed", type=int, help="seed of the draw, the order and all noise (default: 0)")
    command.add_argument("--device", help="where a torch model runs (default: cpu)")
    command.add_argument("--batch-size", type=int, help="images in a forward pass (default: 500)")
    command.add_argument("--confidence", type=float, help=f"{confidence} (default: 0.95)")
    command.add_argument(
        "--allow-pickle", metavar="SHA256", action="append", help="load this pickled model, and no other"
    )
    command.add_argument("--no-cache", action="store_true", help="neither read nor store outcomes")


def given(options: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Return the options of these names that were given."""
    found = {name: getattr(options, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def cache_folder() -> str | None:
    """Make the folder of stored outcomes; say so, and go without, where that is impossible."""
    root = CACHE.parent.parent
    try:
        if not root.exists():
            root.mkdir()
            (root / ".gitignore").write_text("*\n", encoding="utf-8")
        CACHE.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        complain(f"outcomes are not stored: {error}", PASSED)
        return None
    return str(CACHE)


def needs_ascii(encoding: str | None) -> bool:
    """Return whether a stream of this encoding cannot take the signs of the table."""
    try:
        "≥≤\N{EN DASH}·…".encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return True
    return False


def say(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(f"{text}\n")


def complain(error: object, code: int) -> int:
    """Write a line to standard error, and return the exit code."""
    sys.stderr.write(f"pytest-robustness: {error}\n")
    return code
