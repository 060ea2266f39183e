"""The table of the studies: ``python -m example_models.tradeoffs [measure|judge|propose NAME ...|all]``.

Without a command it writes ``docs/tradeoffs.md``, ``docs/tradeoffs.json``, the pictures and the list in
``example_models/README.md`` from the scorecards that are there. ``measure`` writes these scorecards, ``judge`` the
comparisons of models (``example_models/claims.json``, ``effects.json``), ``propose`` the requirements of the gates.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from example_models import claims, effects, measuring, page
from example_models.models import MODELS
from pytest_robustness.errors import RobustnessError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

COMMANDS = {"measure": measuring.measure, "propose": measuring.propose}


def main(argv: Sequence[str] | None = None) -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", choices=["page", "judge", *COMMANDS], default="page")
    parser.add_argument("names", nargs="*", metavar="NAME", help="models, or all")
    asked = parser.parse_args(argv)
    wanted = list(MODELS) if "all" in asked.names else asked.names
    if asked.command in COMMANDS and not wanted:
        parser.error(f"{asked.command} needs names of models, or all")
    if unknown := [name for name in wanted if name not in MODELS]:
        parser.error(f"no such model: {', '.join(unknown)}; there are {', '.join(MODELS)}")
    try:
        for path in _written(asked.command, wanted):
            sys.stdout.write(f"written: {path}\n")
    except RobustnessError as error:
        parser.error(str(error))


def _written(command: str, names: Sequence[str]) -> Iterable[Path]:
    """Do it, and return the files that it wrote, one after the other."""
    if command in COMMANDS:
        return (COMMANDS[command](name) for name in names)
    return page.write() if command == "page" else (one.judge() for one in (claims, effects))


if __name__ == "__main__":
    main()
