"""The command ``propose``: a table of requirements for a model that is there already."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.commands.console import (
    NOT_EVALUATED,
    PASSED,
    ProgressBar,
    add_run_options,
    cache_folder,
    complain,
    given,
)
from pytest_robustness.errors import ConfigurationError, EvaluationError
from pytest_robustness.gates.settings import Settings, read_tables

if TYPE_CHECKING:
    import argparse

    from pytest_robustness.gates.proposing import Proposals

_SETTINGS = ("model", "data", "n", "seed", "device", "batch_size", "confidence", "allow_pickle")

_OF_A_RUN = ("config", *(name for name in _SETTINGS if name not in ("model", "data")))


def add_command(commands: Any) -> None:
    """Add the command to the parser of the command line."""
    command = commands.add_parser(
        "propose",
        help="write requirements that a model meets, to hold it to them from now on",
        description="Every bound is the end of an interval on the bad side, less a margin.",
    )
    command.add_argument("model", metavar="MODEL", nargs="?", help="module:name, file.py:name, ...")
    command.add_argument("--from", metavar="CARD.json", dest="card", help="a scorecard to take the rows of instead")
    command.add_argument("--model-name", metavar="NAME", help="with --from: which of several models")
    command.add_argument(
        "--config", metavar="FILE", type=Path, help="TOML file whose requirements to measure instead of all families"
    )
    command.add_argument("--n", type=int, help="samples drawn at random (default: all)")
    add_run_options(command)
    command.add_argument(
        "--margin",
        metavar="TIMES",
        type=float,
        help="how far beyond the interval's end, in arms of the interval (default: 2, so that other samples of as many"
        " images miss a bound in about 0.3 %% of all draws)",
    )
    command.add_argument("--all", action="store_true", help="a bound on every metric, not only on main ones")
    command.add_argument("--output", metavar="FILE", type=Path, help="file to write (default: standard output)")
    command.add_argument("--force", action="store_true", help="overwrite the file")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from pytest_robustness.gates.proposal import MARGIN, check_margin

    margin = MARGIN if options.margin is None else options.margin
    check_margin(margin)
    _check_choice(options)
    _check_output(options)
    found = _from_card(options, margin) if options.card else _measured(options, margin)
    for reason in found.reasons:
        complain(f"left out: {reason}", PASSED)
    if not found.bounds:
        raise EvaluationError("there is no bound to propose", mend="Every reason stands above.")
    text = found.to_toml(_about(options, found, margin))
    if options.output is None:
        sys.stdout.write(text)
    else:
        _write(options.output, text)
        complain(f"written: {options.output}", PASSED)
    return NOT_EVALUATED if found.unmeasured else PASSED


def _check_choice(options: argparse.Namespace) -> None:
    """Refuse options that would be ignored."""
    if options.model and options.card:
        raise ConfigurationError("MODEL and --from CARD.json exclude each other", mend="Give one of them.")
    if not (options.model or options.card or options.config):
        raise ConfigurationError(
            "propose needs a model", mend="Give MODEL, --from CARD.json, or --config FILE with a model in its head."
        )
    if options.card is None and options.model_name is not None:
        raise ConfigurationError("--model-name chooses from a scorecard", mend="Give --from CARD.json as well.")
    if options.card is not None:
        unused = [*given(options, _OF_A_RUN), *(["no_cache"] if options.no_cache else [])]
        if unused:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in unused)
            raise ConfigurationError("for a model that is measured, not for --from CARD.json", got=names)


def _check_output(options: argparse.Namespace) -> None:
    """Refuse a file that is there, before anything is measured."""
    path: Path | None = options.output
    if path is None:
        return
    if path.name == "pyproject.toml":
        raise ConfigurationError(
            "the table is a file of its own", got=str(path), mend="Write requirements.toml, and copy what you need."
        )
    if path.is_dir():
        raise ConfigurationError("the output is a folder", got=str(path), mend="Name a file in it.")
    if path.exists() and not options.force:
        raise ConfigurationError("the file is there already", got=str(path), mend="Give --force to overwrite it.")
    if not path.parent.is_dir():
        raise ConfigurationError("the file has no folder to be in", got=str(path.parent))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        sys.stdout.write(text)  # what took hours is not lost
        raise ConfigurationError("the file cannot be written", got=str(path), mend=f"{error.strerror}.") from error


def _from_card(options: argparse.Namespace, margin: float) -> Proposals:
    from pytest_robustness.gates.proposing_from_card import propose_from_card
    from pytest_robustness.scorecard.checked import read_checked

    card, _ = read_checked(options.card)
    return propose_from_card(card, model=options.model_name, data=options.data, margin=margin, every=options.all)


def _measured(options: argparse.Namespace, margin: float) -> Proposals:
    head, tables = read_tables(options.config) if options.config else ({}, None)
    settings = Settings().replaced(head).replaced(given(options, _SETTINGS))
    if settings.model is None:
        raise ConfigurationError(f"no model in {options.config}", mend="Give MODEL, or model = ... in its head.")
    if tables is not None and not tables:
        raise ConfigurationError(f"no requirement in {options.config}", allowed="tables [[robustness.require]]")

    from pytest_robustness.gates.evaluators import Evaluators
    from pytest_robustness.gates.proposing import propose_measured

    if options.no_cache:
        settings = settings.replaced({"cache": False})
    progress = ProgressBar(quiet=options.quiet)
    evaluators = Evaluators(cache=cache_folder() if settings.cache else None, progress=progress)

    def start(title: str) -> None:
        progress.title = title

    return propose_measured(
        tables, evaluators, settings, margin=margin, every=options.all, on_start=start, on_end=progress.end
    )


def _about(options: argparse.Namespace, found: Proposals, margin: float) -> list[str]:
    """Return the comments at the head of the table: where it comes from, and what it is for."""
    file = str(options.output or "requirements.toml")
    model = str(found.head.get("model") or "MODEL")
    gate = shlex.join(["pytest", f"--robustness-config={file}"])
    card = shlex.join(["pytest-robustness", "scorecard", model, "--config", file])
    source = f"Taken from {options.card}." if options.card else "Measured by pytest-robustness propose."
    away = f"{margin:g} times its arm" if margin else "nothing"
    bounds = f"Each bound is the end of the interval on the bad side, less {away}, rounded to the far side."
    return [
        f"Requirements that the model met. {source} {bounds}",
        f"Gate: {gate}",
        f"Scorecard: {card}",
    ]
