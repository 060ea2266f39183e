"""The command line: its commands, and the exit code of what goes wrong."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pytest_robustness import __version__
from pytest_robustness.commands import cache, certify, compare, data, plan, propose, scorecard, sensitivity
from pytest_robustness.commands.console import NOT_EVALUATED, USAGE, complain
from pytest_robustness.errors import ConfigurationError, ParameterError, RobustnessError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (scorecard, propose, compare, sensitivity, certify, plan, cache, data)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        0 where all requirements passed, 1 where one failed, 2 for a usage error, 3 where something could not be
        evaluated.
    """
    words = [_number_as_value(text) for text in (sys.argv[1:] if arguments is None else arguments)]
    options = _parser().parse_args(words)
    try:
        return int(options.run(options))
    except (ConfigurationError, ParameterError) as error:
        return complain(error, USAGE)
    except RobustnessError as error:
        return complain(error, NOT_EVALUATED)
    except KeyboardInterrupt:
        return complain("interrupted; what was measured is stored and will not be computed again", 130)


def _number_as_value(text: str) -> str:
    """Return a negative number so that it is not taken for an option: argparse knows -0.1, but not -1e-3."""
    try:
        float(text)
    except ValueError:
        return text
    return f" {text}" if text.startswith("-") else text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pytest-robustness", description="Robustness of image classifiers, measured.")
    parser.add_argument("--version", action="version", version=f"pytest-robustness {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
