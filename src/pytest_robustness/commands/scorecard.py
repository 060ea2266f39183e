"""The command ``scorecard``: every requirement of a model measured and judged, without pytest."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.commands.console import (
    FAILED,
    NOT_EVALUATED,
    PASSED,
    USAGE,
    ProgressBar,
    add_run_options,
    cache_folder,
    complain,
    given,
    needs_ascii,
    say,
)
from pytest_robustness.errors import ConfigurationError, RobustnessError
from pytest_robustness.gates.settings import Settings, read_tables

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pytest_robustness.evaluations import Requirement
    from pytest_robustness.gates.baseline import Baseline
    from pytest_robustness.gates.evaluators import Evaluators
    from pytest_robustness.scorecard import Scorecard
    from pytest_robustness.scorecard.record import Payload

SETTINGS = (
    *("model", "data", "n", "seed", "device", "batch_size", "confidence", "verdict", "inconclusive", "familywise"),
    *("early_stop", "report", "baseline", "update_baseline", "max_drop", "allow_pickle"),
)

_NOT_MEASURED = ("model", "report", "cache", "baseline", "update_baseline")


def add_command(commands: Any) -> None:
    """Add the command to the parser of the command line."""
    card = commands.add_parser("scorecard", help="measure a classifier, judge its requirements, print the scorecard")
    card.add_argument("model", metavar="MODEL", help="module:name, file.py:name, weights.pt@module:factory, ...")
    card.add_argument("--config", metavar="FILE", type=Path, help="TOML file with [robustness] and its requirements")
    card.add_argument("--n", type=int, help="samples drawn at random (default: all)")
    add_run_options(card)
    card.add_argument("--verdict", metavar="RULE", help="point, verify or regress")
    card.add_argument("--early-stop", metavar="RULE", help="off (default), certain, or the error of a sequential test")
    card.add_argument("--inconclusive", metavar="WHAT", help="whether an inconclusive verdict fails: fail or pass")
    card.add_argument("--familywise", metavar="HOW", help="off (default), or holm: all verdicts hold together")
    card.add_argument(
        "--report", metavar="PATH", nargs="+", action="extend", help="files to write: .json, .md, .html, .csv, ..."
    )
    card.add_argument(
        "--baseline", metavar="PATH", help="compare with this scorecard (.json); written where there is none"
    )
    card.add_argument("--update-baseline", action="store_true", default=None, help="write the baseline anew instead")
    card.add_argument("--max-drop", type=float, help="how much worse than the baseline a requirement may be")
    card.add_argument("-v", "--verbose", action="count", default=0, help="all metrics and parts; -vv: costs as well")
    card.add_argument("-q", "--quiet", action="store_true", help="one line")
    card.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    head, tables = read_tables(options.config) if options.config else ({}, [])
    settings = Settings().replaced(head).replaced(_given(options))

    from pytest_robustness.gates.baseline import baseline_for
    from pytest_robustness.gates.evaluators import Evaluators
    from pytest_robustness.gates.standard import standard_suite
    from pytest_robustness.gates.suite import check_size, overall, requirements_from_tables, settings_for

    own = options.baseline is not None or not options.config
    baseline = baseline_for(settings, Path() if own else options.config.parent)
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
        check_size(settings_for(requirement, settings))  # a wrong one is an error now, not after an hour
    payloads, unmeasured = _run_all(requirements, evaluators, settings, progress, baseline)
    code = _show(payloads, settings, options, baseline, unmeasured) if payloads else PASSED
    for reason in () if options.quiet else left_out:
        say(f"left out: {reason}")
    for reason in unmeasured:
        complain(f"could not evaluate {reason}", NOT_EVALUATED)
    decisions = [payload["row"]["verdict"] for payload in payloads]
    if not overall(decisions, inconclusive=settings.inconclusive):
        return FAILED
    return code or (NOT_EVALUATED if unmeasured else PASSED)


def _command(options: argparse.Namespace) -> str:
    """Return the command line that measures the same once more, without the reports."""
    chosen = {"config": options.config} if options.config else {}
    chosen |= {key: value for key, value in _given(options).items() if key not in _NOT_MEASURED}
    words = ["pytest-robustness", "scorecard", options.model]
    for name, value in chosen.items():
        words += [f"--{name.replace('_', '-')}={entry}" for entry in (value if isinstance(value, list) else [value])]
    return shlex.join([*words, *(["--no-cache"] if options.no_cache else [])])


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given as options."""
    found = given(options, SETTINGS)
    return {**found, "cache": False} if options.no_cache else found


def _run_all(
    requirements: Sequence[Requirement],
    evaluators: Evaluators,
    settings: Settings,
    progress: ProgressBar,
    baseline: Baseline | None,
) -> tuple[list[Payload], list[str]]:
    """Run every requirement, whatever becomes of the others; return the rows, and what could not be evaluated."""
    from pytest_robustness.gates.familywise import family_of, settle
    from pytest_robustness.gates.suite import run_requirement, tell_apart

    family = family_of(requirements, settings)
    payloads: list[Payload] = []
    unmeasured: list[str] = []
    for number, requirement in enumerate(requirements, start=1):
        progress.title = f"{number}/{len(requirements)} {requirement.evaluation.family}"
        try:
            rows = run_requirement(
                requirement,
                evaluators,
                settings,
                model=settings.model,
                data=settings.data,
                family=family,
                baseline=baseline,
            )
            payloads += rows
            if rows[0]["faults"] and not requirement.thresholds:
                unmeasured.append(f"{rows[0]['row']['id']}: it cannot be relied on: {rows[0]['faults'][0]}")
        except RobustnessError as error:
            unmeasured.append(f"{requirement.evaluation.family}: {error}")
        progress.end()
    settle(payloads)
    tell_apart(payloads)
    return payloads, unmeasured


def _show(
    payloads: list[Payload],
    settings: Settings,
    options: argparse.Namespace,
    baseline: Baseline | None,
    unmeasured: list[str],
) -> int:
    """Print the scorecard, write the reports and the baseline; return the exit code where all else is well."""
    from pytest_robustness.gates.familywise import family_text
    from pytest_robustness.scorecard import Scorecard
    from pytest_robustness.scorecard.environment import environment
    from pytest_robustness.scorecard.renderers.github import append_summary
    from pytest_robustness.scorecard.renderers.terminal import render_terminal

    about = environment() | {"command": _command(options)} | family_text(payloads)
    card: Scorecard = Scorecard.from_rows(payloads, seed=settings.seed, environment=about, unevaluated=unmeasured)
    whole = not unmeasured
    gone = [row for row in baseline.unmeasured(card) if row.test is None] if baseline and whole else []
    card = card if baseline is None else baseline.attached(card, gone)
    width = shutil.get_terminal_size((80, 24)).columns
    verbosity = -1 if options.quiet else options.verbose
    plain = needs_ascii(sys.stdout.encoding)
    for line in render_terminal(card, width=width, verbosity=verbosity, color=sys.stdout.isatty(), ascii=plain):
        say(line)
    for path in settings.report:
        card.write(path)
        say(f"written: {path}")
    if problem := append_summary(card):
        say(problem)
    if baseline is None:
        return PASSED
    from pytest_robustness.gates.keeping import keep_baseline, measured_in_full

    kept = keep_baseline(baseline, card, gone, finished=True, whole=whole, strict=settings.strict)
    for _, note in [*measured_in_full(settings), *kept.notes]:
        say(note)
    return {"fine": PASSED, "absent": FAILED, "unwritten": USAGE}[kept.outcome]
