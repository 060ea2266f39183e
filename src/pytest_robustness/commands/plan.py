"""The command ``plan``: how many samples a bound needs, before any is measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_robustness.commands.console import PASSED, say
from pytest_robustness.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

    from pytest_robustness.gates.planning import Outlook

DEFAULT_MARGIN = 0.03


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of the command line."""
    plan = commands.add_parser(
        "plan",
        help="how many samples a bound on an accuracy needs to be met, or missed, for sure",
        description="Either one bound, with the accuracy that the model is thought to have, or all of a file.",
    )
    plan.add_argument("--bound", type=float, metavar="SHARE", help="the accuracy that is asked for, as in 0.85")
    plan.add_argument("--value", type=float, metavar="SHARE", help="the accuracy that the model has")
    plan.add_argument("--power", type=float, default=0.95, help="chance to come to a verdict (default: 0.95)")
    plan.add_argument("--confidence", type=float, help="level of the interval (default: 0.95)")
    plan.add_argument("--population", type=int, metavar="N", help="images that there are (default: no end of them)")
    plan.add_argument("--config", metavar="FILE", type=Path, help="TOML file with [robustness] and its requirements")
    plan.add_argument(
        "--margin",
        type=float,
        metavar="SHARE",
        help=f"with --config: how much better than its bound the model is (default: {DEFAULT_MARGIN:g})",
    )
    plan.set_defaults(run=_plan)


def _plan(options: argparse.Namespace) -> int:
    lone = {"--bound": options.bound, "--value": options.value, "--population": options.population}
    if options.config is not None:
        if unused := [name for name, value in lone.items() if value is not None]:
            raise ConfigurationError(f"{', '.join(unused)}: for one bound, not for all of a file", got="--config")
        return _plan_file(options)
    if options.bound is None or options.value is None or options.margin is not None:
        raise ConfigurationError(
            "plan needs --bound and --value, or --config FILE (with --margin)", mend="As in --bound 0.85 --value 0.9."
        )
    return _plan_one(options)


def _plan_one(options: argparse.Namespace) -> int:
    from pytest_robustness.metrics.power import power_of, samples_for_power

    confidence = 0.95 if options.confidence is None else options.confidence
    for name in ("bound", "value"):
        if 1 < getattr(options, name) <= 100:
            share = getattr(options, name)
            raise ConfigurationError(f"--{name} is out of range", got=share, mend=f"{share:g} % is {share / 100:g}.")
    needed = samples_for_power(
        bound=options.bound,
        value=options.value,
        power=options.power,
        confidence=confidence,
        population=options.population,
    )
    verdict = "passed" if options.value >= options.bound else "failed"
    of = "" if options.population is None else f" of {options.population:,}"
    if needed is None:
        if options.population is None:
            say(f"no number of samples: {options.value:g} is too close to {options.bound:g} to be told from it")
        else:
            sides = f"{options.value:g} from {options.bound:g}"
            say(f"all {options.population:,} samples: fewer do not tell {sides}, all do")
        return PASSED
    reached = power_of(
        needed, bound=options.bound, value=options.value, confidence=confidence, population=options.population
    )
    say(
        f"{needed:,} sample{'' if needed == 1 else 's'}{of}: an accuracy of {options.value:g} is {verdict}"
        f" (>= {options.bound:g}, rule verify, {100 * confidence:g} % interval) with probability {reached:.3f}"
    )
    return PASSED


def _plan_file(options: argparse.Namespace) -> int:
    from tabulate import tabulate

    from pytest_robustness.gates.planning import ANY, AT_MOST, UNKNOWN, margin_dead_ends, outlooks
    from pytest_robustness.gates.settings import Settings, read_tables
    from pytest_robustness.gates.suite import requirements_from_tables, settings_for

    head, tables = read_tables(options.config)
    settings = Settings().replaced(head)
    if options.confidence is not None:
        settings = settings.replaced({"confidence": options.confidence})
    requirements = requirements_from_tables(tables)
    if not requirements:
        raise ConfigurationError(f"no requirement in {options.config}", allowed="tables [[robustness.require]]")
    for requirement in requirements:
        settings_for(requirement, settings)
    margin = DEFAULT_MARGIN if options.margin is None else options.margin
    found = outlooks(requirements, settings, power=options.power, margin=margin)
    titles = ["requirement", "bound", "n", "needs", f"n for +{margin:g}"]
    say(tabulate([_cells(one) for one in found], headers=titles, disable_numparse=True, colalign=_ALIGN))
    say("")
    say(f"needs: the accuracy that a model must have to pass with probability {options.power:g} at this n.")
    say(f"n for +{margin:g}: samples for the same where the model is that much better than its bound.")
    if any(one.samples == ANY for one in found):
        say(f"{ANY}: under the rule regress a model passes that is not shown to miss its bound.")
    if any(AT_MOST in one.needs + one.samples for one in found):
        say(f"{AT_MOST.strip()}: of the interval; the sequential test before it may come to its verdict with less.")
    if any(UNKNOWN in (one.needs, one.samples) for one in found):
        say(f"{UNKNOWN}: not known before it is measured.")
    for one in found:
        for line in one.problems:
            say(f"! {one.name}: {line}")
    for requirement in requirements:
        for line in margin_dead_ends(requirement, settings_for(requirement, settings)):
            say(f"! {requirement.evaluation.family}: {line}")
    return PASSED


_ALIGN = ("left", "right", "right", "right", "right")


def _cells(one: Outlook) -> list[str]:
    n = "all" if one.n is None else f"{one.n:,}"
    return [one.name, f"{one.op} {one.bound:g}", n, one.needs, one.samples]
