"""The command ``compare``: several scorecards side by side."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from pytest_robustness.commands.console import PASSED, say
from pytest_robustness.errors import ConfigurationError, RobustnessError

if TYPE_CHECKING:
    import argparse

    from pytest_robustness.scorecard import Scorecard


def add_command(commands: Any) -> None:
    """Add the command to the parser of the command line."""
    command = commands.add_parser("compare", help="put scorecards side by side: differences, and who wins what")
    command.add_argument("cards", metavar="CARD.json", nargs="+", help="scorecards; the first is the base")
    command.add_argument("--report", metavar="PATH", nargs="+", action="extend", help="files to write: .md or .html")
    command.add_argument("--all", action="store_true", help="every metric, not only main ones and those with a bound")
    command.add_argument("-v", "--verbose", action="count", default=0, help="the intervals of all differences")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare, print the tables, and write the files that are asked for."""
    from pytest_robustness.scorecard.renderers.side_reports import render_sides_terminal, sides_format, write_sides
    from pytest_robustness.scorecard.renderers.sides import side_by_side

    for path in options.report or ():
        sides_format(path)
    sides = side_by_side([(path, _card(path)) for path in options.cards], every=options.all)
    width = shutil.get_terminal_size((80, 24)).columns
    for line in render_sides_terminal(sides, width=width, verbosity=options.verbose):
        say(line)
    for path in options.report or ():
        write_sides(sides, path)
        say(f"written: {path}")
    return PASSED


def _card(path: str) -> Scorecard:
    from pytest_robustness.scorecard.checked import read_checked

    try:
        return read_checked(path)[0]
    except RobustnessError as error:
        raise ConfigurationError(f"{path} cannot be compared: {error}") from error
