"""The command ``cache``: what is stored of earlier runs, and removing it."""

from __future__ import annotations

import re
import time
from argparse import SUPPRESS, ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.commands.console import CACHE, PASSED, say
from pytest_robustness.errors import ConfigurationError, check_number

if TYPE_CHECKING:
    import argparse

    from pytest_robustness.engine.pruning import Contents, Pruned, StoredFile

DAY = 24 * 3600
AGES = (("the last hour", 3600.0), ("the last day", float(DAY)), ("the last week", 7.0 * DAY))
"""Spans of time by which outcomes are counted: what it is called, and how many seconds ago it began."""

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def add_command(commands: Any) -> None:
    """Add the command to the parser of the command line."""
    command = commands.add_parser("cache", help="say what outcomes are stored, or remove some")
    command.set_defaults(run=_info, folder=None)
    actions = command.add_subparsers(metavar="ACTION")
    actions.add_parser("info", help="how many, how large, how old (default)").set_defaults(run=_info)
    clear = actions.add_parser("clear", help="remove all but what a running session uses")
    clear.set_defaults(run=_clear)
    prune = actions.add_parser("prune", help="remove those that were used longest ago, never what a running one uses")
    prune.add_argument("--size", metavar="SIZE", type=_bytes, help="bytes to keep at most, as in 200M (default: 1G)")
    prune.add_argument("--unused", metavar="DAYS", type=float, help="also remove what was not used for so many days")
    prune.set_defaults(run=_prune)
    for parser in (command, *actions.choices.values()):
        parser.add_argument(
            "--folder",
            metavar="PATH",
            type=Path,
            default=SUPPRESS,
            help=f"where they lie (default: {CACHE.as_posix()}; with cache_dir of pytest, d/robustness below that)",
        )


def _info(options: argparse.Namespace) -> int:
    if (folder := _folder(options)) is None:
        return PASSED

    from tabulate import tabulate

    from pytest_robustness.engine.pruning import BOUND, contents

    found = contents(folder)
    say(f"{folder}: {len(found.entries):,} outcomes, {_size(found.size)} of at most {_size(BOUND)}")
    if found.entries:
        rows = [(name, f"{len(files):,}", _size(sum(f.size for f in files))) for name, files in _by_age(found)]
        say(tabulate(rows, headers=["last used in", "outcomes", "size"], colalign=("left", "right", "right")))
    if found.running:
        used = sum(map(found.in_use, found.entries))
        say(f"{len(found.running)} running session(s), which may have used {used:,} of these")
    return PASSED


def _prune(options: argparse.Namespace) -> int:
    if options.unused is not None:
        check_number("--unused", options.unused, minimum=0)
    if (folder := _folder(options)) is None:
        return PASSED

    from pytest_robustness.engine.pruning import BOUND, prune

    since = None if options.unused is None else time.time() - options.unused * DAY
    return _told(prune(folder, size=BOUND if options.size is None else options.size, unused_since=since))


def _clear(options: argparse.Namespace) -> int:
    if (folder := _folder(options)) is None:
        return PASSED

    from pytest_robustness.engine.pruning import prune

    return _told(prune(folder, size=0))


def _told(pruned: Pruned) -> int:
    say(f"removed: {pruned.removed:,} outcomes, {_size(pruned.freed)}")
    if pruned.spared:
        say(f"left: {pruned.spared:,} outcomes that a running session uses")
    return PASSED


def _folder(options: argparse.Namespace) -> Path | None:
    """Return the folder of a store; say so where there is none, which is a mistake where it was named."""
    folder: Path = options.folder or CACHE
    if (folder / "locks").is_dir():
        return folder
    if options.folder is not None:
        raise ConfigurationError(
            "not a folder of stored outcomes",
            got=str(folder),
            mend="With the ini key cache_dir of pytest it is d/robustness below that.",
        )
    say(f"{folder}: nothing is stored")
    return None


def _by_age(found: Contents) -> list[tuple[str, list[StoredFile]]]:
    now = time.time()
    groups: dict[str, list[StoredFile]] = {name: [] for name in (*dict(AGES), "longer ago")}
    for entry in found.entries:
        name = next((name for name, span in AGES if now - entry.used < span), "longer ago")
        groups[name].append(entry)
    return list(groups.items())


def _size(size: float) -> str:
    """Return bytes in the largest unit that leaves a number of at least 1."""
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} GB"


def _bytes(text: str) -> int:
    """Read a number of bytes: ``500000``, ``200M``, ``1.5 GB``."""
    parts = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmg]?)b?", text.strip().lower())
    if parts is None:
        raise ArgumentTypeError(
            f"not a size: {text.strip()!r}; allowed: a number of bytes, as in 500000, 200M or 1.5GB"
        )
    return int(float(parts[1]) * UNITS[parts[2]])
