"""The command line: the scorecard without pytest, and the data sets."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness import __version__, cli_certify, cli_sensitivity
from pytest_robustness.console import (
    FAILED,
    NOT_EVALUATED,
    PASSED,
    USAGE,
    ProgressBar,
    add_run_options,
    cache_folder,
    complain,
    given,
    say,
)
from pytest_robustness.errors import ConfigurationError, ParameterError, RobustnessError
from pytest_robustness.scorecard.settings import Settings, read_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_robustness.evaluations import Requirement
    from pytest_robustness.scorecard import Scorecard
    from pytest_robustness.scorecard.record import Payload
    from pytest_robustness.scorecard.suite import Evaluators

SETTINGS = (
    *("model", "data", "n", "seed", "device", "batch_size", "confidence", "verdict", "inconclusive", "early_stop"),
    *("report", "allow_pickle"),
)

FUTURE_COMMANDS = ("compare",)


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
    given = [_number_as_value(text) for text in (sys.argv[1:] if arguments is None else arguments)]
    if given and given[0] in FUTURE_COMMANDS:
        supported = "scorecard, sensitivity, certify, data"
        return complain(f"the command {given[0]!r} is not supported by this version; supported: {supported}", USAGE)
    options = _parser().parse_args(given)
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

    card = commands.add_parser("scorecard", help="measure a classifier, judge its requirements, print the scorecard")
    card.add_argument("model", metavar="MODEL", help="module:name, file.py:name, weights.pt@module:factory, ...")
    card.add_argument("--config", metavar="FILE", type=Path, help="TOML file with [robustness] and its requirements")
    card.add_argument("--n", type=int, help="samples drawn at random (default: all)")
    add_run_options(card)
    card.add_argument("--verdict", metavar="RULE", help="point, verify or regress")
    card.add_argument("--early-stop", metavar="RULE", help="off (default), certain, or the error of a sequential test")
    card.add_argument("--inconclusive", metavar="WHAT", help="whether an inconclusive verdict fails: fail or pass")
    card.add_argument(
        "--report", metavar="PATH", nargs="+", action="extend", help="files to write: .json, .md, .html or .csv"
    )
    card.add_argument("-v", "--verbose", action="count", default=0, help="all metrics and parts; -vv: costs as well")
    card.add_argument("-q", "--quiet", action="store_true", help="one line")
    card.set_defaults(run=_scorecard)

    cli_sensitivity.add_command(commands)
    cli_certify.add_command(commands)

    data = commands.add_parser("data", help="list the data sets, download one, or say where they are")
    actions = data.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", help="every data set: size, shape, place, licence").set_defaults(run=_data_list)
    actions.add_parser("path", help="the folder in which files are looked for").set_defaults(run=_data_path)
    fetch = actions.add_parser("fetch", help="download a data set, checking its SHA-256")
    fetch.add_argument("name", metavar="NAME")
    fetch.set_defaults(run=_data_fetch)
    return parser


def _scorecard(options: argparse.Namespace) -> int:
    head, tables = read_tables(options.config) if options.config else ({}, [])
    settings = Settings().replaced(head).replaced(_given(options))

    from pytest_robustness.scorecard.suite import (
        Evaluators,
        overall,
        requirements_from_tables,
        settings_for,
        standard_suite,
    )

    progress = ProgressBar(quiet=options.quiet)
    evaluators = Evaluators(cache=cache_folder() if settings.cache else None, progress=progress)
    left_out: list[str] = []
    if options.config:
        requirements = requirements_from_tables(tables)
        if not requirements:
            raise ConfigurationError(f"no requirement in {options.config}", allowed="tables [[robustness.require]]")
    else:
        requirements, left_out = standard_suite(evaluators.get(settings.model, settings.data, settings))
    for requirement in requirements:
        settings_for(requirement, settings)  # a wrong one is an error now, not after an hour
    payloads, unmeasured = _run_all(requirements, evaluators, settings, progress)
    if payloads:
        _show(payloads, settings, options)
    for reason in () if options.quiet else left_out:
        say(f"left out: {reason}")
    for reason in unmeasured:
        complain(f"could not evaluate {reason}", NOT_EVALUATED)
    decisions = [payload["row"]["verdict"] for payload in payloads]
    if not overall(decisions, inconclusive=settings.inconclusive):
        return FAILED
    return NOT_EVALUATED if unmeasured else PASSED


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given as options."""
    found = given(options, SETTINGS)
    return {**found, "cache": False} if options.no_cache else found


def _run_all(
    requirements: Sequence[Requirement], evaluators: Evaluators, settings: Settings, progress: ProgressBar
) -> tuple[list[Payload], list[str]]:
    """Run every requirement, whatever becomes of the others; return the rows, and what could not be evaluated."""
    from pytest_robustness.scorecard.suite import run_requirement

    payloads: list[Payload] = []
    unmeasured: list[str] = []
    for number, requirement in enumerate(requirements, start=1):
        progress.title = f"{number}/{len(requirements)} {requirement.evaluation.family}"
        try:
            rows = run_requirement(requirement, evaluators, settings, model=settings.model, data=settings.data)
            payloads += rows
            if rows[0]["faults"] and not requirement.thresholds:
                unmeasured.append(f"{rows[0]['row']['id']}: it cannot be relied on: {rows[0]['faults'][0]}")
        except RobustnessError as error:
            unmeasured.append(f"{requirement.evaluation.family}: {error}")
        progress.end()
    return payloads, unmeasured


def _show(payloads: list[Payload], settings: Settings, options: argparse.Namespace) -> None:
    from pytest_robustness.scorecard import Scorecard
    from pytest_robustness.scorecard.terminal import render_terminal

    card: Scorecard = Scorecard.from_rows(payloads, seed=settings.seed)
    width = shutil.get_terminal_size((80, 24)).columns
    verbosity = -1 if options.quiet else options.verbose
    plain = _needs_ascii(sys.stdout.encoding)
    for line in render_terminal(card, width=width, verbosity=verbosity, color=sys.stdout.isatty(), ascii=plain):
        say(line)
    for path in settings.report:
        card.write(path)
        say(f"written: {path}")


def _data_list(_: argparse.Namespace) -> int:
    from tabulate import tabulate

    from pytest_robustness.datasets import describe, describe_mnist_c

    rows = [
        (
            info.name,
            f"{info.n:,}" + (f" x {info.copies}" if info.copies > 1 else ""),
            "x".join(map(str, info.shape)),
            info.location or "not here",
            info.licence,
        )
        for info in (*describe(), describe_mnist_c())
    ]
    widths = [None, None, None, 34, 44]
    say(tabulate(rows, headers=["name", "images", "shape", "where", "licence"], maxcolwidths=widths))
    return PASSED


def _data_path(_: argparse.Namespace) -> int:
    from pytest_robustness.datasets import data_folder
    from pytest_robustness.datasets.files import cache_folder

    say(str(data_folder() or cache_folder()))
    return PASSED


def _data_fetch(options: argparse.Namespace) -> int:
    from pytest_robustness.datasets import fetch

    for path in fetch(options.name, progress=sys.stderr.isatty()):
        say(str(path))
    return PASSED


def _needs_ascii(encoding: str | None) -> bool:
    """Return whether a stream of this encoding cannot take the signs of the table."""
    try:
        "≥≤\N{EN DASH}·…".encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
