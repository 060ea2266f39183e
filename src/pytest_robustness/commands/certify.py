"""The command ``certify``: certified accuracy of a smoothed classifier, image by image, without pytest."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.commands.console import PASSED, ProgressBar, add_run_options, cache_folder, given, say
from pytest_robustness.errors import RobustnessError
from pytest_robustness.gates.settings import Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pytest_robustness.evaluations import Measurement

SETTINGS = ("model", "data", "seed", "device", "batch_size", "executor", "confidence", "allow_pickle")
NOISE = ("norm", "radius", "alpha", "levels", "sigma")
DRAWS = {"n": "noise_n", "n0": "noise_n0", "noise_confidence": "noise_confidence"}
"""Options that count draws of noise here, as they do in the papers; elsewhere ``n`` is that of the images."""

_TYPED = {parameter: option for option, parameter in DRAWS.items()}


def add_command(commands: Any) -> None:
    """Add the command to the parser of the command line."""
    command = commands.add_parser("certify", help="certify images against all changes within a radius")
    command.add_argument("model", metavar="MODEL", help="module:name, file.py:name, weights.pt@module:factory, ...")
    command.add_argument("--norm", help="l0 (default): changed values, of grey images pixels; l2: Euclidean distance")
    command.add_argument("--radius", metavar="R", help="3, 0..10 or 0,0.25,0.5 (default: 1); one takes far fewer draws")
    command.add_argument("--alpha", help="l0: probability that a value is kept (default: 0.8)")
    command.add_argument("--levels", type=int, help="l0: values are multiples of 1/LEVELS (default: 1)")
    command.add_argument("--sigma", type=float, help="l2: standard deviation of the noise (default: 0.25)")
    command.add_argument("--n", type=int, help="draws of noise that bound a probability (default: 100000)")
    command.add_argument("--n0", type=int, help="draws of noise that select the class before (default: 100)")
    command.add_argument(
        "--noise-confidence", type=float, help="1 - chance of a false certificate, for each image (default: 0.999)"
    )
    command.add_argument("--images", type=int, help="images drawn at random (default: all)")
    command.add_argument("--save", metavar="FILE", type=Path, help="write a line for each image: .tsv or .csv")
    command.add_argument("--plot", metavar="FILE", type=Path, help="draw the curve: .png, .svg or .pdf")
    add_run_options(command, confidence="level of the intervals over the images")
    command.add_argument("--executor", metavar="NAME", help="serial (default), processes or processes:N")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Certify the images, print the accuracy at each radius, and write the files that are asked for.

    Raises
    ------
    RobustnessError
        For instance for an option that is out of its range, by the name that it has here.
    """
    with _named({"n": "images"}):
        settings = Settings().replaced(given(options, SETTINGS) | _renamed(options, {"images": "n"}))
    with _named(_TYPED):
        return _certify(options, settings)


def _certify(options: argparse.Namespace, settings: Settings) -> int:
    from pytest_robustness.evaluations import CertifiedAccuracy
    from pytest_robustness.evaluations.certification.files import check_certificates_file, save_certificates
    from pytest_robustness.evaluations.pictures import check_writable, picture_suffix
    from pytest_robustness.gates.evaluators import Evaluators

    evaluation = CertifiedAccuracy(**given(options, NOISE), **_renamed(options, DRAWS))
    picture_suffix(options.plot)
    for path in (options.save and check_certificates_file(options.save), options.plot):
        if path is not None:
            check_writable(path)
    bar = ProgressBar(quiet=options.quiet)
    bar.title = "certify"
    evaluators = Evaluators(cache=None if options.no_cache else cache_folder(), progress=bar)
    with _named({"n": "images"}):
        evaluator = evaluators.get(settings.model, settings.data, settings)
    measurement = evaluator.measure(evaluation, confidence=settings.confidence)
    bar.end()
    for line in _lines(measurement):
        say(line)
    if options.save:
        save_certificates(measurement, options.save)
        say(f"written: {options.save}")
    if options.plot:
        from pytest_robustness.scorecard.renderers.certified_figures import draw_certified

        draw_certified(measurement.details["certificates"], options.plot)
        say(f"written: {options.plot}")
    return PASSED


@contextmanager
def _named(names: dict[str, str]) -> Iterator[None]:
    """Let errors call parameters as the options are called that were typed."""
    try:
        yield
    except RobustnessError as error:
        raise type(error)(_as_typed(str(error), names)) from error


def _as_typed(text: str, names: dict[str, str]) -> str:
    """Put the names of options for those of parameters: ``noise_n=100 draws`` becomes ``--n=100 draws``."""
    for parameter, option in names.items():
        text = re.sub(rf"(?<![\w'\"-]){parameter}(?=$|=|[ .,:])", f"--{option.replace('_', '-')}", text)
    return text


def _renamed(options: argparse.Namespace, names: dict[str, str]) -> dict[str, Any]:
    return {names[name]: value for name, value in given(options, names).items()}


def _lines(measurement: Measurement) -> list[str]:
    """Return the accuracy at each radius as a table, and what it rests on below it."""
    from textwrap import fill, wrap

    from tabulate import tabulate

    found = measurement.details["certificates"]
    columns = zip(*(found[name] for name in ("radii", "accuracy", "low", "high")), strict=True)
    rows = [(f"{radius:g}", value, f"[{low:.4f}, {high:.4f}]") for radius, value, low, high in columns]
    interval = f"{100 * measurement.confidence:g} % interval"
    headers = (f"{found['norm']} radius", "certified accuracy", interval)
    lines = tabulate(rows, headers=headers, floatfmt=".4f", disable_numparse=[0], colalign=("right",)).splitlines()
    for metric in measurement.others:
        name = metric.metric.replace("_", " ")
        lines.append(f"{name}: {metric.value:.4g} [{metric.low:.4g}, {metric.high:.4g}]")
    lines += [f"noise: {found['noise']}", *wrap(found["statement"], 80)]
    draws = f"{found['draws']:,.0f} draws an image, {found['most_draws']:,} at most"
    lines.append(f"{measurement.n:,} images, {draws}, {measurement.seconds:.1f} s")
    notes = (f"note: {_as_typed(warning, _TYPED)}" for warning in measurement.warnings)
    return [*lines, *(fill(note, 80, subsequent_indent="  ") for note in notes)]
